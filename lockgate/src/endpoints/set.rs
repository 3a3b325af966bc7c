//! All ports of one run, and the captures that they write.

use std::path::Path;

use lockgate_vmdq::{Mac, Plan};

use super::pcap::latency_histogram;
use super::{Cable, MirrorCapture, ModelWire, Pace, PcapEndpoint, Port, Probe, ProbePlan, Time};
use crate::capture::replay::Replay;
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;
use crate::model::Model;
use crate::report::accounting::FarSide;
use crate::wiring::PeerEnds;
use lockgate_dataplane::Overflow;

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
    /// Replays at full speed lose nothing to a full ring; everything else loses
    /// frames rather than wait.
    pub fn overflow(&self) -> Overflow {
        let replays = self.wire.is_some() || self.partitions.iter().any(Option::is_some);
        if replays && self.rate.is_none() {
            Overflow::Wait
        } else {
            Overflow::Drop
        }
    }
}

/// The captures of one run, begun but not finished.
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
        let create = |name: &str| {
            folder
                .map(|folder| CaptureWriter::create(folder, name))
                .transpose()
        };
        Ok(Self {
            wire: create("wire")?,
            partitions: plan
                .partitions()
                .iter()
                .map(|p| {
                    if p.reflects {
                        Ok(None)
                    } else {
                        create(&p.name)
                    }
                })
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Everyone at the edge of one run.
pub struct EndpointSet<'r> {
    /// By partition, in the policy's order; none for one that reflects.
    partitions: Vec<Option<PcapEndpoint>>,
    probe: Option<Probe>,
    tap: Option<MirrorCapture>,
    cable: Option<ModelWire<'r>>,
    /// Nobody replays anything, or somebody wants it so: the run ends when it is told to.
    endless: bool,
}

impl<'r> EndpointSet<'r> {
    /// The ports at the far ends of lanes and, on the model, of the wire.
    pub fn new(
        plan: &'r Plan,
        ends: PeerEnds,
        captures: Captures,
        sources: Sources,
        model: Option<Model>,
        time: Time,
    ) -> Self {
        let pace = Pace::new(sources.rate);
        let overflow = sources.overflow();
        let mut replays = sources.partitions.into_iter();
        let mut lanes = ends.lanes;
        let probe = sources.probe.and_then(|plan| {
            let mut take = |p: usize| lanes.get_mut(p).and_then(Option::take);
            let (sender, receiver) = (take(plan.from)?, take(plan.to));
            Some(Probe::new(plan, sender, receiver, time))
        });
        let partitions: Vec<_> = plan
            .partitions()
            .iter()
            .zip(lanes)
            .zip(captures.partitions)
            .map(|((partition, lane), capture)| {
                let replay = replays.next().flatten();
                Some(PcapEndpoint::new(
                    lane?, partition, capture, replay, pace, time,
                ))
            })
            .collect();
        let mut capture = captures.wire;
        let tap = ends
            .mirror
            .zip(capture.take_if(|_| model.is_none()))
            .map(|(lane, capture)| MirrorCapture::new(lane, capture, time));
        let cable = model.map(|model| {
            let cable = Cable {
                model,
                plan,
                replay: sources.wire,
                capture,
                peer: sources.peer,
            };
            ModelWire::new(cable, pace, overflow, time)
        });
        let endless = cable.as_ref().is_none_or(Port::is_drained)
            && partitions.iter().flatten().all(Port::is_drained)
            && probe.is_none();
        Self {
            partitions,
            probe,
            tap,
            cable,
            endless,
        }
    }
}

impl EndpointSet<'_> {
    fn ports(&mut self) -> impl Iterator<Item = &mut dyn Port> {
        let partitions = self.partitions.iter_mut().flatten();
        let partitions = partitions.map(|port| port as &mut dyn Port);
        let tap = self.tap.iter_mut().map(|port| port as &mut dyn Port);
        let cable = self.cable.iter_mut().map(|port| port as &mut dyn Port);
        let probe = self.probe.iter_mut().map(|port| port as &mut dyn Port);
        partitions.chain(probe).chain(tap).chain(cable)
    }

    /// Nobody is there to be served: every partition reflects.
    pub fn is_empty(&mut self) -> bool {
        self.ports().next().is_none()
    }

    /// Gives every port a turn; returns how many frames moved.
    ///
    /// # Errors
    /// The first port's that cannot go on.
    pub fn poll(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let mut moved = 0;
        for port in self.ports() {
            moved += port.poll(now_ns)?;
        }
        Ok(moved)
    }

    /// Does not end with the replays.
    pub fn set_endless(&mut self) {
        self.endless = true;
    }

    /// Sends nothing more.
    pub fn request_stop(&mut self) {
        self.ports().for_each(|port| port.request_stop());
    }

    /// Every replay is out.
    pub fn ended(&mut self) -> bool {
        !self.endless && self.ports().all(|port| port.is_drained())
    }

    /// Finishes the captures and gives the figures.
    ///
    /// # Errors
    /// A running failure when the disk does not take a capture.
    pub fn finish(self, whole: bool, lossless: bool) -> Result<FarSide, Failure> {
        let mut captures = Vec::new();
        let mut latencies = Vec::new();
        let mut counts = Vec::new();
        for endpoint in self.partitions {
            let Some(endpoint) = endpoint else {
                latencies.push(latency_histogram());
                counts.push(None);
                continue;
            };
            let (latency, sent, capture) = endpoint.into_parts();
            latencies.push(latency);
            counts.push(Some(sent));
            captures.extend(capture);
        }
        captures.extend(self.tap.map(MirrorCapture::into_capture));
        let cable = self.cable.map(|cable| {
            let (counts, capture) = cable.into_parts();
            captures.extend(capture);
            counts
        });
        // Names come last, so that a full disk leaves the captures of an earlier run whole.
        captures.iter_mut().try_for_each(CaptureWriter::write_out)?;
        captures.into_iter().try_for_each(CaptureWriter::finish)?;
        let measured = self.probe.map(Probe::into_measured);
        Ok(FarSide {
            latencies,
            sent: counts,
            cable,
            measured,
            whole,
            lossless,
        })
    }
}
