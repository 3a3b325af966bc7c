//! From the wire into the lanes.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan
//! agrees. A frame is counted once however many pools the card copied it to:
//! by the lowest pool that gets it.

use lockgate_drivers::RxFrame;
use lockgate_vmdq::{FrameHeader, PartitionSet, Plan, WireVerdict};

use super::exit::Exit;
use super::{BURST, Worker};

impl Worker<'_> {
    /// Takes a burst from receive queue `port`; returns how many frames it settled.
    pub(super) fn receive(&mut self, port: usize) -> usize {
        let Some(queue) = self.rx.get_mut(port) else {
            return 0;
        };
        let (pool, number) = (usize::from(queue.pool()), u16::from(queue.queue()));
        let shown = queue.poll(BURST);
        let mut settled = 0;
        while settled < shown {
            let done = match queue.frame(settled) {
                Ok(frame) if self.software => self.exit.distribute(&frame),
                Ok(frame) => self.exit.admit(pool, number, &frame),
                Err(_) => {
                    self.exit.stats.wire.bad_descriptors.add(1);
                    true
                }
            };
            if !done {
                self.waiting = true;
                break;
            }
            settled += 1;
        }
        queue.rearm(settled);
        settled
    }
}

impl Exit<'_> {
    /// Settles a frame that `queue` of `pool` holds; `false` leaves it there.
    #[inline]
    fn admit(&mut self, pool: usize, queue: u16, frame: &RxFrame<'_>) -> bool {
        let bytes = frame.bytes;
        if !self.plan.accepts(pool, bytes, bytes.len()) {
            self.surplus(pool, bytes);
            return true;
        }
        let mut only = PartitionSet::default();
        only.insert(pool);
        if self.must_wait(only) || !self.reflect(pool, bytes) {
            return false;
        }
        // A unicast address on a segment has one owner.
        let unicast = bytes.first().is_some_and(|first| first & 1 == 0);
        let wire = &self.stats.wire;
        if unicast || first_taker(self.plan, bytes) == Some(pool) {
            wire.rx.add(bytes.len());
            wire.delivered.add(1);
        } else {
            wire.copies.add(1);
        }
        let steered = frame.hash.map(|hash| (queue, hash));
        self.deliver(pool, bytes.len(), bytes, steered, |slot| slot.copy_from_slice(bytes));
        true
    }

    /// Accounts for a frame that the card gave to a pool whose partition does not
    /// take it: under the reason that it is for nobody, or as a surplus copy.
    #[cold]
    fn surplus(&self, pool: usize, bytes: &[u8]) {
        let wire = &self.stats.wire;
        match self.plan.from_wire(bytes, bytes.len()) {
            WireVerdict::Drop(reason) if first_steered(self.plan, bytes) == Some(pool) => {
                wire.rx.add(bytes.len());
                wire.drops.add(reason);
            }
            WireVerdict::Drop(_) | WireVerdict::Deliver(_) => wire.surplus.add(1),
        }
    }

    /// Settles a frame from a card without pools: the policy alone says whose it is.
    #[inline]
    fn distribute(&mut self, frame: &RxFrame<'_>) -> bool {
        let bytes = frame.bytes;
        let wire = &self.stats.wire;
        match self.plan.from_wire(bytes, bytes.len()) {
            WireVerdict::Drop(reason) => wire.drops.add(reason),
            WireVerdict::Deliver(to) => {
                // Of a frame to several nothing is sent back, so it may be tried again.
                if self.must_wait(to) || !to.iter().all(|p| self.reflect(p, bytes)) {
                    return false;
                }
                wire.delivered.add(1);
                wire.copies.add(to.len().saturating_sub(1) as u64);
                for p in to.iter() {
                    self.deliver(p, bytes.len(), bytes, None, |slot| slot.copy_from_slice(bytes));
                }
            }
        }
        wire.rx.add(bytes.len());
        true
    }
}

/// The lowest partition that takes the frame.
fn first_taker(plan: &Plan, bytes: &[u8]) -> Option<usize> {
    match plan.from_wire(bytes, bytes.len()) {
        WireVerdict::Deliver(to) => to.first(),
        WireVerdict::Drop(_) => None,
    }
}

/// The lowest pool that the card's filters give a frame to which nobody takes: a
/// group frame goes to every pool on its segment that listens to such frames, a
/// unicast frame to one.
fn first_steered(plan: &Plan, bytes: &[u8]) -> Option<usize> {
    let header = FrameHeader::parse(bytes)?;
    let mut pools = plan.partitions().iter().zip(&plan.hardware().pools);
    pools.position(|(partition, pool)| {
        let listens = if header.dst.is_broadcast() {
            pool.broadcast
        } else if header.dst.is_multicast() {
            pool.multicast
        } else {
            partition.macs.contains(&header.dst)
        };
        let there = partition.vlans.iter().any(|segment| segment.vid() == header.vid);
        pool.receive && listens && there
    })
}
