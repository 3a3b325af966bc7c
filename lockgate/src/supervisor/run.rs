//! The supervisor's thread: waits for the link, starts the workers on their cores, serves the
//! endpoints until the session is over, and takes everything down in order.
//!
//! Order of the end: sources fall silent, workers drain and stop, endpoints drain,
//! the card is stopped while its memory is still there, captures are finished.
//!
//! Not here: what a worker does (`lockgate_dataplane`), what the far ends do
//! ([`crate::endpoints`]).

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lockgate_dataplane::mailbox::{Command, Reply, WorkerHandle};
use lockgate_dataplane::wiring::WorkerResources;
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::Queues;
use lockgate_host::affinity;
use lockgate_vmdq::Plan;

use super::card::CardMonitor;
use super::event_loop::{EventLoop, Ready};
use super::figures::Shared;
use super::session::{Ending, Event};
use super::shut_lanes::{Shut, ShutLanes};
use super::{StopRequest, no_thread, worker_loop};
use crate::endpoints::{EndpointSet, Reflector};
use crate::error::Failure;
use crate::snapshot::Phase;
use crate::wiring::{LanePort, WorkerShare};

/// How long autonegotiation may take before the session goes on without a link.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at until then.
const LINK_LOOK: Duration = Duration::from_millis(5);

/// How long workers may drain once a request or the duration ends the session.
const DRAIN_NS: u64 = 500_000_000;

/// How often the supervisor looks after the card, in nanoseconds.
const HOUSEKEEPING_NS: u64 = 100_000_000;

/// How often it looks after the card with nobody to serve and nothing lost lately: a thread
/// that wakes takes time from whoever shares its core, and a look holds up the card.
const IDLE_HOUSEKEEPING_NS: u64 = 1_000_000_000;

/// Rounds in which nothing moved before the supervisor sleeps instead of yielding.
const IDLE_ROUNDS: u32 = 1000;

/// How long it sleeps then: the endpoints are not worth a core that is idle.
const NAP: Duration = Duration::from_micros(100);

/// A worker's thread, which gives back its queues.
type WorkerThread = JoinHandle<Queues>;

/// Everything that the supervisor holds while a session runs.
pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
    /// By worker, until its thread starts: its share, and what runs beside it.
    pub(super) assigned: Vec<(WorkerShare, Vec<(usize, Reflector)>)>,
    /// The plan in force.
    pub(super) epoch: Arc<Epoch>,
    /// By worker: the other side of its mailbox.
    pub(super) mailboxes: Vec<WorkerHandle>,
    /// By partition: what an endpoint in a process of its own would get.
    pub(super) lanes: Vec<LanePort>,
    pub(super) endpoints: EndpointSet,
    pub(super) card: CardMonitor,
    pub(super) events: Sender<Event>,
    pub(super) event_loop: EventLoop,
    pub(super) stop: StopRequest,
    pub(super) duration: Option<Duration>,
}

/// Where the supervisor's loop stands.
struct Serving {
    ending: Ending,
    /// Rounds in which nothing moved.
    idle: u32,
    next_look_ns: u64,
    /// When the session is over at the latest.
    limit_ns: u64,
    shut: ShutLanes,
}

impl Supervisor {
    /// Runs the session to its end.
    pub(super) fn run(mut self) -> Result<Ending, Failure> {
        let link_up = self.wait_link()?;
        let workers = self.start_workers()?;
        self.shared.enter(Phase::Running);
        self.tell(Event::Ready { link_up });
        let mut serving = Serving {
            ending: Ending::Drained,
            idle: 0,
            next_look_ns: 0,
            limit_ns: self.limit_ns(),
            shut: ShutLanes::new(self.shared.plan.partitions().len()),
        };
        let pinned = pin_endpoints(&self.shared.plan);
        let served = pinned.and_then(|()| self.serve(&mut serving, &workers));
        if served.is_err() {
            self.shared.control.abort_at(self.shared.clock.now_ns());
        }
        let queues = join(workers);
        self.tell_shut_lanes(&mut serving);
        self.shut_down(served, queues)?;
        Ok(serving.ending)
    }

