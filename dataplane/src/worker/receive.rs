//! From the wire into the lanes.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan
//! agrees. A frame is counted once however many pools the card copied it to:
//! by the lowest pool that gets it.

use lockgate_drivers::{RxFrame, RxQueue};
use lockgate_lane::Meta;
use lockgate_vmdq::WireVerdict;

use super::exit::{Context, Door, must_wait};
use super::{BURST, MIN_FRAME, Worker, account};

impl Worker<'_> {
    /// Takes a burst from receive queue `port`; returns how many frames it settled.
    pub(super) fn receive(&mut self, port: usize) -> usize {
        let Some(queue) = self.rx.get_mut(port).filter(|queue| queue.is_ready()) else {
            return 0;
        };
        let (cx, doors, pool) = (&self.cx, &mut self.doors[..], usize::from(queue.pool()));
        let settled = match doors.get_mut(pool) {
            Some(door) if !self.software => door.admit_all(cx, queue),
            _ => queue.receive(BURST, |frame| distribute(cx, doors, frame.bytes)),
        };
        cx.stats.wire.bad_descriptors.add(queue.take_bad());
        // What was left there waits for room.
        self.waiting |= settled < BURST && queue.is_ready();
        settled
    }
}

impl Door<'_> {
    /// Takes a burst from a queue of the partition's pool.
    fn admit_all(&mut self, cx: &Context<'_>, queue: &mut RxQueue) -> usize {
        let mut settled = 0;
        // Most frames by the short way, and each that is not like them by the other.
        while settled < BURST {
            settled += self.follow(cx, queue, BURST - settled);
            let number = queue.queue().into();
            if !queue.is_ready() {
                break;
            }
            match queue.receive(1, |frame| self.admit(cx, &frame, number)) {
                0 => break,
                one => settled += one,
            }
        }
        settled
    }

    /// Takes frames like the last one, as long as they come and there surely is room for
    /// them.
    fn follow(&mut self, cx: &Context<'_>, queue: &mut RxQueue, limit: usize) -> usize {
        let (number, recent, stamp_ns) = (queue.queue().into(), self.recent, cx.now_ns);
        let (mut frames, mut bytes) = (0, 0);
        let settled = queue.receive(limit, |frame| {
            let (len, hash) = (frame.bytes.len(), frame.hash());
            let meta = Meta { len: len as u32, queue: number, hash, stamp_ns };
            let taken = hash.is_some()
                && len >= MIN_FRAME
                && recent.is_again(frame.bytes)
                && self.ring.put(frame.bytes, meta.pack());
            if taken {
                frames += 1;
                bytes += len as u64;
            }
            taken
        });
        let wire = &cx.stats.wire;
        wire.rx.frames.add(frames);
        wire.rx.bytes.add(bytes);
        wire.delivered.add(frames);
        self.count(number, frames, bytes);
        settled
    }

    /// Settles a frame in queue `number` of the partition's pool; `false` leaves it there.
    fn admit(&mut self, cx: &Context<'_>, frame: &RxFrame<'_>, number: u16) -> bool {
        let (bytes, wire) = (frame.bytes, &cx.stats.wire);
        if !cx.plan.accepts(self.p, bytes, bytes.len()) {
            account::surplus(cx.plan, wire, self.p, bytes);
            return true;
        }
        if !self.put(cx, bytes, frame.hash().map(|hash| (number, hash))) {
            return false;
        }
        // A unicast address on a segment has one owner.
        let unicast = bytes.first().is_some_and(|first| first & 1 == 0);
        if unicast {
            self.recent.keep(bytes, true);
        }
        account::delivered(cx.plan, wire, self.p, bytes, unicast);
        true
    }
}

/// Settles a frame from a card without pools: the policy alone says whose it is.
fn distribute(cx: &Context<'_>, doors: &mut [Door<'_>], frame: &[u8]) -> bool {
    let wire = &cx.stats.wire;
    match cx.plan.from_wire(frame, frame.len()) {
        WireVerdict::Drop(reason) => wire.drops.add(reason),
        WireVerdict::Deliver(to) => {
            if must_wait(doors, cx, to) {
                return false;
            }
            wire.delivered.add(1);
            wire.copies.add(to.len().saturating_sub(1) as u64);
            for p in to.iter() {
                let door = doors.get_mut(p);
                door.map(|door| door.put(cx, frame, None));
            }
        }
    }
    wire.rx.add(frame.len());
    true
}
