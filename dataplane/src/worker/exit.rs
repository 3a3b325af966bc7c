//! The two ways out of the core: into a lane, and onto the wire.
//!
//! Frames from partitions go out here; frames from the wire come with the plan's verdict
//! in hand, but for those that take the short way in (`receive.rs`), which writes into
//! the door's ring itself. Nothing else writes into a lane or a transmit buffer.

use lockgate_drivers::TxQueue;
use lockgate_lane::{DownWriter, Meta, UpReader};
use lockgate_rss::{Hash, Toeplitz};
use lockgate_vmdq::{PartitionPlan, PartitionSet, Plan, Reason, Recent, SendVerdict};

use super::schedule::Sender;
use super::stats::{PartitionStats, WorkerStats};
use super::{Control, MIN_FRAME, Overflow};

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

/// A hash and the code of its kind.
pub(super) type RxHash = (u32, u8);

/// This worker's ring in one partition's lane.
pub(super) struct Door<'r> {
    pub(super) p: usize,
    partition: &'r PartitionPlan,
    stats: &'r PartitionStats,
    pub(super) ring: DownWriter,
    toeplitz: Toeplitz,
    /// The last frame to one address that came for it from the wire.
    pub(super) recent: Recent,
}

impl<'r> Door<'r> {
    pub(super) fn new(cx: &Context<'r>, p: usize, ring: DownWriter) -> Option<Self> {
        let (partition, stats) = (cx.plan.partitions().get(p)?, cx.stats.partitions.get(p)?);
        let toeplitz = Toeplitz::new(&partition.rss.key);
        Some(Self { p, partition, stats, ring, toeplitz, recent: Recent::new(cx.plan) })
    }

    /// Copies a frame into the lane, or counts it as `ring-full`; `false` if it must
    /// wait. `steered` is the receive queue and hash that the card chose, if it chose.
    pub(super) fn put(
        &mut self,
        cx: &Context<'_>,
        frame: &[u8],
        steered: Option<(u16, RxHash)>,
    ) -> bool {
        let (queue, hash) = match steered {
            Some((queue, hash)) => (queue, Some(hash)),
            None if self.partition.queues == 1 => (0, None),
            None => self.spread(frame),
        };
        let meta = Meta { len: frame.len() as u32, queue, hash, stamp_ns: cx.now_ns };
        if !self.ring.put(frame, meta.pack()) {
            if self.must_wait(cx) {
                return false;
            }
            if !self.ring.put(frame, meta.pack()) {
                self.stats.drops.add(Reason::RingFull);
                return true;
            }
        }
        self.count(queue, 1, frame.len() as u64);
        true
    }

    /// Counts frames that receive queue `queue` was given.
    pub(super) fn count(&self, queue: u16, frames: u64, bytes: u64) {
        self.stats.rx.frames.add(frames);
        self.stats.rx.bytes.add(bytes);
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
        (self.partition.table.queue(value).into(), Some((value, kind.code())))
    }

    /// Whether a frame must wait for room, after a look.
    fn must_wait(&mut self, cx: &Context<'_>) -> bool {
        let free = self.ring.free();
        cx.control.note(self.p, free.err());
        cx.overflow == Overflow::Wait && free == Ok(0) && cx.control.shut(self.p).is_none()
    }

    /// Shows the partition what was put in; closes the ring if its lane was shut.
    pub(super) fn publish(&mut self, control: &Control) {
        self.ring.publish();
        if let Some(reason) = control.shut(self.p) {
            self.ring.close(*reason);
        }
    }
}

/// Whether a frame to `to` must wait for room.
#[inline]
pub(super) fn must_wait(doors: &mut [Door<'_>], cx: &Context<'_>, to: PartitionSet) -> bool {
    cx.overflow == Overflow::Wait
        && to.iter().any(|p| doors.get_mut(p).is_some_and(|door| door.must_wait(cx)))
}

/// Where a partition's frames go: its transmit queue, the lanes of others, and the mirror.
pub(super) struct Exit<'w, 'r> {
    pub(super) cx: &'w Context<'r>,
    pub(super) doors: &'w mut [Door<'r>],
    pub(super) queue: Option<&'w mut TxQueue>,
    pub(super) mirror: Option<&'w mut DownWriter>,
    /// As long as the longest frame that a lane holds.
    pub(super) scratch: &'w mut [u8],
}

