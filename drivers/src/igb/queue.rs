//! Queues: queue q of pool p is hardware queue p + 8 q.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live; receive tails come when receiving is on, or the
//! card may lose what it fetched.
//!
//! Source: 82576 datasheet, chapter 4 (initialization of a queue) and chapter 8.

use lockgate_regs::Index;
use lockgate_regs::igb::{RxQueue as RxQueueIndex, TxQueue as TxQueueIndex, *};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::card::{Igb, RECEIVING};
use crate::advanced::{self, QUEUE_LIMIT, QueueControl, UsedQueues};
use crate::error::Error;
use crate::ring::{Queues, RingSizes, RxQueue};

impl Igb {
    /// Makes the rings of every pool in `plan` and points the card at them. No
    /// queue is live yet.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let registers = &self.adapter.registers;
        let used = used(plan.hardware());
        // One full pool must not hold up the frames of another: every queue drops.
        let srrctl = Srrctl::new()
            .with_packet_kib(advanced::packet_kib(plan))
            .with_descriptor_type(DescriptorType::OneBuffer)
            .with_drop_enable(true);
        for queue in &used.rx {
            registers.write(queue.at, srrctl);
        }
        // Completion is told by DD: with head write-back there would be none.
        for queue in &used.tx {
            registers.write(queue.at, Tdwbal::new());
        }
        let fatal_errors = RxErrors::new().with_receive(true).into();
        advanced::build::<Rdbal, Tdbal>(&self.adapter, plan, sizes, fatal_errors, &used)
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        let tctl = Tctl::new().with_enable(true).with_pad_short(true);
        registers.write(
            (),
            tctl.with_collision_threshold(15).with_retransmit_late(true),
        );
        registers.write((), RECEIVING);
        let used = used(plan);
        for at in used.tx.iter().map(|queue| queue.at) {
            // A write-back threshold would hold the report of a short burst back.
            registers.write(
                at,
                Txdctl::new()
                    .with_prefetch(8)
                    .with_host(1)
                    .with_enable(true),
            );
            registers.wait(at, QUEUE_LIMIT, Txdctl::enable)?;
        }
        for at in used.rx.iter().map(|queue| queue.at) {
            let rxdctl = Rxdctl::new()
                .with_prefetch(8)
                .with_host(8)
                .with_write_back(1);
            registers.write(at, rxdctl.with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Rxdctl::enable)?;
        }
        queues.rx.iter().for_each(RxQueue::post_initial);
        Ok(())
    }
}

/// The queues that `plan` makes use of.
pub(super) fn used(plan: &HardwarePlan) -> UsedQueues<RxQueueIndex, TxQueueIndex> {
    UsedQueues::of(plan, |pool, queue| {
        u32::from(pool) + Pool::COUNT * u32::from(queue)
    })
}

impl QueueControl for Rxdctl {
    fn is_on(&self) -> bool {
        self.enable()
    }

    fn off(self) -> Self {
        self.with_enable(false)
    }
}

impl QueueControl for Txdctl {
    fn is_on(&self) -> bool {
        self.enable()
    }

    fn off(self) -> Self {
        self.with_enable(false)
    }
}
