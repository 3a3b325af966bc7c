//! Queues: queue q of pool p is hardware queue p + 8 q.
//!
//! The rule: a queue is enabled with an empty ring, and its tail is written only
//! once it says that it is live; receive tails come when receiving is on, or the
//! card may lose what it fetched.
//!
//! Source: 82576 datasheet, chapter 4 (initialization of a queue) and chapter 8.

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::{
    DescriptorType, Pool, Rctl, Rdbah, Rdbal, Rdh, Rdlen, Rdt, RxErrors, RxQueue as RxNumber,
    Rxdctl, Srrctl, Tctl, Tdbah, Tdbal, Tdh, Tdlen, Tdt, Tdwbah, Tdwbal, TxQueue as TxNumber,
    Txdctl,
};
use lockgate_regs::{Index, Register, descriptor};
use lockgate_vmdq::{HardwarePlan, Plan, PoolPlan};

use super::Igb;
use super::reset::QUEUE_LIMIT;
use crate::device::Iova;
use crate::error::Error;
use crate::ring::{Queues, RingSizes, RxFormat, RxQueue, TxFormat, TxQueue, layout};

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET).
const KIB: usize = 1024;

/// Bytes of header, tag and payload alignment around an MTU.
const HEADERS: usize = 14 + 4;

impl Igb {
    /// Makes the rings of every pool in `plan` and points the card at them. No
    /// queue is live yet.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let mut queues = Queues { rx: Vec::new(), tx: Vec::new() };
        // Whoever raises a limit wants to know all that is needed, not the next piece.
        let total = memory(plan, sizes)?;
        self.make(plan, sizes, &mut queues).map_err(|error| match error {
            Error::PinMemory { source, .. } => Error::PinMemory { bytes: total, source },
            other => other,
        })?;
        Ok(queues)
    }

    fn make(&self, plan: &Plan, sizes: RingSizes, queues: &mut Queues) -> Result<(), Error> {
        let longest = longest(plan);
        for (pool, plan) in Pool::all().zip(&plan.hardware().pools) {
            for (number, queue) in pool.rx_queues().into_iter().enumerate() {
                if number < receive_queues(plan) {
                    let place = (pool.number() as u8, number as u8);
                    let made = self.rx_queue(queue, place, plan.max_frame, sizes.rx)?;
                    queues.rx.push(made);
                }
            }
            for (number, queue) in pool.tx_queues().into_iter().enumerate() {
                if number < transmit_queues(plan) {
                    queues.tx.push(self.tx_queue(queue, longest, sizes.tx)?);
                }
            }
        }
        Ok(())
    }

    fn rx_queue(
        &self,
        number: RxNumber,
        place: (u8, u8),
        max_frame: u16,
        slots: u16,
    ) -> Result<RxQueue, Error> {
        let format = RxFormat { fatal_errors: RxErrors::new().with_receive(true).into() };
        let buffer = rx_buffer(max_frame);
        let layout = layout(slots, buffer)?;
        let tail = Rdt::offset(number);
        let queue = RxQueue::new(&self.card, layout, format, place, tail, &self.lease)?;
        let registers = &self.registers;
        let (low, high) = halves(queue.base());
        registers.write(number, Rdbal::new(low));
        registers.write(number, Rdbah::new(high));
        registers.write(number, Rdlen::new(ring_bytes(slots)));
        registers.write(number, Rdh::new(0));
        registers.write(number, Rdt::new(0));
        let srrctl = Srrctl::new()
            .with_packet_kib((buffer / KIB) as u8)
            .with_descriptor_type(DescriptorType::OneBuffer)
            .with_drop_enable(true);
        registers.write(number, srrctl);
        Ok(queue)
    }

    fn tx_queue(&self, number: TxNumber, longest: usize, slots: u16) -> Result<TxQueue, Error> {
        let command = TxData::new()
            .with_dtyp(dtyp::DATA)
            .with_extended(true)
            .with_end_of_packet(true)
            .with_insert_fcs(true);
        let format = TxFormat { command, payload_length: true };
        let layout = layout(slots, longest)?;
        let pool = number.pool().number() as u8;
        let tail = Tdt::offset(number);
        let queue = TxQueue::new(&self.card, layout, format, pool, tail, &self.lease)?;
        let registers = &self.registers;
        let (low, high) = halves(queue.base());
        registers.write(number, Tdbal::new(low));
        registers.write(number, Tdbah::new(high));
        registers.write(number, Tdlen::new(ring_bytes(slots)));
        registers.write(number, Tdh::new(0));
        registers.write(number, Tdt::new(0));
        // Completion is told by DD: with head write-back there would be none.
        registers.write(number, Tdwbal::new());
        registers.write(number, Tdwbah::new(0));
        Ok(queue)
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.registers;
        let tctl = Tctl::new()
            .with_enable(true)
            .with_pad_short(true)
            .with_collision_threshold(15)
            .with_retransmit_late(true);
        registers.write((), tctl);
        let rctl = Rctl::new()
            .with_enable(true)
            .with_long_packets(true)
            .with_broadcast(true)
            .with_vlan_filter(true)
            .with_discard_pause(true)
            .with_strip_crc(true);
        registers.write((), rctl);
        for (pool, plan) in Pool::all().zip(&plan.pools) {
            for queue in pool.tx_queues().into_iter().take(transmit_queues(plan)) {
                self.enable_tx(queue)?;
            }
            for queue in pool.rx_queues().into_iter().take(receive_queues(plan)) {
                self.enable_rx(queue)?;
            }
        }
        queues.rx.iter().for_each(RxQueue::begin);
        Ok(())
    }

    fn enable_rx(&self, queue: RxNumber) -> Result<(), Error> {
        let rxdctl =
            Rxdctl::new().with_prefetch(8).with_host(8).with_write_back(1).with_enable(true);
        self.registers.write(queue, rxdctl);
        let live = |rxdctl: Rxdctl| rxdctl.enable();
        self.registers.wait::<Rxdctl>(queue, "RXDCTL.ENABLE", QUEUE_LIMIT, live)
    }

    fn enable_tx(&self, queue: TxNumber) -> Result<(), Error> {
        // A write-back threshold would hold the report of a short burst back.
        let txdctl = Txdctl::new().with_prefetch(8).with_host(1).with_enable(true);
        self.registers.write(queue, txdctl);
        let live = |txdctl: Txdctl| txdctl.enable();
        self.registers.wait::<Txdctl>(queue, "TXDCTL.ENABLE", QUEUE_LIMIT, live)
    }
}

