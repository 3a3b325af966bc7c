//! From the lanes to the wire and to other lanes.
//!
//! The partition may rewrite its slot at any moment, so the header is copied
//! into core memory first, judged there, and it is that copy which travels on.
//! A frame that cannot move yet stays in the lane; the turn passes on.

use lockgate_drivers::TxQueue;
use lockgate_lane::{DownWriter, Meta, UpFrame};
use lockgate_vmdq::{PartitionSet, Plan, SendVerdict};

use super::lanes::{Arrival, Lanes};
use super::schedule::Sender;
use super::stats::WorkerStats;
use super::{BURST, MIN_FRAME, Overflow, Worker};

/// Bytes copied before the verdict: all that the policy and RSS look at (18 of
/// Ethernet with a tag, 60 of IPv4 with options, 4 of ports, and some).
const HEADER: usize = 128;

/// Why a turn ended.
#[derive(PartialEq, Eq)]
enum Turn {
    /// The worker's burst is used up; the lane keeps its turn.
    Budget,
    /// The lane is empty, out of its share, or must wait.
    Over,
}

/// Whether a frame left its lane.
enum Step {
    Gone,
    Waits,
}

/// A frame on its way out, its header in core memory.
struct Departure<'a> {
    header: &'a [u8; HEADER],
    frame: UpFrame,
    /// Bytes after padding.
    len: usize,
}

impl Departure<'_> {
    /// Writes the whole frame into `slot`, which is as long as the frame.
    fn fill(&self, sender: &Sender, slot: &mut [u8]) {
        let head = self.len.min(HEADER);
        if let (Some(to), Some(from)) = (slot.get_mut(..head), self.header.get(..head)) {
            to.copy_from_slice(from);
        }
        if let Some(rest) = slot.get_mut(head..) {
            sender.up.copy(&self.frame, head, rest);
        }
    }
}

/// Everything a departing frame may touch.
struct Exit<'w, 'r> {
    plan: &'r Plan,
    stats: &'r WorkerStats,
    lanes: &'w mut Lanes<'r>,
    tx: &'w mut [TxQueue],
    mirror: &'w mut Option<DownWriter>,
    now_ns: u64,
}

impl<'r> Worker<'r> {
    /// Sends up to a burst in all, in the order of the schedule.
    pub(super) fn transmit(&mut self, now_ns: u64) -> usize {
        let mut exit = Exit {
            plan: self.plan,
            stats: self.stats,
            lanes: &mut self.lanes,
            tx: &mut self.tx,
            mirror: &mut self.mirror,
            now_ns,
        };
        let mut moved = 0;
        let mut barren = 0;
        while barren < self.schedule.len() {
            let Some(sender) = self.schedule.current() else {
                break;
            };
            let before = moved;
            if exit.turn(sender, &mut moved) == Turn::Budget {
                break;
            }
            barren = if moved == before { barren + 1 } else { 0 };
            self.schedule.advance();
        }
        if moved > 0 {
            self.tx.iter_mut().for_each(TxQueue::flush);
            if let Some(mirror) = &mut self.mirror {
                mirror.publish();
            }
        }
        moved
    }
}

impl Exit<'_, '_> {
    fn turn(&mut self, sender: &mut Sender, moved: &mut usize) -> Turn {
        if let Some(bucket) = &mut sender.bucket {
            bucket.refill(self.now_ns);
        }
        let mut header = [0; HEADER];
        let mut taken = 0;
        let ended = loop {
            if *moved >= BURST {
                break Turn::Budget;
            }
            let Some(frame) = sender.up.head(&mut header) else {
                sender.deficit = 0;
                break Turn::Over;
            };
            // Refused frames use up the share too, or a flood of them would hold the turn.
            if sender.deficit < frame.len().max(MIN_FRAME) {
                break Turn::Over;
            }
            match self.step(sender, &mut header, frame) {
                Step::Gone => {
                    sender.up.consume();
                    *moved += 1;
                    taken += 1;
                }
                Step::Waits => break Turn::Over,
            }
        };
        if taken > 0 {
            sender.up.release();
        }
        ended
    }

