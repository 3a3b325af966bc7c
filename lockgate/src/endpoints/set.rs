//! All ports of one session, and the captures that they write.

use std::path::Path;
use std::sync::{Arc, Mutex};

use lockgate_vmdq::{Mac, PartitionPlan, Plan};

use super::mirror::CaptureMirror;
use super::model_wire::Cable;
use super::registry::{Placement, placement_of};
use super::replay_source::ReplaySource;
use super::stats::{CableStats, PortStats};
use super::{
    Count, Gate, Measured, MirrorCapture, ModelWire, Pace, PcapEndpoint, Port, Probe, ProbePlan,
    Round, Source, Time,
};
use crate::capture::replay::Replay;
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;
use crate::model::Model;
use crate::wiring::{PeerEnd, PeerEnds};

/// What is replayed, and how.
#[derive(Default)]
pub struct Sources {
    /// What arrives at the model's wire.
    pub wire: Option<Replay>,
    /// What each partition sends, in the policy's order.
    pub partitions: Vec<Option<Replay>>,
    /// Frames per second from each; `None` is as fast as everything drains.
    pub rate: Option<u64>,
    /// Frames that measure.
    pub probe: Option<ProbePlan>,
    /// The wire of a model sends back what is for this address.
    pub peer: Option<Mac>,
}

impl Sources {
    /// Whether nothing is to be lost to a full ring: replays at full speed wait for room,
    /// everything else loses frames rather than wait.
    pub fn are_lossless(&self) -> bool {
        self.rate.is_none() && self.count() > 0
    }

    fn count(&self) -> usize {
        self.wire.iter().count() + self.partitions.iter().flatten().count()
    }
}

/// The captures of one session, begun but not finished.
pub struct Captures {
    wire: Option<CaptureWriter>,
    /// By partition, in the policy's order.
    partitions: Vec<Option<CaptureWriter>>,
}