/// Bytes of the rings of `plan`, all together.
fn memory(plan: &Plan, sizes: RingSizes) -> Result<usize, Error> {
    let tx = layout(sizes.tx, longest(plan))?.bytes();
    let mut total = 0;
    for pool in &plan.hardware().pools {
        let rx = layout(sizes.rx, rx_buffer(pool.max_frame))?.bytes();
        total += receive_queues(pool) * rx + transmit_queues(pool) * tx;
    }
    Ok(total)
}

/// Bytes of the longest frame that a partition sends, in whole cache lines.
fn longest(plan: &Plan) -> usize {
    (usize::from(plan.mtu()) + HEADERS).next_multiple_of(64)
}

/// Bytes of a buffer that holds any frame of up to `max_frame` bytes.
fn rx_buffer(max_frame: u16) -> usize {
    usize::from(max_frame).next_multiple_of(KIB).max(KIB)
}

/// How many receive queues a pool has.
fn receive_queues(pool: &PoolPlan) -> usize {
    if pool.receive { pool.queues.into() } else { 0 }
}

/// How many transmit queues a pool has: as many as it receives by. The limiters
/// are per queue, so a pool with a rate sends by one.
fn transmit_queues(pool: &PoolPlan) -> usize {
    match (pool.transmit, pool.rate) {
        (false, _) => 0,
        (true, Some(_)) => 1,
        (true, None) => usize::from(pool.queues).max(1),
    }
}

fn ring_bytes(slots: u16) -> u32 {
    u32::from(slots) * descriptor::BYTES as u32
}

fn halves(iova: Iova) -> (u32, u32) {
    (iova.get() as u32, (iova.get() >> 32) as u32)
}
