//! How a frame from the wire is counted when several pools may hold it: once, by the lowest
//! pool that gets it.
//!
//! Nothing here decides what becomes of a frame.

use lockgate_vmdq::{FrameHeader, PartitionId, Plan, PoolId, WireVerdict};

use crate::stats::WireStats;

/// Accounts for a frame that partition `p` was given.
pub(super) fn delivered(plan: &Plan, wire: &WireStats, p: PartitionId, bytes: &[u8]) {
    // An address of one station has one owner on a segment, and nobody else was given it.
    let unicast = bytes.first().is_some_and(|first| first & 1 == 0);
    if unicast || first_taker(plan, bytes) == Some(p) {
        wire.rx.add(bytes.len());
        wire.delivered.add(1);
    } else {
        wire.copies.add(1);
    }
}

/// Accounts for a frame that the card gave to a pool whose partition does not
/// take it: under the reason that it is for nobody, or as a surplus copy.
#[cold]
pub(super) fn surplus(plan: &Plan, wire: &WireStats, p: PartitionId, bytes: &[u8]) {
    match plan.from_wire(bytes, bytes.len()) {
        WireVerdict::Drop(reason) if first_steered(plan, bytes) == Some(p) => {
            wire.rx.add(bytes.len());
            wire.drops.add(reason);
        }
        WireVerdict::Drop(_) | WireVerdict::Deliver(_) => wire.surplus.add(1),
    }
}

/// The lowest partition that takes the frame.
fn first_taker(plan: &Plan, bytes: &[u8]) -> Option<PartitionId> {
    match plan.from_wire(bytes, bytes.len()) {
        WireVerdict::Deliver(to) => to.first(),
        WireVerdict::Drop(_) => None,
    }
}

/// Whose the lowest pool is that the card's filters give a frame to which nobody takes: a
/// group frame goes to every pool on its segment that listens to such frames, a
/// unicast frame to one.
fn first_steered(plan: &Plan, bytes: &[u8]) -> Option<PartitionId> {
    let header = FrameHeader::parse(bytes)?;
    let pools = (0..=u8::MAX).map(PoolId::new).zip(&plan.hardware().pools);
    let mut partitions =
        pools.filter_map(|(id, pool)| Some((plan.partition(plan.partition_of(id)?)?, pool)));
    let first = partitions.find(|(partition, pool)| {
        let listens = if header.dst.is_broadcast() {
            pool.broadcast
        } else if header.dst.is_multicast() {
            pool.multicast
        } else {
            partition.macs.contains(&header.dst)
        };
        let there = partition
            .vlans
            .iter()
            .any(|segment| segment.vid() == header.vid);
        pool.receive && listens && there
    });
    first.map(|(partition, _)| partition.id)
}
