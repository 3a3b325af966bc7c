//! The supervisor: brings the card up, starts the workers on their cores, serves
//! the endpoints until the run is over, and takes everything down in order.
//!
//! Order of the end: sources fall silent, workers drain and stop, endpoints drain,
//! the card is stopped while its memory is still there, captures are finished.
//!
//! Not here: what a worker does ([`lockgate_dataplane`]), what the far ends do
//! ([`crate::endpoints`]), where the options come from ([`crate::commands`]).

mod card;
mod hugepages;
mod stop;

use std::io;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use lockgate_drivers::device::Card;
use lockgate_drivers::{Link, Nic, Queues, RingSizes};
use lockgate_host::Alarm;
use lockgate_host::affinity;
use lockgate_lane::Closed;
use lockgate_vmdq::Plan;

use crate::endpoints::{Captures, EndpointSet, Reflector, Sources, Time};
use crate::error::Failure;
use crate::model::Model;
use crate::report::Report;
use crate::report::accounting;
use crate::wiring::Wiring;
use card::{CardMonitor, card_failure};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::{Clock, Control, Overflow, Worker};

pub use stop::StopRequest;

/// Descriptors per queue.
const RINGS: RingSizes = RingSizes { rx: 512, tx: 512 };

/// How long autonegotiation may take before the run goes on without a link.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at until then.
const LINK_LOOK: Duration = Duration::from_millis(5);

/// How long workers may drain once a signal or the duration ends the run.
const DRAIN_NS: u64 = 500_000_000;

/// How often the supervisor looks after the card and the terminal, in nanoseconds.
const HOUSEKEEPING_NS: u64 = 100_000_000;

/// How often it looks after the card with nobody to serve and nothing lost lately: a thread
/// that wakes takes time from whoever shares its core, and a look holds up the card.
const IDLE_HOUSEKEEPING_NS: u64 = 1_000_000_000;

/// One run, ready to start.
pub struct Run<'a> {
    /// What is allowed.
    pub plan: &'a Plan,
    /// What the report calls it.
    pub device: String,
    /// The model behind the card, if it is one.
    pub model: Option<Model>,
    /// Tells when a real card is in trouble.
    pub alarm: Option<Alarm>,
    /// What is replayed.
    pub sources: Sources,
    /// Where captures go.
    pub captures: Option<PathBuf>,
    /// When to stop at the latest.
    pub duration: Option<Duration>,
    /// Asks to stop now.
    pub stop: &'a StopRequest,
    /// Stopped how the run gets on.
    pub observer: &'a mut dyn Observer,
}

/// How a run came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunEnd {
    /// By itself, with everything drained.
    Drained,
    /// A signal or the duration stopped it.
    Stopped,
}

/// Someone who watches a run.
pub trait Observer {
    /// The card receives; frames that arrive from now on count.
    fn ready(&mut self, device: &str, link: bool);

    /// The card's memory is on ordinary pages, for want of hugepages.
    fn ordinary_pages(&mut self, device: &str) {
        let _ = device;
    }

    /// The lane of a partition was shut because it broke the rules.
    fn shut(&mut self, partition: &str, reason: &Closed) {
        let _ = (partition, reason);
    }

    /// Called ten times a second, less often where nobody is served.
    fn progress(&mut self, stats: &[WorkerStats]) {
        let _ = stats;
    }
}

/// An observer that does not care.
impl Observer for () {
    fn ready(&mut self, _device: &str, _link: bool) {}
}

