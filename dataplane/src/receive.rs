//! From the wire into the lanes.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan
//! agrees. A frame is counted once however many pools the card copied it to:
//! by the lowest pool that gets it.

use lockgate_drivers::Train;
use lockgate_lane::{Meta, RxHash};

use super::exit::{Context, Door, Exit};
use super::software::distribute;
use super::{BURST, Overflow, Worker, account};

impl Worker<'_> {
    /// Takes a burst from receive queue `port`; returns how many frames it settled.
    pub(super) fn receive(&mut self, port: usize) -> usize {
        let Exit { cx, doors, .. } = &mut self.exit;
        let Some(queue) = self.rx.get_mut(port).filter(|queue| queue.is_ready()) else {
            return 0;
        };
        let (pool, number) = (usize::from(queue.pool()), queue.queue().into());
        let settled = match (&mut self.software, doors.get_mut(pool)) {
            (None, Some(door)) => {
                // Most frames by the short way, and each that is not like them by the other.
                queue.receive(BURST, |train| {
                    door.follow(cx, train, number) || {
                        let code = train.hash_code;
                        let admit = |_, frame: &[u8], hash| {
                            let hash = code.map(|kind| RxHash { value: hash, kind });
                            door.admit(cx, frame, number, hash)
                        };
                        train.each(1, admit) > 0
                    }
                })
            }
            (Some(last), _) => queue.receive(BURST, |train| distribute(cx, doors, train, last)),
            // A pool that is nobody's gets nothing.
            (None, None) => 0,
        };
        let bad = queue.take_bad();
        if bad > 0 {
            cx.stats.wire.bad_descriptors.add(bad);
        }
        // What was left there waits for room.
        self.waiting |= cx.overflow == Overflow::Wait && settled < BURST && queue.is_ready();
        settled
    }
}

impl Door<'_> {
    /// Takes frames like the last one, as long as they come and there surely is room for
    /// them; false if there was none. All are in receive queue `queue`.
    #[inline(always)]
    fn follow(&mut self, cx: &Context<'_>, train: &mut Train<'_>, queue: u16) -> bool {
        let (frames, bytes) = self.copy(train, queue, cx.now_ns);
        cx.stats.wire.rx.add_all(frames, bytes);
        cx.stats.wire.delivered.add(frames);
        self.count(queue, frames, bytes);
        frames > 0
    }

    /// The loop of [`Door::follow`]; says how many frames and bytes. A function of its own, so
    /// that it has all registers.
    #[inline(never)]
    fn copy(&mut self, train: &mut Train<'_>, queue: u16, stamp_ns: u64) -> (u64, u64) {
        // Whoever has one queue needs no hash.
        let (recent, one) = (self.recent, self.partition.queues == 1);
        let (mut frames, mut bytes) = (0, 0);
        loop {
            let (len, kind) = (train.length, train.hash_code);
            let known = one || kind.is_some();
            if !known || !recent.covers(len) || len > self.ring.frame_bytes() {
                break;
            }
            let count = train.each(self.ring.free(1), |_, frame, hash| {
                let meta = Meta {
                    queue,
                    hash: kind.map(|kind| RxHash { value: hash, kind }),
                    stamp_ns,
                };
                recent.is_again(frame) && self.ring.push(frame, meta).is_ok()
            });
            frames += count;
            bytes += count * len;
            if count == 0 || !train.renew() {
                break;
            }
        }
        (frames as u64, bytes as u64)
    }

    /// Settles a frame in queue `number` of the partition's pool; `false` leaves it there.
    fn admit(&mut self, cx: &Context<'_>, bytes: &[u8], number: u16, hash: Option<RxHash>) -> bool {
        let wire = &cx.stats.wire;
        if !cx.plan.accepts(self.p, bytes, bytes.len()) {
            account::surplus(cx.plan, wire, self.p, bytes);
            return true;
        }
        if !self.put(cx, bytes, hash.map(|hash| (number, hash))) {
            return false;
        }
        self.recent.keep(bytes);
        account::delivered(cx.plan, wire, self.p, bytes);
        true
    }
}
