//! From the wire into the lanes.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan
//! agrees. A frame is counted once however many pools the card copied it to:
//! by the lowest pool that gets it.

use lockgate_drivers::RxFrame;
use lockgate_vmdq::{FrameHeader, PartitionSet, Plan, WireVerdict};

use super::lanes::{Arrival, Lanes};
use super::stats::WorkerStats;
use super::{BURST, Worker};

/// Where a frame came in.
#[derive(Clone, Copy)]
struct Port {
    pool: usize,
    queue: u16,
}

impl Worker<'_> {
    /// Takes a burst from receive queue `port`; returns how many frames it settled.
    pub(super) fn receive(&mut self, port: usize, now_ns: u64) -> usize {
        let Self { plan, stats, rx, lanes, software, .. } = self;
        let Some(queue) = rx.get_mut(port) else {
            return 0;
        };
        let shown = queue.poll(BURST);
        let port = Port { pool: usize::from(queue.pool()), queue: u16::from(queue.queue()) };
        let mut settled = 0;
        while settled < shown {
            let done = match queue.frame(settled) {
                Ok(frame) if *software => spread(plan, stats, lanes, &frame, now_ns),
                Ok(frame) => admit(plan, stats, lanes, port, &frame, now_ns),
                Err(_) => {
                    stats.wire.bad_descriptors.add(1);
                    true
                }
            };
            if !done {
                break;
            }
            settled += 1;
        }
        if settled > 0 {
            queue.rearm(settled);
        }
        settled
    }
}

/// Settles a frame that a pool's queue holds; `false` leaves it there.
#[inline]
fn admit(
    plan: &Plan,
    stats: &WorkerStats,
    lanes: &mut Lanes<'_>,
    port: Port,
    frame: &RxFrame<'_>,
    now_ns: u64,
) -> bool {
    let bytes = frame.bytes;
    if !plan.accepts(port.pool, bytes, bytes.len()) {
        surplus(plan, stats, port, bytes);
        return true;
    }
    if lanes.must_wait(only(port.pool)) {
        return false;
    }
    if first_taker(plan, port, bytes) {
        stats.wire.rx.add(bytes.len());
        stats.wire.delivered.add(1);
    } else {
        stats.wire.copies.add(1);
    }
    let arrival = Arrival { steered: frame.hash.map(|hash| (port.queue, hash)), stamp_ns: now_ns };
    lanes.deliver(port.pool, bytes.len(), bytes, arrival, |slot| {
        slot.copy_from_slice(bytes);
    });
    true
}

/// The set of one partition.
#[inline]
fn only(partition: usize) -> PartitionSet {
    let mut set = PartitionSet::default();
    set.insert(partition);
    set
}

/// Whether `port`'s partition is the lowest of those that take the frame. A
/// unicast address on a segment has one owner.
#[inline]
fn first_taker(plan: &Plan, port: Port, bytes: &[u8]) -> bool {
    let unicast = bytes.first().is_some_and(|first| first & 1 == 0);
    unicast
        || match plan.from_wire(bytes, bytes.len()) {
            WireVerdict::Deliver(to) => to.first() == Some(port.pool),
            WireVerdict::Drop(_) => false,
        }
}

/// Accounts for a frame that the card gave to a pool whose partition does not
/// take it: under the reason that it is for nobody, or as a surplus copy.
#[cold]
fn surplus(plan: &Plan, stats: &WorkerStats, port: Port, bytes: &[u8]) {
    match plan.from_wire(bytes, bytes.len()) {
        WireVerdict::Drop(reason) if first_steered(plan, bytes) == Some(port.pool) => {
            stats.wire.rx.add(bytes.len());
            stats.wire.drops.add(reason);
        }
        WireVerdict::Drop(_) | WireVerdict::Deliver(_) => stats.wire.surplus.add(1),
    }
}

/// The lowest pool that the card's filters give a frame to which nobody takes: a
/// group frame goes to every pool on its segment that listens to such frames, a
/// unicast frame to one.
fn first_steered(plan: &Plan, bytes: &[u8]) -> Option<usize> {
    let header = FrameHeader::parse(bytes)?;
    let pools = &plan.hardware().pools;
    let on_segment = |pool: usize| {
        plan.partitions()
            .get(pool)
            .is_some_and(|partition| partition.vlans.iter().any(|s| s.vid() == header.vid))
    };
    (0..pools.len()).find(|&pool| {
        let filter = &pools[pool];
        let listens = if header.dst.is_broadcast() {
            filter.broadcast
        } else if header.dst.is_multicast() {
            filter.multicast
        } else {
            plan.partitions()
                .get(pool)
                .is_some_and(|partition| partition.macs.contains(&header.dst))
        };
        filter.receive && listens && on_segment(pool)
    })
}

/// Settles a frame from a card without pools: the policy alone says whose it is.
#[inline]
fn spread(
    plan: &Plan,
    stats: &WorkerStats,
    lanes: &mut Lanes<'_>,
    frame: &RxFrame<'_>,
    now_ns: u64,
) -> bool {
    let bytes = frame.bytes;
    let to = match plan.from_wire(bytes, bytes.len()) {
        WireVerdict::Deliver(to) => to,
        WireVerdict::Drop(reason) => {
            stats.wire.rx.add(bytes.len());
            stats.wire.drops.add(reason);
            return true;
        }
    };
    if lanes.must_wait(to) {
        return false;
    }
    stats.wire.rx.add(bytes.len());
    stats.wire.delivered.add(1);
    stats.wire.copies.add(to.len().saturating_sub(1) as u64);
    let arrival = Arrival { steered: None, stamp_ns: now_ns };
    for p in to.iter() {
        lanes.deliver(p, bytes.len(), bytes, arrival, |slot| {
            slot.copy_from_slice(bytes);
        });
    }
    true
}
