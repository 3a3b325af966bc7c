//! The supervisor: brings the card up, starts the workers on their cores, serves
//! the edge until the run is over, and takes everything down in order.
//!
//! Order of the end: sources fall silent, workers drain and stop, endpoints drain,
//! the card is stopped while its memory is still there, captures are finished.
//!
//! Not here: what a worker does ([`crate::worker`]), what the far ends do
//! ([`crate::edge`]), where the options come from ([`crate::commands`]).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, RingSizes, RxQueue, TxQueue};
use lockgate_nicmodel::Model;
use lockgate_vmdq::Plan;

use crate::capture::Capture;
use crate::cores;
use crate::edge::{Cable, ModelWire, Pace, Party, PcapEndpoint, TimeOfDay, WireTap};
use crate::error::Failure;
use crate::fabric::{Fabric, FarEnds};
use crate::replay::Replay;
use crate::report::Report;
use crate::tally;
use crate::worker::stats::WorkerStats;
use crate::worker::{Clock, Control, Overflow, Worker};

/// Descriptors per queue.
const RINGS: RingSizes = RingSizes { rx: 512, tx: 512 };

/// How long autonegotiation may take before the run goes on without a link.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// How long workers may drain once a signal or the duration ends the run.
const DRAIN_NS: u64 = 500_000_000;

/// How often the supervisor looks after the card and the terminal.
const HOUSEKEEPING_NS: u64 = 100_000_000;

/// One run, ready to start.
pub struct Run<'a> {
    /// What is allowed.
    pub plan: &'a Plan,
    /// The card to drive.
    pub card: Card,
    /// What the report calls it.
    pub device: String,
    /// The model behind the card, if it is one.
    pub model: Option<Model>,
    /// What arrives at the model's wire.
    pub wire: Option<Replay>,
    /// What each partition sends, in the policy's order.
    pub replays: Vec<Option<Replay>>,
    /// Where captures go.
    pub captures: Option<PathBuf>,
    /// Frames per second from each replay.
    pub rate: Option<u64>,
    /// When to stop at the latest.
    pub duration: Option<Duration>,
    /// Set by a signal: stop now.
    pub stop: &'a AtomicBool,
    /// Told how the run gets on.
    pub observer: &'a mut dyn Observer,
}

/// How a run came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself, with everything drained.
    Drained,
    /// A signal or the duration stopped it.
    Told,
}

/// Someone who watches a run.
pub trait Observer {
    /// The card receives; frames that arrive from now on count.
    fn ready(&mut self, device: &str, link: bool);

    /// Called ten times a second.
    fn progress(&mut self, stats: &[WorkerStats]) {
        let _ = stats;
    }
}

/// An observer that does not care.
impl Observer for () {
    fn ready(&mut self, _device: &str, _link: bool) {}
}

