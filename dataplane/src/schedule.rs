//! Who sends next: deficit round robin under token buckets.
//!
//! Each lane that has frames gets `weight` quanta of bytes a round (M. Shreedhar
//! and G. Varghese, "Efficient Fair Queuing using Deficit Round Robin", 1995);
//! a lane that runs dry loses what it saved. A `rate` adds a token bucket,
//! counted over frame bytes without preamble and FCS.
//!
//! Not here: what is sent ([`crate::transmit`]).

use alloc::vec::Vec;

use lockgate_lane::TxConsumer;
use lockgate_vmdq::{BitRate, FlowCache, FromPartition, MAX_PARTITIONS, NextHop, PartitionId};

use crate::BURST;
use crate::epoch::Epoch;

/// Longest burst that a rate allows after silence, in nanoseconds of its rate.
const BURST_NS: u64 = 2_000_000;

/// Bits of byte-nanosecond arithmetic: tokens are kept in 1/8e9 byte.
const TOKENS_PER_BYTE: u128 = 8_000_000_000;

/// A token bucket over bytes.
#[derive(Debug)]
pub(crate) struct Bucket {
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

    /// Bytes that may pass at `now_ns`, with what has accrued since the last call.
    pub(crate) fn refill(&mut self, now_ns: u64) -> usize {
        let elapsed = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = self.filled_ns.max(now_ns);
        let accrued = u128::from(elapsed) * u128::from(self.bits_per_second);
        self.tokens = (self.tokens + accrued).min(self.capacity);
        usize::try_from(self.tokens / TOKENS_PER_BYTE).unwrap_or(usize::MAX)
    }

    /// Takes `bytes` that passed, no more than [`Bucket::refill`] said.
    pub(crate) fn spend(&mut self, bytes: usize) {
        let spent = bytes as u128 * TOKENS_PER_BYTE;
        self.tokens = self.tokens.saturating_sub(spent);
    }
}

/// The sending side of one partition's lane, which one worker serves.
pub struct Sender {
    pub(crate) partition: PartitionId,
    /// Which of the partition's lanes it is of.
    pub(crate) generation: u64,
    pub(crate) lane: TxConsumer,
    pub(crate) flows: FlowCache<FromPartition>,
    /// Where the last frame was known to go: the next one often goes there too.
    pub(crate) hint: NextHop,
    /// The rate that it must keep, if it has one.
    pub(crate) bucket: Option<Bucket>,
    /// Index of the transmit queue that its frames leave by, among those of the worker.
    pub(crate) queue: Option<usize>,
    /// Bytes that it may still send in this round.
    pub(crate) deficit: usize,
    quantum: usize,
    state: State,
}

/// Whether a lane is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is.
    Open,
    /// It broke the rules, and that was found just now.
    FoundClosed,
    /// It is being given up, or its partition is in no plan, or it was found closed before.
    Quiesced,
}

impl Sender {
    /// The sending side of the lane of `partition`; allocates, so that no worker has to.
    pub fn new(partition: PartitionId, generation: u64, lane: TxConsumer) -> Self {
        Self {
            partition,
            generation,
            lane,
            flows: FlowCache::new(0),
            hint: NextHop::WIRE,
            bucket: None,
            queue: None,
            deficit: 0,
            quantum: 0,
            state: State::Open,
        }
    }

    /// Whose it is.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Which of the partition's lanes it is of.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Goes by what `epoch` says of its partition: the deficit stays, and what is left in the
    /// bucket if the rate does. A partition that is gone is not served.
    pub(crate) fn enter(&mut self, epoch: &Epoch) {
        self.flows.enter(epoch.number());
        let Some(plan) = epoch.plan().partition(self.partition) else {
            self.state = State::Quiesced;
            return;
        };
        let limits = epoch.limits();
        self.quantum = limits.quantum(BURST) * usize::from(plan.weight);
        let rate = plan.rate.map(BitRate::bits_per_second);
        if self.bucket.as_ref().map(|bucket| bucket.bits_per_second) != rate {
            self.bucket = rate.map(|rate| Bucket::new(rate, limits.longest_tagged()));
        }
    }