    /// Waits for the link, up to a limit: a card without one starts all the same, since
    /// the cable may come later.
    fn wait_link(&mut self) -> Result<bool, Failure> {
        let begun = Instant::now();
        loop {
            self.card.poll_link()?;
            let up = self.card.is_link_up();
            if up || self.stop.is_requested() || begun.elapsed() >= LINK_PATIENCE {
                return Ok(up);
            }
            self.sleep(LINK_LOOK);
        }
    }

    fn start_workers(&mut self) -> Result<Vec<WorkerThread>, Failure> {
        let mut threads = Vec::new();
        for (w, (share, reflectors)) in std::mem::take(&mut self.assigned).into_iter().enumerate() {
            match self.start_worker(w, share, reflectors) {
                Ok(thread) => threads.push(thread),
                Err(failure) => {
                    self.shared.control.abort_at(0);
                    drop(join(threads));
                    return Err(failure);
                }
            }
        }
        Ok(threads)
    }

    /// Makes worker `w` and starts its thread.
    fn start_worker(
        &mut self,
        w: usize,
        share: WorkerShare,
        reflectors: Vec<(usize, Reflector)>,
    ) -> Result<WorkerThread, Failure> {
        let (worker, mut mailbox) = self.worker(w, share.resources)?;
        if let Some(mirror) = share.mirror {
            // The first of its commands: there is room.
            let _ = mailbox.send(Command::Mirror(Some(mirror)));
        }
        self.mailboxes.push(mailbox);
        let core = self.shared.workers[w].core;
        let spawn = || spawn_worker(&self.shared, w, worker, reflectors);
        let spawned = affinity::on_core(core, spawn).map_err(|error| no_core(core, &error))?;
        spawned.map_err(|error| no_thread(&error))
    }

    fn worker(
        &self,
        w: usize,
        resources: WorkerResources,
    ) -> Result<(Worker, WorkerHandle), Failure> {
        let stats = Arc::clone(&self.shared.workers[w].stats);
        Worker::new(Arc::clone(&self.epoch), stats, resources).map_err(|error| {
            Failure::running(
                format!("cannot start worker {w}: {error}"),
                "this is an error in Lockgate: report it with the policy",
            )
        })
    }

    fn limit_ns(&self) -> u64 {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let now_ns = self.shared.clock.now_ns();
        self.duration
            .map_or(u64::MAX, |duration| now_ns.saturating_add(nanos(duration)))
    }

    /// Serves the endpoints until the workers are done and nothing is left in a lane.
    fn serve(&mut self, serving: &mut Serving, workers: &[WorkerThread]) -> Result<(), Failure> {
        loop {
            let now_ns = self.shared.clock.now_ns();
            let done = self.are_done(workers)?;
            let moved = self.endpoints.poll(now_ns, &*self.shared)?;
            if done && moved == 0 {
                return Ok(());
            }
            self.end_if_asked(serving, now_ns);
            if now_ns >= serving.next_look_ns {
                self.look(serving, now_ns)?;
            }
            self.rest(serving, moved, now_ns);
        }
    }

    /// Whether all workers have ended.
    fn are_done(&self, workers: &[WorkerThread]) -> Result<bool, Failure> {
        let ended = workers.iter().filter(|worker| worker.is_finished()).count();
        let control = &self.shared.control;
        if ended > 0 && !control.is_finishing() {
            return Err(Failure::running(
                "a worker has ended before it was asked to",
                "this is an error in Lockgate: report it with the policy",
            ));
        }
        Ok(ended == workers.len())
    }

    /// Begins the end once it is asked for, the time is over or every replay is out.
    fn end_if_asked(&mut self, serving: &mut Serving, now_ns: u64) {
        let control = &self.shared.control;
        let stopped = self.stop.is_requested() || now_ns >= serving.limit_ns;
        if stopped && serving.ending == Ending::Drained {
            self.endpoints.request_stop();
            // Finishing first: who ends at the deadline has been asked to.
            control.finish();
            control.abort_at(now_ns.saturating_add(DRAIN_NS));
            self.shared.enter(Phase::Draining);
            serving.ending = Ending::Stopped;
        }
        if !control.is_finishing() && self.endpoints.is_drained() {
            control.finish();
            self.shared.enter(Phase::Draining);
        }
    }

