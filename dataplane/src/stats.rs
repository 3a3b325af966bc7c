//! What a worker counts, readable while it runs.
//!
//! Each counter has one writer, its worker, so an increment is a plain load and
//! store; everyone else reads. Sums over workers are made by the reader.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloc::vec::Vec;

use lockgate_vmdq::{MAX_PARTITIONS, PartitionId, Reason};

/// Receive queues that each partition has counters for: the most that a pool of any card has.
const MOST_QUEUES: usize = 16;

/// A count with one writer and any number of readers.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`; only the owning worker may call this.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Frames and their bytes, padding to 60 bytes included, FCS not.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Number of frames.
    pub frames: Counter,
    /// Number of bytes.
    pub bytes: Counter,
}

impl Traffic {
    /// Counts one frame of `len` bytes.
    pub fn add(&self, len: usize) {
        self.add_all(1, len as u64);
    }

    /// Counts `frames` of `bytes` in all.
    pub fn add_all(&self, frames: u64, bytes: u64) {
        self.frames.add(frames);
        self.bytes.add(bytes);
    }
}

/// Dropped frames, by reason.
#[derive(Debug, Default)]
pub struct Drops([Counter; Reason::COUNT]);

impl Drops {
    /// Counts one frame dropped for `reason`.
    pub fn add(&self, reason: Reason) {
        self.0[reason as usize].add(1);
    }

    /// Frames dropped for `reason`.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize].get()
    }
}

/// What one worker saw of the wire.
#[derive(Debug, Default)]
pub struct WireStats {
    /// Frames that arrived, each counted once however many copies were made.
    pub rx: Traffic,
    /// Frames handed to the card for the wire.
    pub tx: Traffic,
    /// Frames that went to at least one partition, or would have but for a full ring.
    pub delivered: Counter,
    /// Deliveries beyond the first of a frame.
    pub copies: Counter,
    /// Copies that the card gave to a pool whose partition does not take them
    /// (its multicast table is a hash), dropped without effect.
    pub surplus: Counter,
    /// Descriptors that no sound card writes, dropped.
    pub bad_descriptors: Counter,
    /// Frames sent that a capture of the wire missed for want of room.
    pub uncaptured: Counter,
    /// Frames for nobody.
    pub drops: Drops,
}

/// What one worker did for one partition.
#[derive(Debug, Default)]
pub struct PartitionStats {
    /// Delivered to the partition.
    pub rx: Traffic,
    /// Sent by the partition and let go.
    pub tx: Traffic,
    /// Refused from the partition, and `ring-full`: what it could not take.
    pub drops: Drops,
    /// Frames delivered, by receive queue.
    pub queues: Vec<Counter>,
}

impl PartitionStats {
    fn new(queues: usize) -> Self {
        Self {
            queues: (0..queues).map(|_| Counter::default()).collect(),
            ..Self::default()
        }
    }

    /// Counts frames that receive queue `queue` was given.
    #[inline(always)]
    pub(crate) fn count_queue(&self, queue: u16, frames: u64) {
        if let Some(counter) = self.queues.get(usize::from(queue)) {
            counter.add(frames);
        }
    }
}

/// Everything one worker counts.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    /// Passes that it has completed: what it counted in them has been shown to whom it
    /// concerns.
    pub passes: Counter,
    /// The wire's side.
    pub wire: WireStats,
    /// Every partition's side, by partition number, whether there is such a partition or not.
    pub partitions: Vec<PartitionStats>,
}

impl Default for WorkerStats {
    fn default() -> Self {
        Self {
            passes: Counter::default(),
            wire: WireStats::default(),
            partitions: (0..MAX_PARTITIONS)
                .map(|_| PartitionStats::new(MOST_QUEUES))
                .collect(),
        }
    }
}

impl WorkerStats {
    /// What is counted of `partition`.
    #[inline(always)]
    pub(crate) fn partition(&self, partition: PartitionId) -> Option<&PartitionStats> {
        self.partitions.get(partition.index())
    }
}