impl Run<'_> {
    /// Runs `card` to the end and says what happened.
    ///
    /// # Errors
    /// What kept the card from starting, or what broke while running; the card
    /// is stopped and no half-written file stays behind in either case.
    pub fn go(mut self, card: Card) -> Result<Report, Failure> {
        let plan = self.plan;
        let overflow = self.sources.overflow();
        // Before the card is touched: a folder that takes no capture stops the run here.
        let captures = Captures::create(self.captures.as_deref(), plan)?;
        let wiring = Wiring::build(plan, self.captures.is_some() && self.model.is_none())?;
        let mut nic = lockgate_drivers::open(card).map_err(card_failure)?;
        let queues = nic.start(plan, RINGS).map_err(card_failure)?;
        if self.model.is_none() && hugepages::ran_out() {
            self.observer.ordinary_pages(&self.device);
        }
        let link = self.wait_link(&mut nic)?;
        let mut monitor = CardMonitor::new(nic, self.alarm.take(), self.device.clone());

        let (assignments, mut ends) = wiring.assign(plan, queues);
        let reflectors = std::mem::take(&mut ends.reflectors);
        let stats: Vec<_> = assignments
            .iter()
            .map(|_| WorkerStats::new(plan.partitions().iter().map(|p| p.queues.into())))
            .collect();
        let clock = Clock::start();
        let sources = std::mem::take(&mut self.sources);
        let model = self.model.take();
        let modelled = model.is_some();
        let mut endpoints =
            EndpointSet::new(plan, ends, captures, sources, model, Time::new(clock));
        // A real wire never runs dry: whoever gives a duration there means all of it.
        if self.duration.is_some() && !modelled {
            endpoints.set_endless();
        }
        let control = Control::new(plan.partitions().len());
        self.observer.ready(&self.device, link.up);

        let (served, queues) = thread::scope(|scope| {
            let workers = assignments
                .into_iter()
                .zip(&stats)
                .zip(plan.workers())
                .zip(reflectors)
                .map(|(((assignment, stats), &core), mut reflectors)| {
                    let worker = Worker::new(plan, stats, &control, assignment, overflow);
                    thread::Builder::new().spawn_scoped(scope, move || {
                        affinity::pin(&[core]);
                        worker.run(clock, || reflectors.iter_mut().map(Reflector::turn).sum())
                    })
                })
                .collect::<Result<Vec<_>, _>>();
            let workers = match workers {
                Ok(workers) => workers,
                Err(error) => {
                    control.abort_at(0);
                    return (Err(no_thread(&error)), Vec::new());
                }
            };
            affinity::pin(&endpoint_cores(plan));
            let mut running = Running {
                endpoints: &mut endpoints,
                monitor: &mut monitor,
                control: &control,
                clock,
                stats: &stats,
            };
            let served = self.serve(&mut running, &workers);
            if served.is_err() {
                control.abort_at(clock.now_ns());
            }
            (served, join(workers))
        });
        let elapsed = Duration::from_nanos(clock.now_ns());
        let stopped = monitor.stop();
        drop(queues);
        let whole = served? == RunEnd::Drained;
        for (p, partition) in plan.partitions().iter().enumerate() {
            if let Some(reason) = control.shut(p) {
                self.observer.shut(&partition.name, reason);
            }
        }
        let missed = stopped?;
        let far = endpoints.finish(whole, overflow == Overflow::Wait)?;
        accounting::report(plan, self.device, elapsed, &stats, far, &missed)
    }

    /// Waits for the link, up to a limit: a card without one starts all the same, since
    /// the cable may come later.
    fn wait_link(&self, nic: &mut Nic) -> Result<Link, Failure> {
        let begun = Instant::now();
        loop {
            let link = nic.poll_link().map_err(card_failure)?;
            let requested = self.stop.is_requested();
            if link.up || requested || begun.elapsed() >= LINK_PATIENCE {
                return Ok(link);
            }
            thread::sleep(LINK_LOOK);
        }
    }

    /// Serves the endpoints until the workers are done and nothing is left in a lane.
    fn serve<T>(
        &mut self,
        running: &mut Running<'_, '_>,
        workers: &[ScopedJoinHandle<'_, T>],
    ) -> Result<RunEnd, Failure> {
        let Running {
            endpoints,
            monitor,
            control,
            clock,
            stats,
        } = running;
        let mut end = RunEnd::Drained;
        let mut idle = 0_u32;
        let mut next_look = 0;
        let nobody_to_serve = endpoints.is_empty();
        let limit = self.duration.map_or(u64::MAX, nanos);
        loop {
            let now = clock.now_ns();
            let done = workers.iter().all(ScopedJoinHandle::is_finished);
            let moved = endpoints.poll(now)?;
            if done && moved == 0 {
                return Ok(end);
            }
            let requested = self.stop.is_requested() || now >= limit;
            if requested && end == RunEnd::Drained {
                endpoints.request_stop();
                control.abort_at(now.saturating_add(DRAIN_NS));
                end = RunEnd::Stopped;
            }
            if requested || endpoints.ended() {
                control.finish();
            }
            if now >= next_look {
                let lost = monitor.poll()?;
                let wait = if nobody_to_serve && !lost {
                    IDLE_HOUSEKEEPING_NS
                } else {
                    HOUSEKEEPING_NS
                };
                next_look = now.saturating_add(wait);
                self.observer.progress(stats);
            }
            idle = if moved > 0 { 0 } else { idle.saturating_add(1) };
            match nobody_to_serve && !requested {
                true => self
                    .stop
                    .sleep(Duration::from_nanos(next_look.min(limit) - now)),
                false => rest(idle),
            }
        }
    }
}

/// What the supervisor's thread has its hands on while workers run.
struct Running<'a, 'r> {
    endpoints: &'a mut EndpointSet<'r>,
    monitor: &'a mut CardMonitor,
    control: &'a Control,
    clock: Clock,
    stats: &'a [WorkerStats],
}

fn no_thread(error: &io::Error) -> Failure {
    let help = "raise the limit on processes (`ulimit -u`, or the container's)";
    Failure::running(format!("cannot start a worker: {error}"), help)
}

/// Every core that an endpoint of `plan` may use.
fn endpoint_cores(plan: &Plan) -> Vec<u16> {
    let mut cores: Vec<_> = plan
        .partitions()
        .iter()
        .flat_map(|partition| partition.cores.iter().copied())
        .collect();
    cores.sort_unstable();
    cores.dedup();
    cores
}

/// Collects the queues of workers that have ended.
fn join(workers: Vec<ScopedJoinHandle<'_, Queues>>) -> Vec<Queues> {
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

/// Yields at first, then sleeps: the endpoints is not worth a core that is idle.
fn rest(idle: u32) {
    match idle {
        0 => {}
        1..1000 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(100)),
    }
}
