//! Who sends next: deficit round robin under token buckets.
//!
//! Each lane that has frames gets `weight` quanta of bytes a round (M. Shreedhar
//! and G. Varghese, "Efficient Fair Queuing using Deficit Round Robin", 1995);
//! a lane that runs dry loses what it saved. A `rate` adds a token bucket,
//! counted over frame bytes without preamble and FCS.

use alloc::vec::Vec;

use lockgate_lane::TxConsumer;
use lockgate_vmdq::{PartitionId, Recent};

use super::exit::Context;
use super::{BURST, Control};
use crate::stats::PartitionStats;

/// Longest burst that a rate allows after silence, in nanoseconds of its rate.
const BURST_NS: u64 = 2_000_000;

/// Bits of byte-nanosecond arithmetic: tokens are kept in 1/8e9 byte.
const TOKENS_PER_BYTE: u128 = 8_000_000_000;

/// A token bucket over bytes.
#[derive(Debug)]
pub(super) struct Bucket {
    bits_per_second: u64,
    tokens: u128,
    capacity: u128,
    filled_ns: u64,
}

impl Bucket {
    /// A full bucket that passes `bits_per_second` and bursts of at least `frame` bytes.
    fn new(bits_per_second: u64, frame: usize) -> Self {
        let capacity = (u128::from(bits_per_second) * u128::from(BURST_NS))
            .max(frame as u128 * TOKENS_PER_BYTE);
        Self {
            bits_per_second,
            tokens: capacity,
            capacity,
            filled_ns: 0,
        }
    }

    /// Adds what has accrued since the last call, then takes `bytes` if they are there.
    pub(super) fn take(&mut self, now_ns: u64, bytes: usize) -> bool {
        let elapsed = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = now_ns;
        let accrued = u128::from(elapsed) * u128::from(self.bits_per_second);
        self.tokens = (self.tokens + accrued).min(self.capacity);
        let price = bytes as u128 * TOKENS_PER_BYTE;
        let paid = self.tokens >= price;
        if paid {
            self.tokens -= price;
        }
        paid
    }
}

/// A partition that may send.
pub(super) struct Sender<'r> {
    /// Its index.
    pub(super) partition: usize,
    /// Its number.
    pub(super) id: PartitionId,
    /// What is counted of it.
    pub(super) stats: &'r PartitionStats,
    /// Index of the transmit queue its frames leave by.
    pub(super) tx: Option<usize>,
    /// The rate it must keep, if it has one.
    pub(super) bucket: Option<Bucket>,
    /// The last frame that left by the wire and went nowhere else, and whether the next
    /// was like it.
    pub(super) recent: Recent<false>,
    pub(super) follows: bool,
    /// Bytes it may still send this round.
    pub(super) deficit: usize,
    quantum: usize,
}

impl Sender<'_> {
    /// Whether a frame waits in its lane, which is open: the only look at how far the
    /// partition has written.
    pub(super) fn waits(&self, up: &mut TxConsumer, control: &Control) -> bool {
        let left = up.look();
        control.note(self.partition, left.err());
        left.is_ok_and(|left| left > 0) && control.shut(self.partition).is_none()
    }
}

/// The round.
pub(super) struct Schedule<'r> {
    senders: Vec<(Sender<'r>, TxConsumer)>,
    turn: usize,
}

impl<'r> Schedule<'r> {
    /// Of lanes with their partition and the index of its transmit queue.
    pub(super) fn new(cx: &Context<'r>, lanes: Vec<(usize, TxConsumer, Option<usize>)>) -> Self {
        let limits = cx.plan.limits();
        let sender = |(partition, up, tx): (usize, TxConsumer, Option<usize>)| {
            let wanted = cx.plan.partitions().get(partition)?;
            let bucket = wanted
                .rate
                .map(|rate| Bucket::new(rate.bits_per_second(), limits.longest_tagged()));
            let sender = Sender {
                partition,
                id: wanted.id,
                stats: cx.stats.partitions.get(partition)?,
                tx,
                bucket,
                recent: Recent::new(cx.plan),
                follows: false,
                deficit: 0,
                quantum: limits.quantum(BURST) * usize::from(wanted.weight),
            };
            Some((sender, up))
        };
        Self {
            senders: lanes.into_iter().filter_map(sender).collect(),
            turn: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.senders.len()
    }

    /// The lane whose turn it is.
    pub(super) fn current(&mut self) -> Option<&mut (Sender<'r>, TxConsumer)> {
        self.senders.get_mut(self.turn)
    }

    /// Ends the current lane's turn and begins the next one's.
    pub(super) fn advance(&mut self) {
        self.turn = if self.turn + 1 < self.senders.len() {
            self.turn + 1
        } else {
            0
        };
        if let Some((next, _)) = self.senders.get_mut(self.turn) {
            next.deficit = (next.deficit + next.quantum).min(2 * next.quantum);
        }
    }

    /// No open lane has a frame waiting.
    pub(super) fn is_empty(&mut self, control: &Control) -> bool {
        !self
            .senders
            .iter_mut()
            .any(|(sender, up)| sender.waits(up, control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_passes_its_rate_and_no_more() {
        // 8 Mbit/s is one byte a microsecond.
        let mut bucket = Bucket::new(8_000_000, 1500);
        let mut passed = 0;
        for now_us in 0..1_000_000_u64 {
            while bucket.take(now_us * 1000, 100) {
                passed += 100;
            }
        }
        let first_burst = 2000;
        assert_eq!(passed, 1_000_000 - 100 + first_burst);
    }

    #[test]
    fn bucket_saves_no_more_than_its_burst() {
        let mut bucket = Bucket::new(8_000_000, 1500);
        let mut passed = 0;
        while bucket.take(u64::MAX, 100) {
            passed += 100;
        }
        assert_eq!(passed, 2000);
    }
}
