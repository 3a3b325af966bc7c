//! Serves the lanes that send: to the wire and to other lanes.
//!
//! A frame that cannot move yet stays in its lane; the turn passes on. The wire that takes
//! nothing because its link is down costs frames and holds up nobody.
//!
//! Not here: whose turn it is ([`crate::schedule`]), when doorbells ring
//! ([`crate::coalesce`]).

use alloc::vec::Vec;

use lockgate_drivers::{TxQueue, TxSlots};
use lockgate_lane::{Meta, RxProducer, TxConsumer};
use lockgate_shm::ReadOnly;
use lockgate_vmdq::{Flow, FlowCache, FromPartition, NextHop, PartitionSet, Reason, SendVerdict};

use crate::deliver::{Delivery, Frames, RxPorts};
use crate::epoch::Spread;
use crate::frame::{Frame, Limit, Run, Source};
use crate::schedule::{Schedule, Sender};
use crate::stats::PartitionStats;

/// The way to the wire.
pub(crate) struct Egress {
    pub(crate) queues: Vec<TxQueue>,
    /// A ring that gets a copy of each frame sent to the wire, for captures.
    pub(crate) mirror: Option<RxProducer>,
    pub(crate) link: Link,
}

/// Whether the wire takes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It does.
    Up,
    /// It does not: frames for it are lost.
    Down,
}

/// What became of a frame.
enum Outcome {
    /// It went where it should.
    Sent,
    /// It is gone.
    Dropped(Reason),
    /// It stays where it is until the transmit queue has room.
    Blocked,
}

impl Egress {
    /// Puts one frame into the next of `slots` and shows it to the capture; false if none is
    /// left or the frame fits none.
    #[inline(always)]
    fn put(
        at: &Delivery<'_>,
        slots: &mut TxSlots<'_>,
        mirror: Option<&mut RxProducer>,
        frame: &Frame<'_, ReadOnly>,
    ) -> bool {
        let Some(buffer) = slots.put(&frame.judged()) else {
            return false;
        };
        if let Some(mirror) = mirror {
            let meta = Meta {
                stamp_ns: at.now_ns,
                ..Meta::default()
            };
            // What leaves, and not what its sender has made of it meanwhile.
            if mirror.push_block(buffer, frame.padded, meta).is_err() {
                at.stats.wire.uncaptured.add(1);
            }
        }
        true
    }

    /// Whether a frame for the wire can move now.
    fn has_room(&mut self, queue: Option<usize>) -> bool {
        let queue = queue.and_then(|queue| self.queues.get_mut(queue));
        queue.is_some_and(|queue| queue.reserve().is_some() || queue.free() > 0)
    }

    /// Hands everything to the card, with a doorbell for each queue that has something new.
    pub(crate) fn flush(&mut self) {
        self.queues.iter_mut().for_each(TxQueue::flush);
    }

    /// Shows the capture what was put in.
    pub(crate) fn publish(&mut self) {
        if let Some(mirror) = &mut self.mirror {
            mirror.publish();
        }
    }
}

/// Everything that frames of partitions go to.
pub(crate) struct Outputs<'w> {
    pub(crate) at: Delivery<'w>,
    pub(crate) ports: &'w mut RxPorts,
    pub(crate) egress: &'w mut Egress,
}

