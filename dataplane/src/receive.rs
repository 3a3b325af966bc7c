//! Receives bursts from the card's queues.
//!
//! The card has chosen a pool; the worker believes it only as far as the plan agrees, and
//! without pools the plan alone says whose a frame is. A frame is counted once however many
//! pools the card copied it to: by the lowest pool that gets it.
//!
//! Not here: descriptors (`lockgate-drivers`), verdicts (`lockgate-vmdq`).

use lockgate_drivers::{RxBurst, RxQueue};
use lockgate_vmdq::{FlowCache, FromWire, NextHop, PartitionId, PartitionSet, PoolId, WireVerdict};

use crate::account;
use crate::deliver::{Delivery, Frames, RxPorts};
use crate::epoch::{Epoch, Owner};
use crate::frame::{Frame, Limit, Run, Source};

/// A receive queue of the card.
pub(crate) struct Ingress {
    pub(crate) queue: RxQueue,
    pub(crate) owner: Owner,
    /// It is being given up: nothing is taken from it any more.
    pub(crate) quiesced: bool,
}

impl Ingress {
    pub(crate) fn new(queue: RxQueue, epoch: &Epoch) -> Self {
        let owner = epoch.owner(PoolId::new(queue.pool()));
        Self {
            queue,
            owner,
            quiesced: false,
        }
    }

    /// Takes a burst of up to `limit` frames and delivers it; says how many frames that were.
    pub(crate) fn receive(
        &mut self,
        limit: usize,
        at: &Delivery<'_>,
        flows: &mut FlowCache<FromWire>,
        ports: &mut RxPorts,
    ) -> usize {
        if self.quiesced || !self.queue.is_ready() {
            return 0;
        }
        let queue = match self.owner {
            Owner::Partition(_) => self.queue.queue().into(),
            Owner::Everybody | Owner::Nobody => 0,
        };
        let burst = self.queue.burst(limit);
        let mut stage = Stage {
            at,
            owner: self.owner,
            queue,
            flows,
            ports,
        };
        let frames = stage.settle_all(&burst);
        burst.release(frames);
        let bad = self.queue.take_bad().total();
        if bad > 0 {
            at.stats.wire.bad_descriptors.add(bad);
        }
        frames + bad as usize
    }
}

/// What is done to one burst.
struct Stage<'w> {
    at: &'w Delivery<'w>,
    owner: Owner,
    /// The partition's queue that the card put the frames into; 0 where it chose none.
    queue: u16,
    flows: &'w mut FlowCache<FromWire>,
    ports: &'w mut RxPorts,
}

impl Stage<'_> {
    /// Settles every frame of a burst; says how many.
    fn settle_all(&mut self, burst: &RxBurst<'_>) -> usize {
        let mut settled = 0;
        // Frames of a partition's queue are hardly ever for anybody else.
        let mut hint = match self.owner {
            Owner::Partition(owner) => NextHop::partition(owner),
            Owner::Everybody | Owner::Nobody => NextHop::UNKNOWN,
        };
        while settled < burst.len() {
            let mut run = self.deliver_run(burst, settled, hint);
            if run.frames == 0
                && let Some(frame) = Source::frame(burst, settled)
            {
                let hop = self.flows.look_up(&frame.start);
                if hop != hint {
                    run = self.deliver_run(burst, settled, hop);
                }
                if run.frames == 0 {
                    self.settle(&frame, hop);
                    run.add(frame.padded);
                }
            }
            settled += run.frames;
            hint = run.next;
        }
        settled
    }

    /// Delivers frames from number `first` on to the partition that they are known to go to, if
    /// the queue's owner lets it.
    #[inline(always)]
    fn deliver_run(&mut self, burst: &RxBurst<'_>, first: usize, hop: NextHop) -> Run {
        let Some(to) = hop.to_partition().filter(|to| self.is_open_to(*to)) else {
            return Run::default();
        };
        let frames = Frames {
            source: burst,
            first,
            limit: Limit::NONE,
            queue: self.queue,
        };
        let run = self.ports.deliver_run(self.at, to, self.flows, &frames);
        if run.frames > 0 {
            let wire = &self.at.stats.wire;
            wire.rx.add_all(run.frames as u64, run.bytes as u64);
            wire.delivered.add(run.frames as u64);
        }
        run
    }

    /// Whether frames of this queue may go to `partition`.
    #[inline(always)]
    fn is_open_to(&self, partition: PartitionId) -> bool {
        match self.owner {
            Owner::Partition(owner) => owner == partition,
            Owner::Everybody => true,
            Owner::Nobody => false,
        }
    }

    /// Settles one frame, whatever its verdict.
    #[inline(never)]
    fn settle<A: lockgate_shm::Access>(&mut self, frame: &Frame<'_, A>, hop: NextHop) {
        let (plan, wire) = (self.at.epoch.plan(), &self.at.stats.wire);
        let verdict = match hop.to_partition() {
            Some(to) => WireVerdict::Deliver([to].into_iter().collect()),
            None => self.flows.learn(plan, &frame.start),
        };
        match (self.owner, verdict) {
            (Owner::Partition(own), WireVerdict::Deliver(to)) if to.contains(own) => {
                account::delivered_by_pool(wire, own, to, frame.start.len);
                self.deliver(frame, [own].into_iter().collect());
            }
            (Owner::Partition(own), verdict) => {
                account::surplus(plan, wire, own, &frame.start, verdict);
            }
            (Owner::Everybody, WireVerdict::Deliver(to)) => {
                account::delivered(wire, to, frame.start.len);
                self.deliver(frame, to);
            }
            (Owner::Everybody, WireVerdict::Drop(reason)) => {
                wire.rx.add(frame.start.len);
                wire.drops.add(reason);
            }
            (Owner::Nobody, _) => wire.surplus.add(1),
        }
    }

    fn deliver<A: lockgate_shm::Access>(&mut self, frame: &Frame<'_, A>, to: PartitionSet) {
        for partition in to.iter() {
            let spread = self.at.epoch.spread(partition);
            let steered = spread.and_then(|spread| spread.of_card(self.queue, frame.hash));
            self.ports.deliver(self.at, partition, frame, steered);
        }
    }
}
