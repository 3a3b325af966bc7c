//! From the wire into the lanes.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan
//! agrees. A frame is counted once however many pools the card copied it to:
//! by the lowest pool that gets it.

use lockgate_drivers::RxQueue;
use lockgate_lane::{Meta, RxHash};

use super::exit::{Context, Door, Exit};
use super::software::{Last, distribute};
use super::{BURST, Overflow, Worker, account};

impl Worker<'_> {
    /// Takes a burst from receive queue `port`; returns how many frames it settled.
    pub(super) fn receive(&mut self, port: usize) -> usize {
        let Exit {
            cx, doors, arrived, ..
        } = &mut self.exit;
        let Some(queue) = self.rx.get_mut(port).filter(|queue| queue.is_ready()) else {
            return 0;
        };
        let settled = match (&mut self.software, doors.get_mut(usize::from(queue.pool()))) {
            (None, Some(door)) => door.receive(cx, queue, arrived),
            (Some(last), _) => receive_unsorted(cx, doors, queue, last, arrived),
            // A pool that is nobody's gets nothing.
            (None, None) => 0,
        };
        let bad = queue.take_bad().total();
        if bad > 0 {
            cx.stats.wire.bad_descriptors.add(bad);
        }
        // What was left there waits for room.
        self.waiting |= cx.overflow == Overflow::Wait && settled < BURST && queue.is_ready();
        settled
    }
}

/// Takes a burst of which nobody knows whose frames are.
fn receive_unsorted(
    cx: &Context<'_>,
    doors: &mut [Door<'_>],
    queue: &mut RxQueue,
    last: &mut Last,
    arrived: &mut [u8],
) -> usize {
    let burst = queue.burst(BURST);
    let mut settled = 0;
    while let Some(frame) = burst.get(settled) {
        let length = frame.copy_to(arrived);
        if !distribute(cx, doors, &arrived[..length], last) {
            break;
        }
        settled += 1;
    }
    burst.release(settled);
    settled
}

impl Door<'_> {
    /// Takes a burst from a queue of this partition's pool; says how many frames it settled.
    fn receive(&mut self, cx: &Context<'_>, queue: &mut RxQueue, arrived: &mut [u8]) -> usize {
        let number = queue.queue().into();
        let burst = queue.burst(BURST);
        let mut settled = 0;
        while let Some(frame) = burst.get(settled) {
            // What is decided on is this copy, whatever becomes of the buffer.
            let length = frame.copy_to(arrived);
            let bytes = &arrived[..length];
            let hash = frame.hash.map(|hash| RxHash {
                value: hash.value,
                kind: hash.kind.code(),
            });
            let moved = self.follow(cx, bytes, number, hash) || self.admit(cx, bytes, number, hash);
            if !moved {
                break;
            }
            settled += 1;
        }
        burst.release(settled);
        settled
    }

    /// Takes a frame like the last one if there surely is room for it.
    #[inline(always)]
    fn follow(&mut self, cx: &Context<'_>, bytes: &[u8], queue: u16, hash: Option<RxHash>) -> bool {
        // Whoever has one queue needs no hash.
        let known = self.partition.queues == 1 || hash.is_some();
        if !known || !self.recent.is_again(bytes) {
            return false;
        }
        let meta = Meta {
            queue,
            hash,
            stamp_ns: cx.now_ns,
        };
        let put = self.ring.push(bytes, meta).is_ok();
        if put {
            cx.stats.wire.rx.add(bytes.len());
            cx.stats.wire.delivered.add(1);
            self.count(queue, 1, bytes.len() as u64);
        }
        put
    }

    /// Settles a frame in queue `number` of the partition's pool; `false` leaves it there.
    fn admit(&mut self, cx: &Context<'_>, bytes: &[u8], number: u16, hash: Option<RxHash>) -> bool {
        let wire = &cx.stats.wire;
        if !cx.plan.accepts(self.partition.id, bytes, bytes.len()) {
            account::surplus(cx.plan, wire, self.partition.id, bytes);
            return true;
        }
        if !self.put(cx, bytes, hash.map(|hash| (number, hash))) {
            return false;
        }
        self.recent.keep(bytes);
        account::delivered(cx.plan, wire, self.partition.id, bytes);
        true
    }
}