impl Outputs<'_> {
    /// Sends up to `budget` frames in all, in the order of the schedule, until no lane in a
    /// whole round has more to give; says how many.
    pub(crate) fn serve(&mut self, schedule: &mut Schedule, budget: usize) -> usize {
        let (mut moved, mut barren) = (0, 0);
        while moved < budget && barren < schedule.len() {
            let Some(sender) = schedule.current() else {
                break;
            };
            barren += 1;
            if sender.waits() {
                let sent = self.serve_lane(sender, budget - moved);
                moved += sent;
                // One that has sent all it had is asked again in the next pass.
                if sent > 0 && sender.deficit > 0 {
                    // What is left of its share it may send in the next round.
                    if moved >= budget {
                        break;
                    }
                    barren = 0;
                }
            } else {
                sender.deficit = 0;
                if sender.take_closed() {
                    self.ports.note_closed(sender.partition);
                }
            }
            schedule.advance();
        }
        moved
    }

    /// Sends from one lane until `budget` is used up, which leaves it its turn, or it is empty,
    /// out of its share, or must wait; says how many frames moved. A function of its own, so
    /// that a look at an empty lane is a short one.
    #[inline(never)]
    fn serve_lane(&mut self, sender: &mut Sender, budget: usize) -> usize {
        let Some(stats) = self.at.stats.partition(sender.partition) else {
            return 0;
        };
        let queue = sender.queue.and_then(|at| self.egress.queues.get_mut(at));
        if let Some(queue) = queue {
            queue.free();
        }
        let mut turn = Turn::new(sender, budget, self.at.now_ns);
        while turn.goes_on() {
            if turn.moved.frames == sender.lane.waiting() {
                // A lane that runs dry loses what it saved.
                turn.ran_dry = true;
                break;
            }
            let run = self.forward_next_run(sender, &turn);
            sender.hint = run.next;
            if run.frames > 0 {
                stats.tx.add_all(run.frames as u64, run.bytes as u64);
                turn.count(run);
                turn.paid += run.bytes;
            }
            if run.is_spent || run.frames == 0 && !self.forward_next(sender, stats, &mut turn) {
                break;
            }
        }
        turn.end(sender)
    }

    /// Moves frames from the turn's next on as long as they are known to go where that one goes
    /// and surely can; says which.
    #[inline(always)]
    fn forward_next_run(&mut self, sender: &Sender, turn: &Turn) -> Run {
        let run = self.forward_run(sender, turn, sender.hint);
        if run.frames > 0 || run.is_spent {
            return run;
        }
        let next = Source::frame(&sender.lane, turn.moved.frames);
        let hop = next.map_or(NextHop::UNKNOWN, |next| sender.flows.look_up(&next.start));
        if hop == sender.hint {
            return run;
        }
        self.forward_run(sender, turn, hop)
    }

    /// Moves frames from the turn's next on as long as they are known to go to `hop` and surely
    /// can; says which. Each is loaded here and judged by that.
    fn forward_run(&mut self, sender: &Sender, turn: &Turn, hop: NextHop) -> Run {
        let frames = Frames {
            source: &sender.lane,
            first: turn.moved.frames,
            limit: turn.limit(),
            queue: 0,
        };
        if hop == NextHop::WIRE {
            self.send_run(sender, &frames)
        } else if let Some(to) = hop.to_partition() {
            self.ports.deliver_run(&self.at, to, &sender.flows, &frames)
        } else {
            Run::default()
        }
    }

    /// Moves the turn's next frame, wherever it goes; false if it has to stay where it is.
    #[inline(never)]
    fn forward_next(
        &mut self,
        sender: &mut Sender,
        stats: &PartitionStats,
        turn: &mut Turn,
    ) -> bool {
        // Loaded once: its verdict, its price and its copies are all of this.
        let Some(frame) = Source::frame(&sender.lane, turn.moved.frames) else {
            return false;
        };
        if frame.padded > turn.left() {
            return false;
        }
        let plan = self.at.epoch.plan();
        let verdict = sender.flows.judge(plan, sender.partition, &frame.start);
        self.forward(sender.queue, &frame, verdict, stats, turn)
    }

    /// [`Outputs::forward_run`] to the wire.
    #[inline(always)]
    fn send_run(&mut self, sender: &Sender, frames: &Frames<'_, TxConsumer>) -> Run {
        let Egress {
            queues,
            mirror,
            link: Link::Up,
        } = self.egress
        else {
            return Run::default();
        };
        let Some(queue) = sender.queue.and_then(|queue| queues.get_mut(queue)) else {
            return Run::default();
        };
        let run = send_frames(&self.at, queue, mirror.as_mut(), &sender.flows, frames);
        let wire = &self.at.stats.wire;
        wire.tx.add_all(run.frames as u64, run.bytes as u64);
        run
    }

    /// Moves the turn's next frame where `verdict`, which is its own, says; transmit queue
    /// `queue` is its sender's. False if it has to stay where it is.
    fn forward(
        &mut self,
        queue: Option<usize>,
        frame: &Frame<'_, ReadOnly>,
        verdict: SendVerdict,
        stats: &PartitionStats,
        turn: &mut Turn,
    ) -> bool {
        match self.carry_out(queue, frame, verdict) {
            Outcome::Sent => {
                stats.tx.add(frame.padded);
                turn.paid += frame.padded;
            }
            Outcome::Dropped(reason) => stats.drops.add(reason),
            Outcome::Blocked => return false,
        }
        // Refused frames use up the share too, or a flood of them would hold the turn.
        turn.moved.add(frame.padded);
        true
    }

    /// Does with one frame what `verdict` says; transmit queue `queue` is its sender's.
    fn carry_out(
        &mut self,
        queue: Option<usize>,
        frame: &Frame<'_, ReadOnly>,
        verdict: SendVerdict,
    ) -> Outcome {
        let (to, wire) = match verdict {
            SendVerdict::Refuse(reason) => return Outcome::Dropped(reason),
            SendVerdict::Send { to, wire } => (to, wire),
        };
        let wire = wire && self.egress.link == Link::Up;
        // Room on the wire first, so that no partition gets a frame that comes again.
        if wire && !self.egress.has_room(queue) {
            return Outcome::Blocked;
        }
        self.deliver(frame, to);
        if wire && let Some(queue) = queue.and_then(|queue| self.egress.queues.get_mut(queue)) {
            let mut slot = queue.slots_in_row(1);
            let mirror = self.egress.mirror.as_mut();
            let sent = Egress::put(&self.at, &mut slot, mirror, frame) && slot.commit() > 0;
            self.at
                .stats
                .wire
                .tx
                .add_all(sent.into(), if sent { frame.padded as u64 } else { 0 });
        } else if to.is_empty() {
            return Outcome::Dropped(Reason::LinkDown);
        }
        Outcome::Sent
    }

    fn deliver(&mut self, frame: &Frame<'_, ReadOnly>, to: PartitionSet) {
        for partition in to.iter() {
            let spread = self.at.epoch.spread(partition);
            let steered = spread.and_then(Spread::without_hash);
            self.ports.deliver(&self.at, partition, frame, steered);
        }
    }
}

