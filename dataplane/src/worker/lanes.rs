//! Delivery into the lanes of the partitions.
//!
//! Keeps one rule: a frame reaches a lane only through [`Lanes::deliver`], and
//! only for a partition that the caller got from the plan.

use lockgate_lane::{DownWriter, Meta};
use lockgate_rss::{Hash, Toeplitz};
use lockgate_vmdq::{PartitionSet, Plan, Reason};

use super::Overflow;
use super::stats::WorkerStats;

/// What delivery needs to know of a frame beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// The receive queue and hash that the card chose, if it chose.
    pub(super) steered: Option<(u16, Hash)>,
    /// When the worker saw the frame, on its clock.
    pub(super) stamp_ns: u64,
}

struct Target {
    ring: DownWriter,
    toeplitz: Toeplitz,
    dirty: bool,
}

/// This worker's ring in every partition's lane.
pub(super) struct Lanes<'r> {
    plan: &'r Plan,
    stats: &'r WorkerStats,
    targets: Vec<Target>,
    overflow: Overflow,
}

impl<'r> Lanes<'r> {
    pub(super) fn new(
        plan: &'r Plan,
        stats: &'r WorkerStats,
        rings: Vec<DownWriter>,
        overflow: Overflow,
    ) -> Self {
        let targets = rings
            .into_iter()
            .zip(plan.partitions())
            .map(|(ring, partition)| Target {
                ring,
                toeplitz: Toeplitz::new(&partition.rss.key),
                dirty: false,
            })
            .collect();
        Self { plan, stats, targets, overflow }
    }

    /// What becomes of a frame that finds no room.
    pub(super) fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Whether a frame for `to` must wait for room.
    #[inline]
    pub(super) fn must_wait(&mut self, to: PartitionSet) -> bool {
        self.overflow == Overflow::Wait
            && to.iter().any(|p| {
                self.targets.get_mut(p).is_some_and(|target| {
                    target.ring.slot().is_none() && target.ring.free().is_ok()
                })
            })
    }

    /// Copies a frame of `len` bytes into partition `p`'s lane, or counts it as
    /// `ring-full`. `header` holds the first bytes of the frame, enough for
    /// RSS; `fill` writes all of it into the slot.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        p: usize,
        len: usize,
        header: &[u8],
        arrival: Arrival,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let (Some(target), Some(stats)) = (self.targets.get_mut(p), self.stats.partitions.get(p))
        else {
            return;
        };
        let Some(room) = target.ring.slot().and_then(|slot| slot.get_mut(..len)) else {
            stats.drops.add(Reason::RingFull);
            return;
        };
        fill(room);
        let (queue, hash) = match arrival.steered {
            Some((queue, hash)) => (queue, Some(hash)),
            None => spread(self.plan, p, &target.toeplitz, header),
        };
        target.ring.commit(Meta {
            len: u32::try_from(len).unwrap_or(u32::MAX),
            queue,
            hash: hash.map(|hash| (hash.value, hash.kind as u8 + 1)),
            stamp_ns: arrival.stamp_ns,
        });
        target.dirty = true;
        stats.rx.add(len);
        if let Some(counter) = stats.queues.get(usize::from(queue)) {
            counter.add(1);
        }
    }

    /// Shows the partitions what this pass delivered.
    pub(super) fn publish(&mut self) {
        for target in self.targets.iter_mut().filter(|target| target.dirty) {
            target.ring.publish();
            target.dirty = false;
        }
    }
}

/// The receive queue of partition `p` for a frame that the card did not hash.
/// A partition with one queue needs no hash to find it.
fn spread(plan: &Plan, p: usize, toeplitz: &Toeplitz, header: &[u8]) -> (u16, Option<Hash>) {
    let Some(partition) = plan.partitions().get(p) else {
        return (0, None);
    };
    if partition.queues < 2 {
        return (0, None);
    }
    let Some(input) = lockgate_rss::input(header, partition.rss.hash) else {
        return (0, None);
    };
    let hash = Hash { value: toeplitz.hash(input.bytes()), kind: input.kind() };
    (u16::from(partition.table.queue(hash.value)), Some(hash))
}
