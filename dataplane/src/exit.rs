//! Where frames leave the core: lanes and transmit queues.
//!
//! Who puts a frame in has the plan's verdict in hand: `receive.rs` for frames from the
//! wire, `transmit.rs` for those of partitions.

use alloc::vec::Vec;

use lockgate_drivers::TxQueue;
use lockgate_lane::{Meta, PushError, RxHash, RxProducer};
use lockgate_rss::{Hash, Toeplitz};
use lockgate_vmdq::{PartitionPlan, PartitionSet, Plan, Reason, Recent};

use super::{Control, Overflow};
use crate::stats::{PartitionStats, WorkerStats};

/// What all parts of a worker look at.
#[derive(Clone, Copy)]
pub(super) struct Context<'r> {
    pub(super) plan: &'r Plan,
    pub(super) stats: &'r WorkerStats,
    pub(super) control: &'r Control,
    pub(super) overflow: Overflow,
    /// When the present pass began, on the worker's clock.
    pub(super) now_ns: u64,
}

/// The receive queue and the hash that the card chose, if it chose.
pub(super) type Steered = Option<(u16, RxHash)>;

/// This worker's ring in one partition's lane.
pub(super) struct Door<'r> {
    pub(super) p: usize,
    pub(super) partition: &'r PartitionPlan,
    stats: &'r PartitionStats,
    pub(super) ring: RxProducer,
    toeplitz: Toeplitz,
    /// The last frame to one address that came for it from the wire.
    pub(super) recent: Recent<true>,
}

impl<'r> Door<'r> {
    pub(super) fn new(cx: &Context<'r>, p: usize, ring: RxProducer) -> Option<Self> {
        let (partition, stats) = (cx.plan.partitions().get(p)?, cx.stats.partitions.get(p)?);
        let toeplitz = Toeplitz::new(&partition.rss.key);
        Some(Self {
            p,
            partition,
            stats,
            ring,
            toeplitz,
            recent: Recent::new(cx.plan),
        })
    }

    /// Copies a frame into the lane, or counts it as `ring-full`; `false` if it must
    /// wait.
    pub(super) fn put(&mut self, cx: &Context<'_>, frame: &[u8], steered: Steered) -> bool {
        let (queue, hash) = match steered {
            Some((queue, hash)) => (queue, Some(hash)),
            None if self.partition.queues == 1 => (0, None),
            None => self.spread(frame),
        };
        let meta = Meta {
            queue,
            hash,
            stamp_ns: cx.now_ns,
        };
        let pushed = self.ring.push(frame, meta);
        if pushed == Err(PushError::Full) && self.must_wait(cx) {
            return false;
        }
        match pushed {
            Ok(()) => self.count(queue, 1, frame.len() as u64),
            Err(_) => self.stats.drops.add(Reason::RingFull),
        }
        true
    }

    /// Counts frames that receive queue `queue` was given.
    pub(super) fn count(&self, queue: u16, frames: u64, bytes: u64) {
        self.stats.rx.add_all(frames, bytes);
        if let Some(counter) = self.stats.queues.get(usize::from(queue)) {
            counter.add(frames);
        }
    }

    /// The receive queue for a frame that the card did not hash.
    fn spread(&self, frame: &[u8]) -> (u16, Option<RxHash>) {
        let Some(input) = lockgate_rss::input(frame, self.partition.rss.hash) else {
            return (0, None);
        };
        let Hash { value, kind } = self.toeplitz.hash_of(&input);
        (
            self.partition.table.queue(value).into(),
            Some(RxHash {
                value,
                kind: kind.code(),
            }),
        )
    }

    /// Whether a frame must wait for room, after a look.
    fn must_wait(&mut self, cx: &Context<'_>) -> bool {
        let free = self.ring.look();
        cx.control.note(self.p, free.err());
        cx.overflow == Overflow::Wait && free == Ok(0) && cx.control.shut(self.p).is_none()
    }

    /// Shows the partition what was put in.
    pub(super) fn publish(&mut self) {
        self.ring.publish();
    }
}

/// Whether a frame to `to` must wait for room.
pub(super) fn must_wait(doors: &mut [Door<'_>], cx: &Context<'_>, to: PartitionSet) -> bool {
    cx.overflow == Overflow::Wait
        && to.iter().any(|p| {
            doors
                .get_mut(p.index())
                .is_some_and(|door| door.must_wait(cx))
        })
}

/// Where frames go: into lanes, transmit queues, and the mirror.
pub(super) struct Exit<'r> {
    pub(super) cx: Context<'r>,
    /// By partition.
    pub(super) doors: Vec<Door<'r>>,
    pub(super) tx: Vec<TxQueue>,
    pub(super) mirror: Option<RxProducer>,
    /// Core memory for a frame that is judged, as long as a lane's longest.
    pub(super) scratch: Vec<u8>,
    /// Core memory for a frame that was received, as long as a card can say that one is.
    pub(super) arrived: Vec<u8>,
}

impl<'r> Exit<'r> {
    /// Shows partitions what was put into their lanes.
    pub(super) fn publish(&mut self) {
        self.doors.iter_mut().for_each(Door::publish);
    }
}
