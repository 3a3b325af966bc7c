//! From a card without pools into the lanes: the policy alone says whose a frame is.
//!
//! Most frames are like the last one that their partition got: who that may be is guessed,
//! and the guess is checked against that frame. What is like none is judged.
//!
//! Not here: what the card hashed, with a key that is no partition's.

use lockgate_drivers::Train;
use lockgate_lane::Meta;
use lockgate_vmdq::WireVerdict;

use super::exit::{Context, Door, must_wait};

/// Who got the last frame, and whether more came for them in a row.
#[derive(Default)]
pub(super) struct Last {
    p: usize,
    run: bool,
}

/// Settles frames of a train; false if there was none, or the next must wait. Never inlined, so
/// that cards with pools do not pay for it.
#[inline(never)]
pub(super) fn distribute(
    cx: &Context<'_>,
    doors: &mut [Door<'_>],
    train: &mut Train<'_>,
    last: &mut Last,
) -> bool {
    let (len, mut again) = (train.length, 0);
    let meta = Meta {
        stamp_ns: cx.now_ns,
        ..Meta::default()
    };
    if last.run
        && let Some(door) = doors.get_mut(last.p)
    {
        again = follow(door, train, len, meta);
        last.run = again > 0;
    }
    let mut settled = again;
    if settled == 0 {
        settled = train.each(usize::MAX, |i, frame, _| {
            let same = is_again(doors, last.p, frame);
            last.p = if same { last.p } else { cx.plan.likely(frame) };
            if !same && !is_again(doors, last.p, frame) {
                return settle(cx, doors, frame);
            }
            let moved = doors.get_mut(last.p).is_some_and(|door| {
                // Whoever has one queue needs no hash.
                let one = door.partition.queues == 1;
                last.run = same && one && i > 0;
                if last.run {
                    return false;
                }
                let put = one && door.ring.push(frame, meta).is_ok();
                if put {
                    door.count(0, 1, len as u64);
                }
                put || door.put(cx, frame, None)
            });
            again += usize::from(moved);
            moved
        });
    }
    cx.stats
        .wire
        .rx
        .add_all(settled as u64, (settled * len) as u64);
    cx.stats.wire.delivered.add(again as u64);
    settled > 0
}

/// Takes frames like the last one of a partition with one queue, as long as they come and
/// there surely is room for them; says how many.
#[inline(never)]
fn follow(door: &mut Door<'_>, train: &mut Train<'_>, len: usize, meta: Meta) -> usize {
    let recent = door.recent;
    let count = train.each(door.ring.free(1), |_, frame, _| {
        recent.is_again(frame) && door.ring.push(frame, meta).is_ok()
    });
    door.count(0, count as u64, (count * len) as u64);
    count
}

/// Whether the verdict on a frame is that it is for partition `p` alone.
#[inline(always)]
fn is_again(doors: &[Door<'_>], p: usize, frame: &[u8]) -> bool {
    doors.get(p).is_some_and(|door| door.recent.is_again(frame))
}

/// Settles a frame of which nothing is known; `false` leaves it there.
fn settle(cx: &Context<'_>, doors: &mut [Door<'_>], frame: &[u8]) -> bool {
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
                if let Some(door) = doors.get_mut(p) {
                    door.put(cx, frame, None);
                    if to.len() == 1 {
                        door.recent.keep(frame);
                    }
                }
            }
        }
    }
    true
}
