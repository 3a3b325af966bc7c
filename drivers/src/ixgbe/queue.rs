//! Queues: queue r of pool p is hardware queue p times the queues of a pool, plus r.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live and receiving is on.
//!
//! Source: 82599 datasheet, 4.6.7 (receive), 4.6.8 (transmit) and chapter 8.

use lockgate_regs::Index;
use lockgate_regs::ixgbe::{RxQueue as RxQueueIndex, TxQueue as TxQueueIndex, *};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::card::Ixgbe;
use crate::advanced::{self, QUEUE_LIMIT, QueueControl, UsedQueues};
use crate::error::Error;
use crate::ring::{Queues, RingSizes, RxQueue};

impl Ixgbe {
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
        // Completion is told by DD: with head write-back there would be none, and a reset
        // does not turn that off.
        for queue in &used.tx {
            registers.write(queue.at, Tdwbal::new(0));
        }
        let fatal_errors = RxErrors::new().with_receive(true).into();
        advanced::build::<Rdbal, Tdbal>(&self.adapter, plan, sizes, fatal_errors, &used)
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        // No transmit queue comes up before this.
        registers.modify((), |dma: Dmatxctl| dma.with_enable(true))?;
        let used = used(plan);
        for at in used.tx.iter().map(|queue| queue.at) {
            // A write-back threshold would hold the report of a short burst back.
            registers.write(
                at,
                Txdctl::new()
                    .with_prefetch(32)
                    .with_host(1)
                    .with_enable(true),
            );
            registers.wait(at, QUEUE_LIMIT, Txdctl::enable)?;
        }
        for at in used.rx.iter().map(|queue| queue.at) {
            registers.write(at, Rxdctl::new().with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Rxdctl::enable)?;
        }
        self.set_receiving(true)?;
        queues.rx.iter().for_each(RxQueue::post_initial);
        Ok(())
    }
}

/// The queues that `plan` makes use of.
pub(super) fn used(plan: &HardwarePlan) -> UsedQueues<RxQueueIndex, TxQueueIndex> {
    let per_pool = RxQueueIndex::COUNT / plan.pools.len().max(1) as u32;
    UsedQueues::of(plan, |pool, queue| {
        u32::from(pool) * per_pool + u32::from(queue)
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
