//! From the lanes to the wire and to other lanes.
//!
//! A frame that cannot move yet stays in its lane; the turn passes on.

use lockgate_lane::{Frame, Meta, RxProducer, TxConsumer};
use lockgate_vmdq::{FrameLimits, SendVerdict};

use super::exit::{Exit, must_wait};
use super::schedule::Sender;
use super::{Overflow, Worker};

impl Worker<'_> {
    /// Sends up to `budget` frames in all, in the order of the schedule, until no lane in a
    /// whole round has more to give.
    pub(super) fn transmit(&mut self, budget: usize) -> usize {
        let (mut moved, mut barren) = (0, 0);
        while moved < budget && barren < self.schedule.len() {
            let Some((sender, up)) = self.schedule.current() else {
                break;
            };
            barren += 1;
            if sender.waits(up, self.exit.cx.control) {
                let sent = self.exit.turn(sender, up, budget - moved);
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
            }
            self.schedule.advance();
        }
        moved
    }
}

impl<'r> Exit<'r> {
    /// Sends from one lane until `budget` is used up, which leaves it its turn, or it is
    /// empty, out of its share, or must wait; says how many frames moved. A function of its
    /// own, so that a look at an empty lane is a short one.
    #[inline(never)]
    fn turn(&mut self, sender: &mut Sender<'r>, up: &mut TxConsumer, budget: usize) -> usize {
        let mut moved = 0;
        while moved < budget {
            // Most frames by the short way, and each that is not like them by the other.
            if sender.follows {
                moved += self.follow(sender, up, budget - moved);
            }
            let Some(frame) = up.frame(0) else {
                sender.deficit = 0;
                break;
            };
            // Refused frames use up the share too, or a flood of them would hold the turn.
            let price = frame.len().max(FrameLimits::SHORTEST);
            if moved >= budget || sender.deficit < price || !self.depart(sender, &frame) {
                break;
            }
            sender.deficit -= price;
            up.advance(1);
            moved += 1;
        }
        up.release();
        moved
    }

    /// Judges the first frame of a lane and moves it if it may and can; `false` leaves it where
    /// it is.
    ///
    /// The partition may rewrite its slot at any moment, so the frame is copied into core
    /// memory first, judged there, and it is that copy which travels on.
    fn depart(&mut self, sender: &mut Sender<'r>, waiting: &Frame<'_>) -> bool {
        let Self {
            cx,
            doors,
            tx,
            mirror,
            scratch,
            ..
        } = self;
        let mut queue = sender.tx.and_then(|at| tx.get_mut(at));
        let (len, room) = (waiting.len(), scratch.len());
        let (copied, padded) = (len.min(room), len.max(FrameLimits::SHORTEST));
        let frame = &mut scratch[..padded.min(room)];
        if !waiting.copy_to(&mut frame[..copied]) {
            return false;
        }
        frame[copied..].fill(0);
        let own = &frame[..copied];
        let (to, wire) = match cx.plan.from_partition(sender.id, own, len) {
            SendVerdict::Send { to, wire } => (to, wire),
            SendVerdict::Refuse(reason) => {
                sender.stats.drops.add(reason);
                return true;
            }
        };
        // Twice the same, or a sender to many would pay for looking.
        sender.follows = sender.recent.is_again(own);
        if wire && to.is_empty() {
            sender.recent.keep(own);
        }
        // Room first, then the rate, so that nothing is paid for a frame that stays.
        let lossless = cx.overflow == Overflow::Wait;
        let mirrored = |mirror: &mut RxProducer| !lossless || mirror.free(1) > 0;
        let mut ready = || {
            queue.as_mut().is_some_and(|queue| queue.free() > 0)
                && mirror.as_mut().is_none_or(mirrored)
        };
        let moved = !must_wait(doors, cx, to)
            && (!wire || ready())
            && sender
                .bucket
                .as_mut()
                .is_none_or(|b| b.take(cx.now_ns, padded));
        if !moved {
            return false;
        }
        for p in to.iter() {
            let door = doors.get_mut(p.index());
            door.map(|door| door.put(cx, frame, None));
        }
        if let Some(queue) = queue.filter(|_| wire)
            && queue.push(frame)
        {
            cx.stats.wire.tx.add(padded);
        }
        if let Some(mirror) = mirror.as_mut().filter(|_| wire) {
            let meta = Meta {
                stamp_ns: cx.now_ns,
                ..Meta::default()
            };
            let captured = mirror.push(frame, meta).is_ok();
            cx.stats.wire.uncaptured.add(u64::from(!captured));
        }
        sender.stats.tx.add(padded);
        true
    }

    /// Sends to the wire what is like the last frame that went there and nowhere else, as
    /// long as it comes and there surely is room for it; says how many frames those were. A
    /// function of its own, so that its loop has all registers.
    #[inline(never)]
    fn follow(&mut self, sender: &mut Sender<'r>, up: &mut TxConsumer, limit: usize) -> usize {
        let free = sender.bucket.is_none() && self.mirror.is_none();
        let Some(queue) = sender
            .tx
            .filter(|_| free)
            .and_then(|tx| self.tx.get_mut(tx))
        else {
            return 0;
        };
        queue.free();
        let (recent, mut share) = (sender.recent, sender.deficit);
        let scratch = &mut self.scratch;
        let mut moved = 0;
        while moved < limit
            && let Some(waiting) = up.frame(moved)
            && (FrameLimits::SHORTEST..=share).contains(&waiting.len())
            && recent.covers(waiting.len())
            && let Some(frame) = scratch.get_mut(..waiting.len())
            && let Some(mut slot) = queue.reserve()
        {
            // What is judged is the copy that leaves; a slot that is dropped sends nothing.
            if !waiting.copy_to(frame)
                || !recent.is_again(frame)
                || !slot.copy_from(frame)
                || !slot.commit()
            {
                break;
            }
            share -= frame.len();
            moved += 1;
        }
        up.advance(moved);
        let bytes = (sender.deficit - share) as u64;
        sender.deficit = share;
        sender.stats.tx.add_all(moved as u64, bytes);
        self.cx.stats.wire.tx.add_all(moved as u64, bytes);
        moved
    }
}
