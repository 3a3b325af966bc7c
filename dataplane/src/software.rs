//! From a card without pools into the lanes: the policy alone says whose a frame is.
//!
//! Most frames are like the last one that their partition got: who that may be is guessed,
//! and the guess is checked against that frame. What is like none is judged.
//!
//! Not here: what the card hashed, with a key that is no partition's.

use lockgate_vmdq::{MAX_PARTITIONS, PartitionId, WireVerdict};

use super::exit::{Context, Door, must_wait};

/// Who got the last frame.
#[derive(Default)]
pub(super) struct Last {
    p: usize,
}

/// Settles one frame; `false` if it must wait. Never inlined, so that cards with pools do not pay
/// for it.
#[inline(never)]
pub(super) fn distribute(
    cx: &Context<'_>,
    doors: &mut [Door<'_>],
    frame: &[u8],
    last: &mut Last,
) -> bool {
    let known = is_again(doors, last.p, frame);
    last.p = if known { last.p } else { guess(cx, frame) };
    let settled = if known || is_again(doors, last.p, frame) {
        let moved = doors
            .get_mut(last.p)
            .is_some_and(|door| door.put(cx, frame, None));
        cx.stats.wire.delivered.add(moved.into());
        moved
    } else {
        settle(cx, doors, frame)
    };
    if settled {
        cx.stats.wire.rx.add(frame.len());
    }
    settled
}

/// The index of the partition that a frame may be for; one past all if there is none.
fn guess(cx: &Context<'_>, frame: &[u8]) -> usize {
    let guess = cx.plan.guess_partition(frame);
    guess.map_or(MAX_PARTITIONS, PartitionId::index)
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
                if let Some(door) = doors.get_mut(p.index()) {
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
