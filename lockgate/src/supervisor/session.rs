//! A session: one card under one plan, from its start to its end.
//!
//! A session runs in threads of its own. Whoever holds it may look at its figures, hear what
//! happens and ask it to stop, at any time and from any thread.
//!
//! Not here: what the threads do ([`super::run`], [`super::worker_loop`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lockgate_dataplane::Epoch;
use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, RingSizes};
use lockgate_host::Alarm;
use lockgate_lane::Closed;
use lockgate_vmdq::Plan;

use super::card::{CardMonitor, card_failure};
use super::event_loop::EventLoop;
use super::figures::{FIRST_EPOCH, Shared};
use super::run::Supervisor;
use super::{StopRequest, hugepages, no_thread};
use crate::endpoints::{Captures, EndpointSet, Sources, Time};
use crate::error::Failure;
use crate::model::Model;
use crate::report::{Report, accounting};
use crate::snapshot::Snapshot;
use crate::wiring::{Wired, Wiring};

/// Descriptors per queue.
const RINGS: RingSizes = RingSizes { rx: 512, tx: 512 };

/// How a session is run.
pub struct Options {
    /// What reports call the card: `model:82576`, `0000:03:00.0`.
    pub device: String,
    /// The model behind the card, if it is one.
    pub model: Option<Model>,
    /// Tells when a real card is in trouble.
    pub alarm: Option<Alarm>,
    /// What is replayed.
    pub sources: Sources,
    /// The folder that captures go to; it is there.
    pub captures: Option<PathBuf>,
    /// When to stop at the latest, from the moment that frames can arrive.
    pub duration: Option<Duration>,
    /// Asks to stop; a request that was made before the start counts.
    pub stop: StopRequest,
}

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Some of the card's memory is on ordinary pages, for want of hugepages.
    OrdinaryPages,
    /// The card receives; frames that arrive from now on count.
    Ready {
        /// Whether it has a link.
        link_up: bool,
    },
    /// The link came up or went down.
    LinkChanged {
        /// Whether it is up now.
        up: bool,
    },
    /// The lane of a partition was shut because it broke the rules.
    LaneShut {
        /// The partition's index.
        partition: usize,
        /// What it did.
        reason: Closed,
    },
    /// A child process that is watched has ended.
    ChildExited(super::Child),
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with everything drained.
    Drained,
    /// It was asked to stop, or its time was over.
    Stopped,
}

/// What is left of a session that has ended well.
#[derive(Debug)]
pub struct Outcome {
    /// The final figures.
    pub snapshot: Snapshot,
    /// How it ended.
    pub ending: Ending,
    plan: Arc<Plan>,
    device: String,
    lossless: bool,
}

impl Outcome {
    /// The final figures as a report.
    ///
    /// # Errors
    /// A running failure when frames are unaccounted for, which is an error of ours.
    pub fn report(&self) -> Result<Report, Failure> {
        let completeness = accounting::Completeness {
            drained: self.ending == Ending::Drained,
            lossless: self.lossless,
        };
        accounting::check(&self.plan, &self.snapshot, completeness)?;
        Ok(Report::new(&self.plan, &self.device, &self.snapshot))
    }
}

/// A session that has been started.
///
/// Dropped, it is asked to stop and waited for.
pub struct Session {
    shared: Arc<Shared>,
    stop: StopRequest,
    events: Receiver<Event>,
    device: String,
    lossless: bool,
    thread: Option<JoinHandle<Result<Ending, Failure>>>,
}