    /// Judges one frame and moves it if it may and can.
    fn step(&mut self, sender: &mut Sender, header: &mut [u8; HEADER], frame: UpFrame) -> Step {
        let len = frame.len();
        let Some(stats) = self.stats.partitions.get(sender.partition) else {
            return Step::Gone;
        };
        let seen = header.get(..len.min(HEADER)).unwrap_or_default();
        match self.plan.from_partition(sender.partition, seen, len) {
            SendVerdict::Refuse(reason) => {
                sender.deficit -= len.max(MIN_FRAME).min(sender.deficit);
                stats.drops.add(reason);
                Step::Gone
            }
            SendVerdict::Send { to, wire } => {
                let padded = len.max(MIN_FRAME);
                if let Some(padding) = header.get_mut(len..padded) {
                    padding.fill(0);
                }
                let departure = Departure { header, frame, len: padded };
                if !self.may_leave(sender, padded, to, wire) {
                    return Step::Waits;
                }
                self.depart(sender, &departure, to, wire);
                stats.tx.add(padded);
                Step::Gone
            }
        }
    }

    /// Room first, then the rate, so that nothing is paid for a frame that stays.
    fn may_leave(&mut self, sender: &mut Sender, len: usize, to: PartitionSet, wire: bool) -> bool {
        if self.lanes.must_wait(to) || (wire && !self.room_on_wire(sender)) {
            return false;
        }
        if !sender.bucket.as_mut().is_none_or(|bucket| bucket.take(len)) {
            return false;
        }
        sender.deficit -= len.min(sender.deficit);
        true
    }

    fn room_on_wire(&mut self, sender: &Sender) -> bool {
        let lossless = self.lanes.overflow() == Overflow::Wait;
        let mirrored = match self.mirror {
            Some(mirror) if lossless => mirror.slot().is_some() || mirror.free().is_err(),
            _ => true,
        };
        mirrored
            && sender
                .tx
                .and_then(|queue| self.tx.get_mut(queue))
                .is_some_and(|queue| queue.free() > 0)
    }

    fn depart(&mut self, sender: &Sender, departure: &Departure<'_>, to: PartitionSet, wire: bool) {
        let arrival = Arrival { steered: None, stamp_ns: self.now_ns };
        let header = departure.header.get(..departure.len.min(HEADER)).unwrap_or_default();
        for p in to.iter() {
            self.lanes.deliver(p, departure.len, header, arrival, |slot| {
                departure.fill(sender, slot);
            });
        }
        if wire {
            self.put_on_wire(sender, departure);
        }
    }

    fn put_on_wire(&mut self, sender: &Sender, departure: &Departure<'_>) {
        let Some(queue) = sender.tx.and_then(|queue| self.tx.get_mut(queue)) else {
            return;
        };
        let Some(slot) = queue.buffer().and_then(|buffer| buffer.get_mut(..departure.len)) else {
            return;
        };
        departure.fill(sender, slot);
        if let Some(mirror) = self.mirror {
            reflect(mirror, slot, self.now_ns, self.stats);
        }
        if queue.push(departure.len) {
            self.stats.wire.tx.add(departure.len);
        }
    }
}

/// Copies a frame that leaves to whoever captures the wire.
fn reflect(mirror: &mut DownWriter, frame: &[u8], stamp_ns: u64, stats: &WorkerStats) {
    let Some(room) = mirror.slot().and_then(|room| room.get_mut(..frame.len())) else {
        stats.wire.uncaptured.add(1);
        return;
    };
    room.copy_from_slice(frame);
    mirror.commit(Meta {
        len: u32::try_from(frame.len()).unwrap_or(u32::MAX),
        queue: 0,
        hash: None,
        stamp_ns,
    });
}
