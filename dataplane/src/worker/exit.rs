//! The two ways out of the core: into a lane, and onto the wire.
//!
//! Nothing else writes into a lane or a transmit buffer. Callers come here with the
//! plan's verdict in hand.

use lockgate_drivers::TxQueue;
use lockgate_lane::{DownWriter, Meta};
use lockgate_rss::{Hash, Toeplitz};
use lockgate_vmdq::{PartitionPlan, PartitionSet, Plan, Reason, SteeringMode};

use super::schedule::Sender;
use super::stats::WorkerStats;
use super::{Control, Overflow};

/// This worker's ring in one partition's lane.
struct Door {
    /// None for a partition that reflects.
    ring: Option<DownWriter>,
    toeplitz: Toeplitz,
    dirty: bool,
}

/// Everything that a frame can leave the core by.
pub(super) struct Exit<'r> {
    pub(super) plan: &'r Plan,
    pub(super) stats: &'r WorkerStats,
    pub(super) control: &'r Control,
    pub(super) tx: Vec<TxQueue>,
    /// When the present pass began, on the worker's clock.
    pub(super) now_ns: u64,
    /// By partition: those that reflect.
    pub(super) reflecting: Vec<Option<Sender>>,
    doors: Vec<Door>,
    mirror: Option<DownWriter>,
    overflow: Overflow,
}

impl<'r> Exit<'r> {
    pub(super) fn new(
        plan: &'r Plan,
        stats: &'r WorkerStats,
        control: &'r Control,
        rings: Vec<Option<DownWriter>>,
        tx: Vec<TxQueue>,
        mirror: Option<DownWriter>,
        overflow: Overflow,
    ) -> Self {
        let door = |(ring, key)| Door { ring, toeplitz: Toeplitz::new(key), dirty: false };
        let keys = plan.partitions().iter().map(|partition| &partition.rss.key);
        let doors = rings.into_iter().zip(keys).map(door).collect();
        let shared = plan.steering() == SteeringMode::Software;
        let sender = |(p, partition): (usize, &PartitionPlan)| {
            let own = |queue: &TxQueue| shared || usize::from(queue.pool()) == p;
            partition.reflects.then(|| Sender::new(plan, p, tx.iter().position(own)))?
        };
        let reflecting = plan.partitions().iter().enumerate().map(sender).collect();
        Self { plan, stats, control, tx, now_ns: 0, reflecting, doors, mirror, overflow }
    }

    /// Whether a frame for `to` must wait for room.
    #[inline]
    pub(super) fn must_wait(&mut self, to: PartitionSet) -> bool {
        self.overflow == Overflow::Wait
            && to.iter().any(|p| {
                let ring = self.doors.get_mut(p).and_then(|door| door.ring.as_mut());
                ring.is_some_and(|ring| ring.slot().is_none()) && self.control.shut(p).is_none()
            })
    }

    /// Copies a frame of `len` bytes into partition `p`'s lane, or counts it as
    /// `ring-full`. `header` holds the first bytes of the frame, enough for RSS;
    /// `steered` is the receive queue and hash that the card chose, if it chose;
    /// `fill` writes all of the frame into the slot.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        p: usize,
        len: usize,
        header: &[u8],
        steered: Option<(u16, Hash)>,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let (Some(door), Some(stats)) = (self.doors.get_mut(p), self.stats.partitions.get(p))
        else {
            return;
        };
        let (queue, hash) = match steered {
            Some((queue, hash)) => (queue, Some(hash)),
            None => spread(self.plan, p, &door.toeplitz, header),
        };
        // Who has no lane has sent it back by now.
        if let Some(ring) = &mut door.ring {
            let open = self.control.shut(p).is_none();
            let Some(room) = ring.slot().filter(|_| open).and_then(|slot| slot.get_mut(..len))
            else {
                self.control.note(p, ring.free().err());
                stats.drops.add(Reason::RingFull);
                return;
            };
            fill(room);
            let hash = hash.map(|hash| (hash.value, hash.kind.code()));
            ring.commit(Meta { len: len as u32, queue, hash, stamp_ns: self.now_ns });
            door.dirty = true;
        }
        stats.rx.add(len);
        if let Some(counter) = stats.queues.get(usize::from(queue)) {
            counter.add(1);
        }
    }

    /// Whether transmit queue `tx`, and the mirror where nothing may be lost, take
    /// one more frame.
    pub(super) fn room_on_wire(&mut self, tx: Option<usize>) -> bool {
        let lossless = self.overflow == Overflow::Wait;
        let mirrored = self.mirror.as_mut().filter(|_| lossless);
        mirrored.is_none_or(|mirror| mirror.slot().is_some() || mirror.free().is_err())
            && tx.and_then(|tx| self.tx.get_mut(tx)).is_some_and(|queue| queue.free() > 0)
    }

    /// Sends a frame of `len` bytes, which `fill` writes into the core's own buffer.
    pub(super) fn put_on_wire(
        &mut self,
        tx: Option<usize>,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let Some(queue) = tx.and_then(|tx| self.tx.get_mut(tx)) else {
            return;
        };
        let Some(frame) = queue.buffer().and_then(|buffer| buffer.get_mut(..len)) else {
            return;
        };
        fill(frame);
        if let Some(mirror) = &mut self.mirror {
            match mirror.slot().and_then(|slot| slot.get_mut(..len)) {
                Some(copy) => {
                    copy.copy_from_slice(frame);
                    let stamp_ns = self.now_ns;
                    mirror.commit(Meta { len: len as u32, stamp_ns, ..Meta::default() });
                }
                None => self.stats.wire.uncaptured.add(1),
            }
        }
        if queue.push(len) {
            self.stats.wire.tx.add(len);
        }
    }

    /// Shows partitions and card what this pass put out.
    pub(super) fn publish(&mut self) {
        for door in self.doors.iter_mut().filter(|door| door.dirty) {
            door.ring.iter_mut().for_each(DownWriter::publish);
            door.dirty = false;
        }
        self.tx.iter_mut().for_each(TxQueue::flush);
        if let Some(mirror) = &mut self.mirror {
            mirror.publish();
        }
    }

    /// The card has sent everything that it was given.
    pub(super) fn wire_is_quiet(&mut self) -> bool {
        self.tx.iter_mut().all(|queue| {
            queue.free();
            queue.pending() == 0
        })
    }
}

/// The receive queue of partition `p` for a frame that the card did not hash.
/// A partition with one queue needs no hash to find it.
fn spread(plan: &Plan, p: usize, toeplitz: &Toeplitz, header: &[u8]) -> (u16, Option<Hash>) {
    let partition = plan.partitions().get(p).filter(|partition| partition.queues > 1);
    let hashed = partition.and_then(|partition| {
        let hash = toeplitz.hash_of(&lockgate_rss::input(header, partition.rss.hash)?);
        Some((u16::from(partition.table.queue(hash.value)), Some(hash)))
    });
    hashed.unwrap_or((0, None))
}
