//! Statistics by queue: 128 queues share 16 sets of counters, as two maps say.
//!
//! Not here: those of the MAC ([`crate::counters`]).

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::extra_registers::*;
use crate::counters::octets;
use crate::registers::Registers;

pub(super) fn count_received(registers: &mut Registers, queue: RxQueue, bytes: usize) {
    if let Some(set) = set_of::<Rqsmr>(registers, queue.number()) {
        registers.count::<Qprc>(set, 1);
        registers.count_wide::<QbrcLow>(set, octets(bytes));
    }
}

pub(super) fn count_sent(registers: &mut Registers, queue: TxQueue, bytes: usize) {
    if let Some(set) = set_of::<Tqsm>(registers, queue.number()) {
        registers.count::<Qptc>(set, 1);
        registers.count_wide::<QbtcLow>(set, octets(bytes));
    }
}

/// Counts a frame that a receive queue dropped.
pub(super) fn count_dropped(registers: &mut Registers, queue: RxQueue) {
    if let Some(set) = set_of::<Rqsmr>(registers, queue.number()) {
        registers.count::<Qprdc>(set, 1);
    }
}

/// The set that the map gives a queue.
fn set_of<R: Register<Index = QueueGroup>>(
    registers: &Registers,
    queue: u32,
) -> Option<StatisticsSet> {
    let word: u32 = registers.get::<R>(QueueGroup::new(queue / 4)?).into();
    StatisticsSet::new(word >> (8 * (queue & 3)) & 0xF)
}