    /// Serves its lane no more.
    pub(crate) fn quiesce(&mut self) {
        self.state = State::Quiesced;
    }

    /// Serves its lane again.
    pub(crate) fn resume(&mut self) {
        self.state = State::Open;
    }

    /// Whether a frame waits in its lane: the only look at how far the partition has written.
    #[inline(always)]
    pub(crate) fn waits(&mut self) -> bool {
        if self.state != State::Open {
            return false;
        }
        match self.lane.look() {
            Ok(waiting) => waiting > 0,
            Err(_) => {
                self.state = State::FoundClosed;
                false
            }
        }
    }

    /// Whether its lane was found closed since the last call.
    pub(crate) fn take_closed(&mut self) -> bool {
        let found = self.state == State::FoundClosed;
        if found {
            self.state = State::Quiesced;
        }
        found
    }
}

/// The round.
pub(crate) struct Schedule {
    senders: Vec<Sender>,
    turn: usize,
}

impl Schedule {
    /// A round of nobody.
    pub(crate) fn new() -> Self {
        Self {
            senders: Vec::with_capacity(MAX_PARTITIONS),
            turn: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.senders.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Sender> {
        self.senders.iter_mut()
    }

    /// The sender of `partition`, if it is served here.
    pub(crate) fn sender(&mut self, partition: PartitionId) -> Option<&mut Sender> {
        self.iter_mut().find(|sender| sender.partition == partition)
    }

    /// Adds `sender`, in the place of the one of the same partition, which it gives back. The
    /// new one goes on with what the old one had saved.
    pub(crate) fn insert(&mut self, mut sender: Sender) -> Option<Sender> {
        if let Some(old) = self.sender(sender.partition) {
            sender.deficit = old.deficit;
            sender.bucket = old.bucket.take().or(sender.bucket);
            return Some(core::mem::replace(old, sender));
        }
        self.senders.push(sender);
        None
    }

    /// Takes the sender of `partition` out of the round.
    pub(crate) fn remove(&mut self, partition: PartitionId) -> Option<Sender> {
        let of = |sender: &Sender| sender.partition == partition;
        let at = self.senders.iter().position(of)?;
        // Whoever's turn it is keeps it.
        if at < self.turn || self.turn + 1 >= self.senders.len() {
            self.turn = self.turn.saturating_sub(1);
        }
        Some(self.senders.remove(at))
    }

    /// The lane whose turn it is.
    #[inline(always)]
    pub(crate) fn current(&mut self) -> Option<&mut Sender> {
        self.senders.get_mut(self.turn)
    }

    /// Ends the current lane's turn and begins the next one's.
    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.turn = if self.turn + 1 < self.senders.len() {
            self.turn + 1
        } else {
            0
        };
        if let Some(next) = self.senders.get_mut(self.turn) {
            next.deficit = (next.deficit + next.quantum).min(2 * next.quantum);
        }
    }

    /// No open lane has a frame waiting.
    pub(crate) fn is_empty(&mut self) -> bool {
        !self.iter_mut().any(Sender::waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes of frames of 100 bytes, as many as there may be.
    fn pass(bucket: &mut Bucket, now_ns: u64) -> usize {
        let passed = bucket.refill(now_ns) / 100 * 100;
        bucket.spend(passed);
        passed
    }

    #[test]
    fn bucket_passes_its_rate_and_no_more() {
        // 8 Mbit/s is one byte a microsecond.
        let mut bucket = Bucket::new(8_000_000, 1500);
        let passed: usize = (0..1_000_000_u64)
            .map(|now_us| pass(&mut bucket, now_us * 1000))
            .sum();
        let first_burst = 2000;
        assert_eq!(passed, 1_000_000 - 100 + first_burst);
    }

    #[test]
    fn bucket_saves_no_more_than_its_burst() {
        let mut bucket = Bucket::new(8_000_000, 1500);
        assert_eq!(pass(&mut bucket, u64::MAX), 2000);
        assert_eq!(pass(&mut bucket, u64::MAX), 0);
    }
}
