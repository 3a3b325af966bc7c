//! Queues: queue r of pool p is hardware queue p times the queues of a pool, plus r.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live and receiving is on.
//!
//! Source: 82599 datasheet, 4.6.7 (receive), 4.6.8 (transmit) and chapter 8.

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::ixgbe::{RxQueue as RxNumber, TxQueue as TxNumber, *};
use lockgate_regs::{Index, Register};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::reset::QUEUE_LIMIT;
use super::{Ixgbe, Layout};
use crate::common::AROUND;
use crate::error::Error;
use crate::ring::{Queues, RingSizes, Rings, RxQueue, layout};

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET).
const KIB: usize = 1024;

impl Ixgbe {
    /// Makes the rings of every pool in `plan` and points the card at them. No
    /// queue is live yet.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let longest = usize::from(plan.mtu()) + AROUND;
        let rings = Rings {
            rx: layout(sizes.rx, longest.next_multiple_of(KIB))?,
            tx: layout(sizes.tx, longest.next_multiple_of(64))?,
            fatal_errors: RxErrors::new().with_receive(true).into(),
            send,
        };
        let registers = &self.port.registers;
        let srrctl = Srrctl::new().with_packet_kib(longest.div_ceil(KIB) as u8);
        let srrctl = srrctl.with_descriptor_type(DescriptorType::OneBuffer).with_drop_enable(true);
        let (mut rx, mut tx) = (Vec::new(), Vec::new());
        for (pool, number, at) in used_rx(plan.hardware()) {
            registers.write(at, srrctl);
            rx.push((Rdbal::offset(at), pool.number() as u8, number));
        }
        for (pool, at) in used_tx(plan.hardware()) {
            // Completion is told by DD: with head write-back there would be none, and a
            // reset does not turn it off.
            registers.write(at, Tdwbal::new(0));
            tx.push((Tdbal::offset(at), pool.number() as u8));
        }
        rings.build(&self.port, &rx, &tx)
    }

    /// Every queue drops what finds no descriptor, used or not: one full pool must not
    /// hold up the frames of another.
    pub(super) fn set_drops(&self) {
        for queue in 0..RxNumber::COUNT as u8 {
            let drop = Pfqde::new().with_enable(true).with_queue(queue).with_write(true);
            self.port.registers.write((), drop);
        }
    }

    /// Whether every queue drops.
    pub(super) fn all_drop(&self) -> Result<bool, Error> {
        let mut all = true;
        for queue in 0..RxNumber::COUNT as u8 {
            self.port.registers.write((), Pfqde::new().with_queue(queue).with_read(true));
            all &= self.port.registers.read::<Pfqde>(())?.enable();
        }
        Ok(all)
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.port.registers;
        // No transmit queue comes up before this.
        registers.modify((), |dma: Dmatxctl| dma.with_enable(true))?;
        for (_, at) in used_tx(plan) {
            // A write-back threshold would hold the report of a short burst back.
            registers.write(at, Txdctl::new().with_prefetch(32).with_host(1).with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Txdctl::enable)?;
        }
        for (_, _, at) in used_rx(plan) {
            registers.write(at, Rxdctl::new().with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Rxdctl::enable)?;
        }
        self.set_receiving(true)?;
        queues.rx.iter().for_each(RxQueue::begin);
        Ok(())
    }
}

/// The receive queues that `plan` makes use of, with pool and number within.
pub(super) fn used_rx(plan: &HardwarePlan) -> impl Iterator<Item = (Pool, u8, RxNumber)> {
    let layout = Layout::of(plan);
    Pool::all().zip(&plan.pools).flat_map(move |(at, pool)| {
        let queues = layout.into_iter().flat_map(move |layout| layout.rx(at, pool.queues));
        queues.zip(0..).map(move |(queue, number)| (at, number, queue))
    })
}

/// The transmit queues: a pool sends by as many as it receives by, but the limiters are
/// per queue, so one with a rate sends by one.
pub(super) fn used_tx(plan: &HardwarePlan) -> impl Iterator<Item = (Pool, TxNumber)> {
    let layout = Layout::of(plan);
    Pool::all().zip(&plan.pools).filter(|(_, pool)| pool.transmit).flat_map(move |(at, pool)| {
        let senders = if pool.rate.is_some() { 1 } else { pool.queues.max(1) };
        let queues = layout.into_iter().flat_map(move |layout| layout.tx(at, senders));
        queues.map(move |queue| (at, queue))
    })
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card. CC stays
/// off: it asks for a context, which the card needs only while its switch is on (82599
/// datasheet, 7.2.3.2.4).
fn send(length: u16) -> TxData {
    let data = TxData::new().with_dtyp(dtyp::DATA).with_extended(true).with_end_of_packet(true);
    data.with_insert_fcs(true).with_length(length).with_payload_length(length.into())
}
