//! Delivers frames into lanes.
//!
//! A port is this worker's ring in the lane of one partition. Frames are copied into free slots
//! and shown together by the end of a stage. The rule: a frame is delivered only to a partition
//! that its verdict names, whoever asks; one that finds no room is lost to that partition alone
//! and counted under its name.
//!
//! Not here: verdicts ([`crate::classify`]).

use alloc::vec::Vec;

use lockgate_lane::{Closed, Meta, PushError, RxProducer};
use lockgate_shm::Access;
use lockgate_vmdq::{
    Flow, FlowCache, MAX_PARTITIONS, NextHop, Origin, PartitionId, PartitionSet, Reason,
};

use crate::epoch::{Epoch, Spread, Steered};
use crate::frame::{Frame, Limit, Run, Source};
use crate::stats::WorkerStats;

/// This worker's ring in one partition's lane.
pub(crate) struct RxPort {
    pub(crate) ring: RxProducer,
    /// Which of the partition's lanes it is of.
    pub(crate) generation: u64,
    /// How far it had been filled when it was marked.
    mark: u64,
}

impl RxPort {
    pub(crate) fn new(ring: RxProducer, generation: u64) -> Self {
        let mark = ring.produced();
        Self {
            ring,
            generation,
            mark,
        }
    }
}

/// The ports of all partitions, and what was put into them since they were shown last.
pub(crate) struct RxPorts {
    /// By partition number.
    ports: Vec<Option<RxPort>>,
    unpublished: PartitionSet,
    /// Partitions whose lane was found closed and not reported yet.
    closed: PartitionSet,
}

impl RxPorts {
    /// None.
    pub(crate) fn new() -> Self {
        Self {
            ports: (0..MAX_PARTITIONS).map(|_| None).collect(),
            unpublished: PartitionSet::default(),
            closed: PartitionSet::default(),
        }
    }

    /// Puts `port` in the place of the old one, which it gives back with all that was put into
    /// it shown.
    pub(crate) fn replace(&mut self, of: PartitionId, port: Option<RxPort>) -> Option<RxPort> {
        self.publish();
        self.closed.remove(of);
        core::mem::replace(&mut self.ports[of.index()], port)
    }

    /// The port of `partition`, to fill: it is shown with the next [`RxPorts::publish`].
    #[inline(always)]
    pub(crate) fn fill(&mut self, partition: PartitionId) -> Option<&mut RxPort> {
        self.unpublished.insert(partition);
        self.ports[partition.index()].as_mut()
    }

    /// The port of `partition`, to ask.
    pub(crate) fn get(&mut self, partition: PartitionId) -> Option<&mut RxPort> {
        self.ports[partition.index()].as_mut()
    }

    /// Shows partitions what was put into their lanes.
    #[inline]
    pub(crate) fn publish(&mut self) {
        for partition in self.unpublished.iter() {
            if let Some(port) = self.get(partition) {
                port.ring.publish();
            }
        }
        self.unpublished = PartitionSet::default();
    }

    /// Shows everything, and remembers how far each port is filled.
    pub(crate) fn mark(&mut self) {
        self.publish();
        for port in self.ports.iter_mut().flatten() {
            port.mark = port.ring.produced();
        }
    }

    /// Whether everything has been consumed that was there when the ports were marked, as far
    /// as lanes are open.
    pub(crate) fn are_consumed(&mut self) -> bool {
        let mut ports = self.ports.iter_mut().flatten();
        ports.all(|port| port.ring.is_consumed(port.mark))
    }

    /// Whether a closed lane has not been reported.
    #[inline(always)]
    pub(crate) fn any_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Notes that the lane of `partition` is closed.
    #[cold]
    pub(crate) fn note_closed(&mut self, partition: PartitionId) {
        self.closed.insert(partition);
    }

    /// A partition whose lane was found closed, once each.
    pub(crate) fn take_closed(&mut self) -> Option<PartitionId> {
        let partition = self.closed.first()?;
        self.closed.remove(partition);
        Some(partition)
    }

    /// Puts frames of `source` from number `first` on into the lane of `to` as long as they are
    /// known to go there, need not be hashed, and find room; says which.
    #[inline(always)]
    pub(crate) fn deliver_run<S: Source, O: Origin>(
        &mut self,
        at: &Delivery<'_>,
        to: PartitionId,
        flows: &FlowCache<O>,
        frames: &Frames<'_, S>,
    ) -> Run {
        let (Some(spread), Some(stats)) = (at.epoch.spread(to), at.stats.partition(to)) else {
            return Run::default();
        };
        let Some(port) = self.fill(to) else {
            return Run::default();
        };
        let run = fill_run(
            at,
            &mut port.ring,
            spread,
            (flows, NextHop::partition(to)),
            frames,
        );
        stats.rx.add_all(run.frames as u64, run.bytes as u64);
        stats.count_queue(frames.queue, run.frames as u64);
        run
    }

