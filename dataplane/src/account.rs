//! How a frame from the wire is counted when several pools may hold it: once, by the lowest
//! pool that gets it.
//!
//! Nothing here decides what becomes of a frame.

use lockgate_vmdq::{FrameHeader, FrameStart, PartitionId, PartitionSet, Plan, WireVerdict};

use crate::stats::WireStats;

/// Accounts for a frame of `len` bytes that partition `own` was given by its pool, and `to`
/// should be.
pub(crate) fn delivered_by_pool(wire: &WireStats, own: PartitionId, to: PartitionSet, len: usize) {
    if to.first() == Some(own) {
        wire.rx.add(len);
        wire.delivered.add(1);
    } else {
        wire.copies.add(1);
    }
}

/// Accounts for a frame that all of `to` were given here.
pub(crate) fn delivered(wire: &WireStats, to: PartitionSet, len: usize) {
    wire.rx.add(len);
    wire.delivered.add(1);
    wire.copies.add(to.len().saturating_sub(1) as u64);
}

/// Accounts for a frame that the card gave to the pool of partition `own`, which does not take
/// it: under the reason that it is for nobody, or as a surplus copy.
#[cold]
pub(crate) fn surplus(
    plan: &Plan,
    wire: &WireStats,
    own: PartitionId,
    start: &FrameStart,
    verdict: WireVerdict,
) {
    match verdict {
        WireVerdict::Drop(reason) if first_steered(plan, start) == Some(own) => {
            wire.rx.add(start.len);
            wire.drops.add(reason);
        }
        WireVerdict::Drop(_) | WireVerdict::Deliver(_) => wire.surplus.add(1),
    }
}

/// The lowest partition whose pool the card's filters give a frame to which nobody takes: a
/// group frame goes to every pool on its segment that listens to such frames, a unicast frame
/// to one.
fn first_steered(plan: &Plan, start: &FrameStart) -> Option<PartitionId> {
    let bytes = start.bytes();
    let header = FrameHeader::parse(bytes.get(..start.len).unwrap_or(&bytes))?;
    let mut partitions = plan.partitions().iter();
    let first = partitions.find(|partition| {
        let pools = &plan.hardware().pools;
        let pool = plan
            .pool_of(partition.id)
            .and_then(|pool| pools.get(pool.index()));
        let listens = pool.is_some_and(|pool| {
            pool.receive
                && if header.dst.is_broadcast() {
                    pool.broadcast
                } else if header.dst.is_multicast() {
                    pool.multicast
                } else {
                    partition.macs.contains(&header.dst)
                }
        });
        let mut segments = partition.vlans.iter();
        listens && segments.any(|segment| segment.vid() == header.vid)
    });
    first.map(|partition| partition.id)
}
