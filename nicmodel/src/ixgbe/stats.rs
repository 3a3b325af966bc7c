//! Statistics by queue: 128 queues share 16 sets of counters, as two maps say.
//!
//! Not here: those of the MAC ([`crate::counters`]).

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::undriven::*;
use crate::counters::octets;

impl Nic {
    pub(super) fn count_queue_received(&mut self, queue: RxQueue, bytes: usize) {
        if let Some(set) = self.set_of::<Rqsmr>(queue.number()) {
            self.registers.count::<Qprc>(set, 1);
            self.registers.count_wide::<QbrcLow>(set, octets(bytes));
        }
    }

    pub(super) fn count_queue_sent(&mut self, queue: TxQueue, bytes: usize) {
        if let Some(set) = self.set_of::<Tqsm>(queue.number()) {
            self.registers.count::<Qptc>(set, 1);
            self.registers.count_wide::<QbtcLow>(set, octets(bytes));
        }
    }

    /// Counts a frame that a receive queue dropped.
    pub(super) fn count_dropped(&mut self, queue: RxQueue) {
        if let Some(set) = self.set_of::<Rqsmr>(queue.number()) {
            self.registers.count::<Qprdc>(set, 1);
        }
    }

    /// The set that the map gives a queue.
    fn set_of<R: Register<Index = QueueGroup>>(&self, queue: u32) -> Option<StatisticsSet> {
        let word: u32 = self.registers.get::<R>(QueueGroup::new(queue / 4)?).into();
        StatisticsSet::new(word >> (8 * (queue & 3)) & 0xF)
    }
}
