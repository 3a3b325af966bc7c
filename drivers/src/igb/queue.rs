//! Queues: queue q of pool p is hardware queue p + 8 q.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live; receive tails come when receiving is on, or the
//! card may lose what it fetched.
//!
//! Source: 82576 datasheet, chapter 4 (initialization of a queue) and chapter 8.

use alloc::vec::Vec;

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::{RxQueue as RxNumber, TxQueue as TxNumber, *};
use lockgate_regs::{Index, Register};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::reset::QUEUE_LIMIT;
use super::{Igb, RECEIVING};
use crate::error::Error;
use crate::ring::{Queues, RingLayout, RingSizes, Rings, RxPlace, RxQueue, TxPlace};

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET).
const KIB: usize = 1024;

impl Igb {
    /// Makes the rings of every pool in `plan` and points the card at them. No
    /// queue is live yet.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let longest = plan.limits().longest_with_fcs();
        let rings = Rings {
            rx: RingLayout::new(sizes.rx, longest.next_multiple_of(KIB))?,
            tx: RingLayout::new(sizes.tx, longest.next_multiple_of(KIB))?,
            fatal_errors: RxErrors::new().with_receive(true).into(),
            send,
        };
        let (rx, tx) = used(plan.hardware());
        let registers = &self.adapter.registers;
        let srrctl = Srrctl::new().with_packet_kib((longest.div_ceil(KIB)) as u8);
        let srrctl = srrctl
            .with_descriptor_type(DescriptorType::OneBuffer)
            .with_drop_enable(true);
        rx.iter().for_each(|&at| registers.write(at, srrctl));
        // Completion is told by DD: with head write-back there would be none.
        tx.iter().for_each(|&at| registers.write(at, Tdwbal::new()));
        let pool = |pool: Pool| pool.number() as u8;
        let number = |at: &RxNumber| (at.number() / Pool::COUNT) as u8;
        let rx = rx.iter().map(|at| RxPlace {
            base: Rdbal::offset(*at),
            pool: pool(at.pool()),
            queue: number(at),
        });
        let tx = tx.iter().map(|at| TxPlace {
            base: Tdbal::offset(*at),
            pool: pool(at.pool()),
        });
        rings.build(
            &self.adapter,
            &rx.collect::<Vec<_>>(),
            &tx.collect::<Vec<_>>(),
        )
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
        let (rx, tx) = used(plan);
        for at in tx {
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
        for at in rx {
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

/// The queues that `plan` makes use of: a pool sends by as many as it receives by,
/// but the limiters are per queue, so one with a rate sends by one.
pub(super) fn used(plan: &HardwarePlan) -> (Vec<RxNumber>, Vec<TxNumber>) {
    let (mut rx, mut tx) = (Vec::new(), Vec::new());
    for (at, pool) in Pool::all().zip(&plan.pools) {
        let senders = if pool.rate.is_some() {
            1
        } else {
            pool.queues.max(1)
        };
        let senders = if pool.transmit { senders } else { 0 };
        rx.extend(at.rx_queues().into_iter().take(pool.queues.into()));
        tx.extend(at.tx_queues().into_iter().take(senders.into()));
    }
    (rx, tx)
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card.
fn send(length: u16) -> TxData {
    let data = TxData::new()
        .with_dtyp(dtyp::DATA)
        .with_extended(true)
        .with_end_of_packet(true);
    data.with_insert_fcs(true)
        .with_length(length)
        .with_payload_length(length.into())
}