/// Puts frames into `queue` as long as they are known to go to the wire and there is room;
/// says which. A function of its own, so that its loop has all registers.
#[inline(never)]
fn send_frames(
    at: &Delivery<'_>,
    queue: &mut TxQueue,
    mut mirror: Option<&mut RxProducer>,
    flows: &FlowCache<FromPartition>,
    frames: &Frames<'_, TxConsumer>,
) -> Run {
    let (mut left, mut next) = (frames.limit.bytes, NextHop::WIRE);
    let mut slots = queue.slots_in_row(frames.limit.frames);
    let source = frames.source.row(frames.first, slots.left());
    let (mut flow, mut is_spent) = (&Flow::NONE, false);
    for frame in source {
        if frame.padded > left {
            is_spent = true;
            break;
        }
        if !flow.covers(&frame.start) {
            flow = flows.find(&frame.start);
            next = flow.hop();
            if next != NextHop::WIRE {
                break;
            }
        }
        if !Egress::put(at, &mut slots, mirror.as_deref_mut(), &frame) {
            break;
        }
        left -= frame.padded;
    }
    Run {
        frames: slots.commit(),
        bytes: frames.limit.bytes - left,
        next,
        is_spent,
    }
}

/// One lane's turn.
struct Turn {
    /// Frames and bytes that it may move.
    budget: usize,
    share: usize,
    /// What it has moved, refused frames among it.
    moved: Run,
    /// Bytes that went somewhere, which a rate counts.
    paid: usize,
    ran_dry: bool,
}

impl Turn {
    /// Up to `budget` frames of what `sender` has saved and its rate allows at `now_ns`.
    fn new(sender: &mut Sender, budget: usize, now_ns: u64) -> Self {
        let rate = sender.bucket.as_mut().map(|bucket| bucket.refill(now_ns));
        Self {
            budget,
            share: sender.deficit.min(rate.unwrap_or(usize::MAX)),
            moved: Run::default(),
            paid: 0,
            ran_dry: false,
        }
    }

    /// Whether it may move one more frame.
    fn goes_on(&self) -> bool {
        self.moved.frames < self.budget
    }

    /// Bytes that it may still move.
    fn left(&self) -> usize {
        self.share - self.moved.bytes
    }

    fn limit(&self) -> Limit {
        Limit {
            frames: self.budget - self.moved.frames,
            bytes: self.left(),
        }
    }

    fn count(&mut self, run: Run) {
        self.moved.frames += run.frames;
        self.moved.bytes += run.bytes;
    }

    /// Takes from the sender what was moved; says how many frames that were.
    fn end(self, sender: &mut Sender) -> usize {
        sender.lane.advance(self.moved.frames);
        sender.lane.release();
        if let Some(bucket) = &mut sender.bucket {
            bucket.spend(self.paid);
        }
        sender.deficit = if self.ran_dry {
            0
        } else {
            sender.deficit - self.moved.bytes
        };
        self.moved.frames
    }
}