impl Run<'_> {
    /// Runs to the end and says what happened.
    ///
    /// # Errors
    /// What kept the card from starting, or what broke while running; the card
    /// is stopped and no half-written file stays behind in either case.
    pub fn go(mut self) -> Result<Report, Failure> {
        let overflow = self.overflow();
        // Before the card is touched: a folder that takes no capture stops the run here.
        let captures = Captures::create(self.captures.as_deref(), self.plan)?;
        let mut nic = lockgate_drivers::open(self.card.clone()).map_err(|e| card_failure(&e))?;
        let fabric = Fabric::build(self.plan, self.captures.is_some() && self.model.is_none())?;
        let queues = nic.start(self.plan, RINGS).map_err(|e| card_failure(&e))?;
        let link = nic
            .wait_link(LINK_PATIENCE, self.stop)
            .map_err(|e| card_failure(&e))?;
        let (assignments, ends) = fabric.assign(self.plan, queues);
        let stats: Vec<WorkerStats> = assignments
            .iter()
            .map(|_| WorkerStats::new(self.plan.partitions().iter().map(|p| p.queues.into())))
            .collect();
        let clock = Clock::start();
        let mut edge = self.edge(ends, captures, overflow);
        let control = Control::default();
        self.observer.ready(&self.device, link.up);

        let (served, queues) = thread::scope(|scope| {
            let workers: Vec<_> = assignments
                .into_iter()
                .zip(&stats)
                .zip(self.plan.workers())
                .map(|((assignment, stats), &core)| {
                    let mut worker = Worker::new(self.plan, stats, assignment, overflow);
                    let control = &control;
                    scope.spawn(move || {
                        cores::pin(&[core]);
                        worker.run(control, clock);
                        worker.into_queues()
                    })
                })
                .collect();
            cores::pin(&self.plan.endpoint_cores());
            let served = self.serve(&mut edge, nic.as_mut(), &workers, &control, clock, &stats);
            if served.is_err() {
                control.abort_at(clock.now_ns());
            }
            (served, join(workers))
        });
        let elapsed = Duration::from_nanos(clock.now_ns());
        let card_counts = nic.statistics();
        let stopped = nic.stop();
        drop(queues);
        let whole = served? == End::Drained;
        stopped.map_err(|e| card_failure(&e))?;
        let card_counts = card_counts.map_err(|e| card_failure(&e))?;
        let far = edge.finish(whole, overflow == Overflow::Wait)?;
        tally::report(self.plan, self.device, elapsed, &stats, far, &card_counts)
    }

    /// Replays at full speed lose nothing to a full ring; everything else does
    /// rather than wait.
    fn overflow(&self) -> Overflow {
        let replays = self.wire.is_some() || self.replays.iter().any(Option::is_some);
        if replays && self.rate.is_none() {
            Overflow::Wait
        } else {
            Overflow::Drop
        }
    }
}

impl<'a> Run<'a> {
    /// The far ends of lanes and wire, with their replays and captures.
    fn edge(&mut self, ends: FarEnds, captures: Captures, overflow: Overflow) -> Edge<'a> {
        let time = TimeOfDay::now();
        let pace = Pace::new(self.rate);
        let mut replays = self.replays.drain(..);
        let partitions: Vec<_> = self
            .plan
            .partitions()
            .iter()
            .zip(ends.lanes)
            .zip(captures.partitions)
            .map(|((partition, lane), capture)| {
                let replay = replays.next().flatten();
                PcapEndpoint::new(lane, partition, capture, replay, pace, time)
            })
            .collect();
        drop(replays);
        let mut wire_capture = captures.wire;
        let tap = ends
            .mirror
            .zip(wire_capture.take_if(|_| self.model.is_none()))
            .map(|(lane, capture)| WireTap::new(lane, capture, time));
        let cable = self.model.take().map(|model| {
            let cable = Cable {
                model,
                plan: self.plan,
                replay: self.wire.take(),
                capture: wire_capture,
            };
            ModelWire::new(cable, pace, overflow, time)
        });
        let endless = cable.as_ref().is_none_or(Party::exhausted)
            && partitions.iter().all(Party::exhausted);
        Edge {
            partitions,
            tap,
            cable,
            endless,
        }
    }

    /// Serves the edge until the workers are done and nothing is left in a lane.
    fn serve<T>(
        &mut self,
        edge: &mut Edge<'_>,
        nic: &mut dyn Nic,
        workers: &[ScopedJoinHandle<'_, T>],
        control: &Control,
        clock: Clock,
        stats: &[WorkerStats],
    ) -> Result<End, Failure> {
        let mut end = End::Drained;
        let mut finishing = false;
        let mut idle = 0_u32;
        let mut next_look = 0;
        loop {
            let now = clock.now_ns();
            let done = workers.iter().all(ScopedJoinHandle::is_finished);
            let moved = edge.poll(now)?;
            if done && moved == 0 {
                return Ok(end);
            }
            if !finishing {
                let told = self.stop.load(Ordering::Relaxed)
                    || self.duration.is_some_and(|limit| now >= nanos(limit));
                if told {
                    edge.hush();
                    control.abort_at(now.saturating_add(DRAIN_NS));
                    end = End::Told;
                }
                if told || edge.ended() {
                    control.finish();
                    finishing = true;
                }
            }
            if now >= next_look {
                next_look = now.saturating_add(HOUSEKEEPING_NS);
                nic.link().map_err(|e| card_failure(&e))?;
                self.observer.progress(stats);
            }
            idle = if moved > 0 { 0 } else { idle.saturating_add(1) };
            rest(idle);
        }
    }
}