impl<'r> Exit<'_, 'r> {
    /// Judges the next frame of a lane, of `len` bytes, and moves it if it may and can;
    /// `false` leaves it where it is.
    ///
    /// The partition may rewrite its slot at any moment, so the frame is copied into core
    /// memory first, judged there, and it is that copy which travels on: from the transmit
    /// buffer that it is in already, if it can.
    pub(super) fn depart(&mut self, sender: &mut Sender<'r>, up: &UpReader, len: usize) -> bool {
        let Self { cx, doors, queue, mirror, scratch } = self;
        let padded = len.max(MIN_FRAME);
        let mut moved = true;
        let mut judge = |buffer: &mut [u8], ready: bool| {
            let (own, padding) = buffer.split_at_mut(len.min(buffer.len()));
            up.copy(own);
            padding.iter_mut().for_each(|byte| *byte = 0);
            let (to, wire) = match cx.plan.from_partition(sender.partition, own, len) {
                SendVerdict::Send { to, wire } => (to, wire),
                SendVerdict::Refuse(reason) => {
                    sender.stats.drops.add(reason);
                    return false;
                }
            };
            // Twice the same, or a sender to many would pay for looking.
            sender.follows = sender.recent.is_again(own);
            if wire && to.is_empty() {
                sender.recent.keep(own, false);
            }
            let lossless = cx.overflow == Overflow::Wait;
            let mirrored = |mirror: &mut &mut DownWriter| !lossless || mirror.free() != Ok(0);
            // Room first, then the rate, so that nothing is paid for a frame that stays.
            moved = !must_wait(doors, cx, to)
                && (!wire || ready && mirror.as_mut().is_none_or(mirrored))
                && sender.bucket.as_mut().is_none_or(|b| b.take(cx.now_ns, padded));
            if !moved {
                return false;
            }
            for p in to.iter() {
                let door = doors.get_mut(p);
                door.map(|door| door.put(cx, buffer, None));
            }
            if let Some(mirror) = mirror.as_mut().filter(|_| wire) {
                let meta = Meta { len: padded as u32, stamp_ns: cx.now_ns, ..Meta::default() };
                let room = mirror.free() != Ok(0) && mirror.put(buffer, meta.pack());
                cx.stats.wire.uncaptured.add(u64::from(!room));
            }
            sender.stats.tx.add(padded);
            wire
        };
        let ready = queue.as_mut().is_some_and(|queue| queue.free() > 0);
        match queue.as_mut().filter(|_| ready) {
            Some(queue) => {
                if queue.push(padded, |buffer| judge(buffer, true)) {
                    cx.stats.wire.tx.add(padded);
                }
            }
            None => {
                let room = padded.min(scratch.len());
                judge(&mut scratch[..room], false);
            }
        }
        moved
    }

    /// Sends to the wire what is like the last frame that went there and nowhere else, as
    /// long as it comes and there surely is room for it; says how many frames those were.
    pub(super) fn follow(
        &mut self,
        sender: &mut Sender<'r>,
        up: &mut UpReader,
        limit: usize,
    ) -> usize {
        let free = sender.follows && sender.bucket.is_none() && self.mirror.is_none();
        let Some(queue) = self.queue.as_mut().filter(|_| free) else {
            return 0;
        };
        queue.free();
        let (recent, mut moved, mut share) = (sender.recent, 0, sender.deficit);
        while moved < limit
            && let Some(len) = up.head()
            && (MIN_FRAME..=share).contains(&len)
            && queue.push(len, |buffer| {
                up.copy(buffer);
                recent.is_again(buffer)
            })
        {
            share -= len;
            moved += 1;
            up.consume();
        }
        let bytes = (sender.deficit - share) as u64;
        sender.deficit = share;
        for count in [&sender.stats.tx, &self.cx.stats.wire.tx] {
            count.frames.add(moved as u64);
            count.bytes.add(bytes);
        }
        moved
    }
}