impl Captures {
    /// Begins a capture for the wire and one for each partition of `plan` that is served
    /// outside the worker, if there is a folder for them.
    ///
    /// # Errors
    /// A usage failure when the folder takes no file.
    pub fn create(folder: Option<&Path>, plan: &Plan) -> Result<Self, Failure> {
        let Some(folder) = folder else {
            return Ok(Self {
                wire: None,
                partitions: plan.partitions().iter().map(|_| None).collect(),
            });
        };
        let of_partition = |partition: &PartitionPlan| match placement_of(partition) {
            Placement::Worker => Ok(None),
            Placement::Supervisor => CaptureWriter::create(folder, &partition.name).map(Some),
        };
        Ok(Self {
            wire: Some(CaptureWriter::create(folder, "wire")?),
            partitions: plan
                .partitions()
                .iter()
                .map(of_partition)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Where the figures of all ports are, for every thread to read.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// By partition, in the policy's order; none for one that measures.
    pub partitions: Vec<Option<Arc<PortStats>>>,
    /// Indices of the partitions that reflect.
    pub reflecting: Vec<usize>,
    /// The model's cable, if the card is a model.
    pub cable: Option<Arc<CableStats>>,
    /// What frames that measure say.
    pub measured: Option<Arc<Mutex<Measured>>>,
}

/// Every port that the supervisor polls.
pub struct EndpointSet {
    ports: Vec<Box<dyn Port>>,
    /// By partition: which of `ports` is its own.
    by_partition: Vec<Option<usize>>,
    gate: Option<Gate>,
    figures: Figures,
    /// Nobody replays anything, or somebody wants it so: the session ends when it is asked
    /// to.
    endless: bool,
}

impl EndpointSet {
    /// The ports at the far ends of lanes and, on the model, of the wire.
    pub fn new(
        plan: &Arc<Plan>,
        ends: PeerEnds,
        captures: Captures,
        sources: Sources,
        model: Option<Model>,
        time: Time,
    ) -> Self {
        let gate = sources.are_lossless().then(|| {
            let slots = ends.fewest_slots();
            Gate::new(plan.partitions().len(), sources.count(), slots.into())
        });
        let mut set = Self {
            ports: Vec::new(),
            by_partition: plan.partitions().iter().map(|_| None).collect(),
            gate,
            figures: ends.figures(),
            endless: sources.count() == 0 && sources.probe.is_none(),
        };
        let pace = Pace::new(sources.rate);
        let mut lanes = ends.lanes;
        if let Some(probe) = sources.probe {
            set.add_probe(probe, &mut lanes, time);
        }
        let partitions = captures.partitions.into_iter().zip(lanes);
        let mut replays = sources.partitions.into_iter();
        for (p, ((capture, lane), partition)) in partitions.zip(plan.partitions()).enumerate() {
            let source = ReplaySource::new(replays.next().flatten(), pace, Source::Partition(p));
            let mirror =
                capture.map(|capture| CaptureMirror::of_partition(capture, partition, time));
            if let Some(lane) = lane {
                set.add_partition(p, lane, mirror, source, time);
            }
        }
        let mirror = captures
            .wire
            .map(|capture| CaptureMirror::of_wire(capture, time));
        match (model, ends.mirror) {
            (Some(model), _) => set.add_cable(Cable {
                model,
                plan: Arc::clone(plan),
                source: ReplaySource::new(sources.wire, pace, Source::Wire),
                mirror,
                peer: sources.peer,
            }),
            (None, Some(lane)) => {
                let port = mirror.map(|mirror| MirrorCapture::new(lane.deliveries(), mirror, time));
                set.ports.extend(port.map(|port| Box::new(port) as _));
            }
            (None, None) => {}
        }
        set
    }

    fn add_probe(&mut self, plan: ProbePlan, lanes: &mut [Option<PeerEnd>], time: Time) {
        let mut take = |p: usize| lanes.get_mut(p).and_then(Option::take);
        let (to, Some(sender)) = (plan.to, take(plan.from)) else {
            return;
        };
        let (tx, own) = sender.split();
        let probe = match take(to) {
            Some(receiver) => Probe::new(plan, tx, receiver.deliveries(), Some(own), time),
            None => Probe::new(plan, tx, own, None, time),
        };
        self.figures.measured = Some(Arc::clone(probe.measured()));
        self.ports.push(Box::new(probe));
    }

    fn add_partition(
        &mut self,
        p: usize,
        lane: PeerEnd,
        mirror: Option<CaptureMirror>,
        source: ReplaySource,
        time: Time,
    ) {
        let (tx, deliveries) = lane.split();
        let port = PcapEndpoint::new(deliveries, tx, mirror, source, time);
        if let Some(figures) = self.figures.partitions.get_mut(p) {
            *figures = Some(Arc::clone(port.stats()));
        }
        if let Some(at) = self.by_partition.get_mut(p) {
            *at = Some(self.ports.len());
        }
        self.ports.push(Box::new(port));
    }

    fn add_cable(&mut self, cable: Cable) {
        let port = ModelWire::new(cable);
        self.figures.cable = Some(Arc::clone(port.counts()));
        self.ports.push(Box::new(port));
    }

    /// Where the figures of the ports are.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Nobody is there to be served: every partition reflects.
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Gives every port a turn; returns how many frames moved. `count` tells the gate how far
    /// the workers are.
    ///
    /// # Errors
    /// The first port's that cannot go on.
    pub fn poll(&mut self, now_ns: u64, count: &impl Count) -> Result<usize, Failure> {
        let Self { ports, gate, .. } = self;
        if let Some(gate) = gate {
            gate.refresh(count, || {
                let rooms = ports.iter_mut().filter_map(|port| port.room());
                rooms.min().unwrap_or(u64::MAX)
            });
        }
        let mut round = Round::new(now_ns, gate.as_mut());
        let mut moved = 0;
        for port in ports {
            moved += port.poll(&mut round)?;
        }
        Ok(moved)
    }

    /// Does not end with the replays.
    pub fn set_endless(&mut self) {
        self.endless = true;
    }

    /// Sends nothing more.
    pub fn request_stop(&mut self) {
        self.ports.iter_mut().for_each(|port| port.request_stop());
    }

    /// Sends nothing more for partition `p`, whose lane was shut; what it had under way is
    /// waited for no longer.
    pub fn give_up(&mut self, p: usize) {
        if let Some(gate) = &mut self.gate {
            gate.give_up(Source::Partition(p));
        }
        let at = self.by_partition.get(p).copied().flatten();
        if let Some(port) = at.and_then(|at| self.ports.get_mut(at)) {
            port.request_stop();
        }
    }

    /// Every replay is out.
    pub fn is_drained(&self) -> bool {
        !self.endless && self.ports.iter().all(|port| port.is_drained())
    }

    /// Finishes the captures.
    ///
    /// # Errors
    /// A running failure when the disk does not take one.
    pub fn finish(mut self) -> Result<(), Failure> {
        // Names come last, so that a full disk leaves the captures of an earlier run whole.
        self.ports
            .iter_mut()
            .try_for_each(|port| port.write_out())?;
        self.ports.into_iter().try_for_each(|port| port.persist())
    }
}
