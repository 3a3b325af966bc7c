//! The worker: one pinned core's share of queues and lanes, run to completion.
//!
//! A pass takes a burst from every receive queue that the plan gives this worker, classifies
//! each frame and delivers it into lanes, then serves the lanes that send, fairly. It allocates
//! nothing, takes no lock, logs nothing, and makes no system call; what it drops it counts by
//! reason. What changes while traffic runs comes by a mailbox, between two passes.
//!
//! ```text
//!  receive ──▶ classify ──▶ deliver ──▶ publish       from the card
//!  schedule ─▶ classify ─┬▶ deliver ──▶ publish       between partitions
//!                        └▶ transmit ─▶ coalesce      to the wire
//! ```
//!
//! Not here: what a frame may do ([`lockgate_vmdq::Plan`]), rings and registers
//! (`lockgate-drivers`), the shared memory (`lockgate-lane`), threads, cores and clocks
//! (`lockgate`).
//!
//! ```
//! use std::sync::Arc;
//!
//! use lockgate_dataplane::wiring::{PartitionLane, deal};
//! use lockgate_dataplane::{Epoch, Worker};
//! use lockgate_drivers::RingSizes;
//! use lockgate_lane::{Geometry, Lane};
//! use lockgate_nicmodel::Model;
//! use lockgate_policy::Policy;
//! use lockgate_vmdq::{Capabilities, Machine};
//!
//! let policy = "[nic]\ndevice = \"model:82576\"\n\
//!               [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:01\"]\n";
//! let machine = Machine { cores: vec![0] };
//! let plan = Policy::parse(policy)?.check(&Capabilities::I82576, &machine)?;
//! let model = Model::i82576();
//! let mut nic = lockgate_drivers::open(model.card())?;
//! let queues = nic.start(&plan, RingSizes { rx: 64, tx: 64 })?;
//! while !nic.poll_link()?.up {}
//!
//! let mut lane = Lane::in_heap(Geometry { rings: 1, slots: 8, frame_bytes: 1536 })?;
//! let partition = plan.partitions()[0].id;
//! let lanes = vec![PartitionLane { partition, ends: lane.core }];
//! let share = deal(&plan, queues, lanes)?.remove(0);
//! let epoch = Arc::new(Epoch::new(1, plan));
//! let (mut worker, _mailbox) = Worker::new(epoch, Arc::default(), share)?;
//!
//! let mut frame = [0; 60];
//! frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
//! model.receive(&frame);
//! assert_eq!(worker.pass(0), 1);
//! assert_eq!(lane.partition.rx[0].waiting(), 1);
//! # drop(worker.into_queues());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod coalesce;
mod control;
mod deliver;
mod epoch;
mod frame;
pub mod mailbox;
mod receive;
mod schedule;
pub mod stats;
mod transmit;
pub mod wiring;

use alloc::sync::Arc;
use alloc::vec::Vec;

use lockgate_drivers::{Queues, RxQueue, TxQueue};
use lockgate_vmdq::{FlowCache, FromWire};

use coalesce::Coalescer;
use control::Departure;
use deliver::{Delivery, RxPort, RxPorts};
use mailbox::{Mailbox, WorkerHandle};
use receive::Ingress;
use schedule::Schedule;
use stats::WorkerStats;
use transmit::{Egress, Outputs};
use wiring::{WiringError, WorkerResources};

pub use epoch::Epoch;
pub use schedule::Sender;
pub use transmit::Link;

/// Frames taken from one queue, or sent in all, before the others get a turn.
pub const BURST: usize = 64;

/// The most queues of a kind that a worker ever has: those of the largest card.
const MOST_QUEUES: usize = 128;

/// One worker's state.
pub struct Worker {
    epoch: Arc<Epoch>,
    stats: Arc<WorkerStats>,
    rx: Vec<Ingress>,
    ports: RxPorts,
    flows: FlowCache<FromWire>,
    schedule: Schedule,
    egress: Egress,
    coalescer: Coalescer,
    mailbox: Mailbox,
    /// What is being given up.
    departure: Option<Departure>,
    /// When to end at the latest, once it was told to end.
    finish_ns: Option<u64>,
    /// Room for the receive queues when the worker ends.
    retired: Vec<RxQueue>,
}

