//! What a worker counts, readable while it runs.
//!
//! Each counter has one writer, its worker, so an increment is a plain load and
//! store; everyone else reads. Sums over workers are made by the reader.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lockgate_vmdq::Reason;

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

/// Everything one worker counts.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    /// The wire's side.
    pub wire: WireStats,
    /// Every partition's side, in the policy's order.
    pub partitions: Vec<PartitionStats>,
}

impl WorkerStats {
    /// Zeroes, for partitions with `queues` receive queues each.
    pub fn new(queues: impl Iterator<Item = usize>) -> Self {
        let partition = |queues| {
            let queues = (0..queues).map(|_| Counter::default()).collect();
            PartitionStats {
                queues,
                ..PartitionStats::default()
            }
        };
        Self {
            wire: WireStats::default(),
            partitions: queues.map(partition).collect(),
        }
    }
}
