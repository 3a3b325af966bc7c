//! Queues: queue q of pool p is hardware queue p + 8 q.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live; receive tails come when receiving is on, or the
//! card may lose what it fetched.
//!
//! Source: 82576 datasheet, chapter 4 (initialization of a queue) and chapter 8.

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::{RxQueue as RxNumber, TxQueue as TxNumber, *};
use lockgate_regs::{Index, Register};
use lockgate_vmdq::{HardwarePlan, Plan};

use super::reset::QUEUE_LIMIT;
use super::{Igb, RECEIVING};
use crate::error::Error;
use crate::ring::{Queues, Ring, RingSizes, RxQueue, TxQueue, layout};
use crate::sys::Layout;

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET).
const KIB: usize = 1024;

/// Bytes of header, tag and check sequence around an MTU.
const AROUND: usize = 14 + 4 + 4;

impl Igb {
    /// Makes the rings of every pool in `plan` and points the card at them. No
    /// queue is live yet.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let longest = usize::from(plan.mtu()) + AROUND;
        let rx_layout = layout(sizes.rx, longest.next_multiple_of(KIB))?;
        let tx_layout = layout(sizes.tx, longest.next_multiple_of(64))?;
        let (rx, tx) = used(plan.hardware());
        let bytes = rx.len() * rx_layout.bytes() + tx.len() * tx_layout.bytes();
        let rx = rx.into_iter().map(|at| self.rx_queue(at, rx_layout));
        let tx = tx.into_iter().map(|at| self.tx_queue(at, tx_layout));
        let rx: Result<_, Error> = rx.collect();
        let queues = rx.and_then(|rx| Ok(Queues { rx, tx: tx.collect::<Result<_, _>>()? }));
        queues.map_err(|error| match error {
            // Whoever raises a limit wants to know all that is needed, not the next piece.
            Error::PinMemory { source, .. } => Error::PinMemory { bytes, source },
            other => other,
        })
    }

    fn rx_queue(&self, at: RxNumber, layout: Layout) -> Result<RxQueue, Error> {
        let ring = Ring::new(&self.card, layout, Rdt::offset(at), self.lease.clone())?;
        let registers = &self.registers;
        registers.write(at, Rdbal::new(ring.base().get() as u32));
        registers.write(at, Rdbah::new((ring.base().get() >> 32) as u32));
        registers.write(at, Rdlen::new(ring.bytes()));
        registers.write(at, Rdh::new(0));
        registers.write(at, Rdt::new(0));
        let srrctl = Srrctl::new().with_packet_kib((ring.memory.buffer_bytes() / KIB) as u8);
        let srrctl = srrctl.with_descriptor_type(DescriptorType::OneBuffer);
        registers.write(at, srrctl.with_drop_enable(true));
        let place = (at.pool().number() as u8, (at.number() / Pool::COUNT) as u8);
        Ok(RxQueue::new(ring, RxErrors::new().with_receive(true).into(), place))
    }

    fn tx_queue(&self, at: TxNumber, layout: Layout) -> Result<TxQueue, Error> {
        let ring = Ring::new(&self.card, layout, Tdt::offset(at), self.lease.clone())?;
        let registers = &self.registers;
        registers.write(at, Tdbal::new(ring.base().get() as u32));
        registers.write(at, Tdbah::new((ring.base().get() >> 32) as u32));
        registers.write(at, Tdlen::new(ring.bytes()));
        registers.write(at, Tdh::new(0));
        registers.write(at, Tdt::new(0));
        // Completion is told by DD: with head write-back there would be none.
        registers.write(at, Tdwbal::new());
        Ok(TxQueue::new(ring, send, at.pool().number() as u8))
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.registers;
        let tctl = Tctl::new().with_enable(true).with_pad_short(true);
        registers.write((), tctl.with_collision_threshold(15).with_retransmit_late(true));
        registers.write((), RECEIVING);
        let (rx, tx) = used(plan);
        for at in tx {
            // A write-back threshold would hold the report of a short burst back.
            registers.write(at, Txdctl::new().with_prefetch(8).with_host(1).with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Txdctl::enable)?;
        }
        for at in rx {
            let rxdctl = Rxdctl::new().with_prefetch(8).with_host(8).with_write_back(1);
            registers.write(at, rxdctl.with_enable(true));
            registers.wait(at, QUEUE_LIMIT, Rxdctl::enable)?;
        }
        queues.rx.iter().for_each(RxQueue::begin);
        Ok(())
    }
}

/// The queues that `plan` makes use of: a pool sends by as many as it receives by,
/// but the limiters are per queue, so one with a rate sends by one.
pub(super) fn used(plan: &HardwarePlan) -> (Vec<RxNumber>, Vec<TxNumber>) {
    let (mut rx, mut tx) = (Vec::new(), Vec::new());
    for (at, pool) in Pool::all().zip(&plan.pools) {
        let senders = if pool.rate.is_some() { 1 } else { pool.queues.max(1) };
        let senders = if pool.transmit { senders } else { 0 };
        rx.extend(at.rx_queues().into_iter().take(pool.queues.into()));
        tx.extend(at.tx_queues().into_iter().take(senders.into()));
    }
    (rx, tx)
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card.
fn send(length: u16) -> TxData {
    let data = TxData::new().with_dtyp(dtyp::DATA).with_extended(true).with_end_of_packet(true);
    data.with_insert_fcs(true).with_length(length).with_payload_length(length.into())
}