impl Session {
    /// Starts `card` under `plan`. Captures are begun first, so that a folder that takes none
    /// stops the session before the card is touched; this returns once the card is set up,
    /// and [`Event::Ready`] tells when it receives.
    ///
    /// # Errors
    /// What kept the card from starting; it is stopped then, and no half-written file stays
    /// behind.
    pub fn start(plan: Arc<Plan>, card: Card, options: Options) -> Result<Self, Failure> {
        let captures = Captures::create(options.captures.as_deref(), &plan)?;
        let mirrored = options.captures.is_some() && options.model.is_none();
        let wiring = Wiring::build(&plan, mirrored)?;
        let mut nic = lockgate_drivers::open(card).map_err(card_failure)?;
        let queues = nic.start(&plan, RINGS).map_err(card_failure)?;
        let wired = wiring.assign(&plan, queues)?;
        let generations = wired.ports.iter().map(|port| port.generation).collect();
        let shared = Arc::new(Shared::new(Arc::clone(&plan), generations));
        let (stop, device) = (options.stop.clone(), options.device.clone());
        let lossless = options.sources.are_lossless();
        let (events_tx, events) = channel();
        if options.model.is_none() && hugepages::ran_out() {
            // Its receiver is here.
            let _ = events_tx.send(Event::OrdinaryPages);
        }
        let supervisor = Setup {
            shared: &shared,
            nic,
            captures,
            wired,
            options,
        };
        let supervisor = supervisor.supervisor(events_tx)?;
        let thread = thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || supervisor.run())
            .map_err(|error| no_thread(&error))?;
        Ok(Self {
            shared,
            stop,
            events,
            device,
            lossless,
            thread: Some(thread),
        })
    }

    /// The figures as they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// What happens, in order. The channel is closed once the session has ended.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// Asks it to stop: sources fall silent, and what is on its way is delivered.
    pub fn request_stop(&self) {
        self.stop.request();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What broke while it ran; the card is stopped, and no half-written file stays behind.
    ///
    /// # Panics
    /// With the panic of one of its threads, if there was one.
    pub fn wait(mut self) -> Result<Outcome, Failure> {
        let ending = self.join()?;
        Ok(Outcome {
            snapshot: self.snapshot(),
            ending,
            plan: Arc::clone(&self.shared.plan),
            device: std::mem::take(&mut self.device),
            lossless: self.lossless,
        })
    }

    fn join(&mut self) -> Result<Ending, Failure> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ending)) => ending,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Ending::Stopped),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.request();
            // Nobody is left to tell.
            let _ = thread.join();
        }
    }
}

/// What a supervisor is made of.
struct Setup<'a> {
    shared: &'a Arc<Shared>,
    nic: Nic,
    captures: Captures,
    wired: Wired,
    options: Options,
}

impl Setup<'_> {
    fn supervisor(self, events: Sender<Event>) -> Result<Supervisor, Failure> {
        let Self {
            shared,
            nic,
            captures,
            mut wired,
            options,
        } = self;
        let event_loop = EventLoop::new(options.stop.clone()).map_err(|error| {
            Failure::running(
                format!("cannot make an event loop: {error}"),
                "raise the limit on open files (`ulimit -n`)",
            )
        })?;
        let reflectors = std::mem::take(&mut wired.ends.reflectors);
        let modelled = options.model.is_some();
        let time = Time::new(shared.clock);
        let mut endpoints = EndpointSet::new(
            &shared.plan,
            wired.ends,
            captures,
            options.sources,
            options.model,
            time,
        );
        // A real wire never runs dry: whoever gives a duration there means all of it.
        if options.duration.is_some() && !modelled {
            endpoints.set_endless();
        }
        // Set once, here.
        let _ = shared.ports.set(endpoints.figures().clone());
        let card = CardMonitor::new(nic, options.alarm, options.device, Arc::clone(shared));
        Ok(Supervisor {
            shared: Arc::clone(shared),
            assigned: wired.workers.into_iter().zip(reflectors).collect(),
            epoch: Arc::new(Epoch::new(FIRST_EPOCH, shared.plan.as_ref().clone())),
            mailboxes: Vec::new(),
            lanes: wired.ports,
            endpoints,
            card,
            events,
            event_loop,
            stop: options.stop,
            duration: options.duration,
        })
    }
}