    /// Looks after the card and the lanes.
    fn look(&mut self, serving: &mut Serving, now_ns: u64) -> Result<(), Failure> {
        let found = self.card.poll()?;
        if let Some(up) = found.link_changed {
            self.tell(Event::LinkChanged { up });
        }
        self.tell_shut_lanes(serving);
        let wait_ns = if self.endpoints.is_empty() && !found.lost_frames {
            IDLE_HOUSEKEEPING_NS
        } else {
            HOUSEKEEPING_NS
        };
        serving.next_look_ns = now_ns.saturating_add(wait_ns);
        Ok(())
    }

    /// Tells of lanes that were shut; nobody waits for what they hold.
    fn tell_shut_lanes(&mut self, serving: &mut Serving) {
        self.read_mailboxes();
        let control = &self.shared.control;
        for Shut { partition, reason } in serving.shut.find_new(|p| control.shut(p)) {
            self.endpoints.give_up(partition);
            self.tell(Event::LaneShut { partition, reason });
        }
    }

    /// Hears what workers have to say.
    fn read_mailboxes(&mut self) {
        let (plan, control) = (&self.shared.plan, &self.shared.control);
        let mailboxes = self.mailboxes.iter_mut();
        for reply in mailboxes.flat_map(|mailbox| std::iter::from_fn(|| mailbox.poll_reply())) {
            if let Reply::LaneClosed {
                partition, reason, ..
            } = reply
                && let Some(p) = plan.partitions().iter().position(|p| p.id == partition)
            {
                control.note_shut(p, reason);
            }
        }
    }

    /// Yields at first, then sleeps; with nobody to serve until there is something to do.
    fn rest(&mut self, serving: &mut Serving, moved: usize, now_ns: u64) {
        serving.idle = match moved {
            0 => serving.idle.saturating_add(1),
            _ => 0,
        };
        if self.endpoints.is_empty() && serving.ending == Ending::Drained {
            let until_ns = serving.next_look_ns.min(serving.limit_ns);
            self.sleep(Duration::from_nanos(until_ns.saturating_sub(now_ns)));
        } else if serving.idle >= IDLE_ROUNDS {
            self.sleep(NAP);
        } else if serving.idle > 0 {
            thread::yield_now();
        }
    }

    /// Sleeps for as long as `limit`, or until something happens.
    fn sleep(&mut self, limit: Duration) {
        for ready in self.event_loop.wait(limit) {
            match ready {
                // Found by whoever asks next.
                Ready::Stop => {}
                Ready::Exited(child) => self.tell(Event::ChildExited(child)),
            }
        }
    }

    fn tell(&self, event: Event) {
        // Whoever does not listen does not want to know.
        let _ = self.events.send(event);
    }

    /// Takes everything down once the workers have ended.
    fn shut_down(self, served: Result<(), Failure>, queues: Vec<Queues>) -> Result<(), Failure> {
        self.shared.stop_clock();
        let stopped = self.card.stop();
        // The card does not reach their memory any more.
        drop((queues, self.lanes));
        self.shared.enter(Phase::Ended);
        served?;
        stopped?;
        self.endpoints.finish()
    }
}

/// Starts the thread of worker `w`.
fn spawn_worker(
    shared: &Arc<Shared>,
    w: usize,
    worker: Worker,
    mut reflectors: Vec<(usize, Reflector)>,
) -> io::Result<WorkerThread> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(format!("worker-{w}"))
        .spawn(move || {
            let cell = &shared.workers[w];
            worker_loop::run(worker, &shared.control, &cell.passes, shared.clock, |_| {
                reflectors.iter_mut().map(|(_, port)| port.reflect()).sum()
            })
        })
}

/// Keeps the thread that serves endpoints on their cores.
fn pin_endpoints(plan: &Plan) -> Result<(), Failure> {
    let cores = endpoint_cores(plan);
    let first = cores.first().copied().unwrap_or_default();
    affinity::pin(&cores).map_err(|error| no_core(first, &error))
}

/// A core that cannot be had: a slower run is none.
fn no_core(core: u16, error: &io::Error) -> Failure {
    Failure::running(
        format!("cannot pin a thread to core {core}: {error}"),
        "name cores that this process may use (`taskset -p $$`, the container's cpuset)",
    )
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
fn join(workers: Vec<WorkerThread>) -> Vec<Queues> {
    workers
        .into_iter()
        .map(|worker| match worker.join() {
            Ok(queues) => queues,
            Err(panic) => std::panic::resume_unwind(panic),
        })
        .collect()
}