    /// Puts one frame into the lane of `to`, or counts it as lost to that partition.
    pub(crate) fn deliver<A: Access>(
        &mut self,
        at: &Delivery<'_>,
        to: PartitionId,
        frame: &Frame<'_, A>,
        steered: Option<Steered>,
    ) {
        let (Some(spread), Some(stats)) = (at.epoch.spread(to), at.stats.partition(to)) else {
            return;
        };
        let steered = steered.unwrap_or_else(|| {
            // Zeros, which a short frame is padded with.
            let mut scratch = Spread::SCRATCH;
            let hashed = &mut scratch[..Spread::hashed_bytes(frame.padded)];
            frame.copy_start(hashed);
            spread.compute(hashed)
        });
        let pushed = match self.fill(to) {
            Some(port) => port.ring.push_judged(frame.judged(), at.meta(steered)),
            None => Err(PushError::Full),
        };
        if pushed.is_ok() {
            stats.rx.add(frame.padded);
            stats.count_queue(steered.queue, 1);
        } else {
            stats.drops.add(Reason::RingFull);
            self.look_closed(to);
        }
    }

    /// Notes it if the lane of `partition`, which takes nothing, is closed.
    #[cold]
    pub(crate) fn look_closed(&mut self, partition: PartitionId) {
        let closed = self.get(partition).and_then(|port| port.ring.closed());
        if closed.is_some() {
            self.note_closed(partition);
        }
    }

    /// Why the lane of `partition` is closed, and which lane it is.
    pub(crate) fn reason(&mut self, partition: PartitionId) -> Option<(Closed, u64)> {
        let port = self.get(partition)?;
        Some((port.ring.closed()?, port.generation))
    }
}

/// What all deliveries of a pass share.
#[derive(Clone, Copy)]
pub(crate) struct Delivery<'w> {
    pub(crate) epoch: &'w Epoch,
    pub(crate) stats: &'w WorkerStats,
    /// When the pass began, on the worker's clock.
    pub(crate) now_ns: u64,
}

impl Delivery<'_> {
    /// What a partition is told of a frame.
    #[inline(always)]
    pub(crate) fn meta(&self, steered: Steered) -> Meta {
        Meta {
            queue: steered.queue,
            hash: steered.hash,
            stamp_ns: self.now_ns,
        }
    }
}

/// Frames that may go to one partition.
pub(crate) struct Frames<'s, S: Source> {
    pub(crate) source: &'s S,
    /// The first of them.
    pub(crate) first: usize,
    pub(crate) limit: Limit,
    /// The partition's queue that the card put them into; 0 where it chose none.
    pub(crate) queue: u16,
}

/// The loop of [`RxPorts::deliver_run`], for each way to find a frame's queue. A function of its
/// own, so that it has all registers.
#[inline(never)]
fn fill_run<S: Source, O: Origin>(
    at: &Delivery<'_>,
    ring: &mut RxProducer,
    spread: &Spread,
    (flows, hop): (&FlowCache<O>, NextHop),
    frames: &Frames<'_, S>,
) -> Run {
    if spread.shows_card_hash() {
        let queue = frames.queue;
        fill(at, ring, (flows, hop), frames, |hash| {
            spread.of_card(queue, hash)
        })
    } else if let Some(steered) = spread.without_hash() {
        fill(at, ring, (flows, hop), frames, |_| Some(steered))
    } else {
        Run::default()
    }
}

/// Fills `ring` with frames as long as they are known to go to `hop`, `steer` knows where in
/// the lane, and there is room.
#[inline(always)]
fn fill<S: Source, O: Origin>(
    at: &Delivery<'_>,
    ring: &mut RxProducer,
    (flows, hop): (&FlowCache<O>, NextHop),
    frames: &Frames<'_, S>,
    steer: impl Fn(Option<lockgate_drivers::RxHash>) -> Option<Steered>,
) -> Run {
    let (mut left, mut next) = (frames.limit.bytes, hop);
    let mut slots = ring.slots_in_row(frames.limit.frames);
    let source = frames.source.row(frames.first, slots.left());
    let (mut flow, mut is_spent) = (&Flow::NONE, false);
    for frame in source {
        if frame.padded > left {
            is_spent = true;
            break;
        }
        if !flow.covers(&frame.start) {
            flow = flows.find(&frame.start);
            next = flow.hop();
            if next != hop {
                break;
            }
        }
        let Some(steered) = steer(frame.hash) else {
            break;
        };
        if slots.push_judged(frame.judged(), at.meta(steered)).is_err() {
            break;
        }
        left -= frame.padded;
    }
    Run {
        frames: slots.commit(),
        bytes: frames.limit.bytes - left,
        next,
        is_spent,
    }
}