/// The captures of one run, begun but not finished.
struct Captures {
    wire: Option<Capture>,
    /// By partition, in the policy's order.
    partitions: Vec<Option<Capture>>,
}

impl Captures {
    fn create(folder: Option<&Path>, plan: &Plan) -> Result<Self, Failure> {
        let create = |name: &str| {
            folder
                .map(|folder| Capture::create(folder, name))
                .transpose()
        };
        Ok(Self {
            wire: create("wire")?,
            partitions: plan
                .partitions()
                .iter()
                .map(|partition| create(&partition.name))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Everyone at the edge of one run.
struct Edge<'r> {
    partitions: Vec<PcapEndpoint>,
    tap: Option<WireTap>,
    cable: Option<ModelWire<'r>>,
    /// Nobody replays anything: the run ends when it is told to.
    endless: bool,
}

impl Edge<'_> {
    fn parties(&mut self) -> impl Iterator<Item = &mut dyn Party> {
        let partitions = self.partitions.iter_mut().map(|party| party as &mut dyn Party);
        let tap = self.tap.iter_mut().map(|party| party as &mut dyn Party);
        let cable = self.cable.iter_mut().map(|party| party as &mut dyn Party);
        partitions.chain(tap).chain(cable)
    }

    fn poll(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let mut moved = 0;
        for party in self.parties() {
            moved += party.poll(now_ns)?;
        }
        Ok(moved)
    }

    fn hush(&mut self) {
        self.parties().for_each(|party| party.hush());
    }

    /// Every replay is out.
    fn ended(&mut self) -> bool {
        !self.endless && self.parties().all(|party| party.exhausted())
    }

    /// Finishes the captures and gives the figures.
    fn finish(self, whole: bool, lossless: bool) -> Result<tally::FarSide, Failure> {
        let mut captures = Vec::new();
        let mut latencies = Vec::new();
        let mut counts = Vec::new();
        for endpoint in self.partitions {
            let (latency, sent, capture) = endpoint.into_parts();
            latencies.push(latency);
            counts.push(sent);
            captures.extend(capture);
        }
        captures.extend(self.tap.map(WireTap::into_capture));
        let cable = self.cable.map(|cable| {
            let (counts, capture) = cable.into_parts();
            captures.extend(capture);
            counts
        });
        for capture in captures {
            capture.finish()?;
        }
        Ok(tally::FarSide {
            latencies,
            sent: counts,
            cable,
            whole,
            lossless,
        })
    }
}

/// Collects the queues of workers that have ended.
fn join(workers: Vec<ScopedJoinHandle<'_, (Vec<RxQueue>, Vec<TxQueue>)>>) -> Vec<(Vec<RxQueue>, Vec<TxQueue>)> {
    workers
        .into_iter()
        .map(|worker| match worker.join() {
            Ok(queues) => queues,
            Err(panic) => std::panic::resume_unwind(panic),
        })
        .collect()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Yields at first, then sleeps: the edge is not worth a core that is idle.
fn rest(idle: u32) {
    match idle {
        0 => {}
        1..1000 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(100)),
    }
}

/// A card that failed, in the driver's words, which name the remedy.
fn card_failure(error: &lockgate_drivers::Error) -> Failure {
    Failure::running(error.to_string(), "")
}
