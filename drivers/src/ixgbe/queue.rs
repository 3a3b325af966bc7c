//! Queues: queue r of pool p is hardware queue p times the queues of a pool, plus r.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live and receiving is on.
//!
//! Source: 82599 datasheet, 4.6.7 (receive), 4.6.8 (transmit) and chapter 8.

use alloc::vec::Vec;

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::ixgbe::{RxQueue as RxNumber, TxQueue as TxNumber, *};
use lockgate_regs::{Index, Register};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::Ixgbe;
use super::reset::QUEUE_LIMIT;
use crate::error::Error;
use crate::ring::{Queues, RingLayout, RingSizes, Rings, RxPlace, RxQueue, TxPlace};

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET).
const KIB: usize = 1024;

impl Ixgbe {
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
        let registers = &self.adapter.registers;
        let srrctl = Srrctl::new().with_packet_kib(longest.div_ceil(KIB) as u8);
        let srrctl = srrctl
            .with_descriptor_type(DescriptorType::OneBuffer)
            .with_drop_enable(true);
        let (rx, tx) = used(plan.hardware());
        // One full pool must not hold up the frames of another: every queue drops.
        rx.iter().for_each(|&at| registers.write(at, srrctl));
        // Completion is told by DD: with head write-back there would be none, and a reset
        // does not turn that off.
        tx.iter()
            .for_each(|&at| registers.write(at, Tdwbal::new(0)));
        let queues = per_pool(plan.hardware());
        let rx = rx.iter().map(|at| RxPlace {
            base: Rdbal::offset(*at),
            pool: (at.number() / queues) as u8,
            queue: (at.number() % queues) as u8,
        });
        let tx = tx.iter().map(|at| TxPlace {
            base: Tdbal::offset(*at),
            pool: (at.number() / queues) as u8,
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
        // No transmit queue comes up before this.
        registers.modify((), |dma: Dmatxctl| dma.with_enable(true))?;
        let (rx, tx) = used(plan);
        for at in tx {
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
        for at in rx {
            registers.write(at, Rxdctl::new().with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Rxdctl::enable)?;
        }
        self.set_receiving(true)?;
        queues.rx.iter().for_each(RxQueue::post_initial);
        Ok(())
    }
}

/// The queues that `plan` makes use of: a pool sends by as many as it receives by, but the
/// limiters are per queue, so one with a rate sends by one.
pub(super) fn used(plan: &HardwarePlan) -> (Vec<RxNumber>, Vec<TxNumber>) {
    let (mut rx, mut tx) = (Vec::new(), Vec::new());
    for (at, pool) in (0..).zip(&plan.pools) {
        let senders = if pool.rate.is_some() {
            1
        } else {
            pool.queues.max(1)
        };
        let senders = if pool.transmit { senders } else { 0 };
        let first = at * per_pool(plan);
        rx.extend((first..first + u32::from(pool.queues)).filter_map(RxNumber::new));
        tx.extend((first..first + u32::from(senders)).filter_map(TxNumber::new));
    }
    (rx, tx)
}

fn per_pool(plan: &HardwarePlan) -> u32 {
    RxNumber::COUNT / plan.pools.len().max(1) as u32
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card. CC stays
/// off: it asks for a context, which the card needs only while its switch is on (82599
/// datasheet, 7.2.3.2.4).
fn send(length: u16) -> TxData {
    let data = TxData::new()
        .with_dtyp(dtyp::DATA)
        .with_extended(true)
        .with_end_of_packet(true);
    data.with_insert_fcs(true)
        .with_length(length)
        .with_payload_length(length.into())
}