impl Worker {
    /// A worker over its share of queues and lanes, and the supervisor's side of it.
    ///
    /// # Errors
    /// The share does not fit the plan.
    pub fn new(
        epoch: Arc<Epoch>,
        stats: Arc<WorkerStats>,
        share: WorkerResources,
    ) -> Result<(Self, WorkerHandle), WiringError> {
        wiring::check(epoch.plan(), &share.lanes)?;
        let (handle, mailbox) = Mailbox::new();
        let mut rx = Vec::with_capacity(MOST_QUEUES);
        rx.extend(
            share
                .rx
                .into_iter()
                .map(|queue| Ingress::new(queue, &epoch)),
        );
        let mut queues = Vec::with_capacity(MOST_QUEUES);
        queues.extend(share.tx);
        let mut worker = Self {
            flows: FlowCache::new(epoch.number()),
            epoch,
            stats,
            rx,
            ports: RxPorts::new(),
            schedule: Schedule::new(),
            egress: Egress {
                queues,
                mirror: None,
                link: Link::Up,
            },
            coalescer: Coalescer::default(),
            mailbox,
            departure: None,
            finish_ns: None,
            retired: Vec::with_capacity(MOST_QUEUES),
        };
        for lane in share.lanes {
            let port = lane.rx.map(|ring| RxPort::new(ring, lane.generation));
            worker.ports.replace(lane.partition, port);
            if let Some(sender) = lane.sender {
                worker.schedule.insert(sender);
            }
        }
        worker.rewire();
        Ok((worker, handle))
    }

    /// One round over everything this worker serves, which begins at `now_ns` of its clock;
    /// returns how much was done. Call it over and over from one thread; everything that it has
    /// counted by then has been shown to whom it concerns.
    pub fn pass(&mut self, now_ns: u64) -> usize {
        if self.mailbox.has_command() || self.departure.is_some() || self.ports.any_closed() {
            self.control(now_ns);
        }
        let at = Delivery {
            epoch: &self.epoch,
            stats: &self.stats,
            now_ns,
        };
        let (flows, ports) = (&mut self.flows, &mut self.ports);
        let mut received = 0;
        for ingress in &mut self.rx {
            received += ingress.receive(BURST, &at, flows, ports);
        }
        if received > 0 {
            ports.publish();
        }
        // The more queues a pass has to look at, the more frames pay for it.
        let budget = BURST.max(8 * self.rx.len());
        let mut outputs = Outputs {
            at,
            ports,
            egress: &mut self.egress,
        };
        let sent = outputs.serve(&mut self.schedule, budget);
        if sent > 0 {
            self.ports.publish();
            self.egress.publish();
        }
        if self.coalescer.is_due(sent, now_ns) {
            self.egress.flush();
        }
        self.stats.passes.add(1);
        received + sent
    }

    /// Whether nothing is left to do: no frame waits in a lane that is open, or for the card to
    /// send it. To be asked after a pass that moved nothing.
    pub fn is_drained(&mut self) -> bool {
        let queues = &mut self.egress.queues;
        self.schedule.is_empty() && queues.iter_mut().all(|queue| queue.pending() == 0)
    }

    /// Whether the worker was told to end and should do so at `now_ns`, after a pass that moved
    /// `moved`: it has drained, or its time is over.
    pub fn is_over(&mut self, now_ns: u64, moved: usize) -> bool {
        self.finish_ns
            .is_some_and(|finish_ns| now_ns >= finish_ns || moved == 0 && self.is_drained())
    }

    /// Ends the worker: what was sent goes to the card, and the queues go back to the
    /// supervisor, which stops the card before their memory goes.
    pub fn into_queues(mut self) -> Queues {
        self.egress.queues.iter_mut().for_each(TxQueue::flush);
        let queues = self.rx.into_iter().map(|ingress| ingress.queue);
        self.retired.extend(queues);
        Queues {
            rx: self.retired,
            tx: self.egress.queues,
        }
    }
}
