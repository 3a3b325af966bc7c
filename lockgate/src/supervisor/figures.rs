//! From the counters of workers, ports and card to one [`Snapshot`].
//!
//! Counters move while they are read. What a frame passes late is read early: a frame that
//! is settled in a snapshot has arrived in it too.
//!
//! Not here: what is made of a snapshot ([`crate::report`]).

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lockgate_dataplane::stats::{self, PartitionStats, WorkerStats};
use lockgate_vmdq::{Plan, Reason, SteeringMode};

use super::control::Control;
use super::worker_loop::Passes;
use crate::clock::Clock;
use crate::endpoints::{Count, Figures, Progress};
use crate::snapshot::{
    Cable, Card, Drops, Lane, Partition, Phase, Snapshot, Traffic, Wire, Worker,
};

/// The number of the plan that a session begins with.
pub(super) const FIRST_EPOCH: u64 = 1;

/// What a worker's thread and the supervisor share.
#[derive(Debug)]
pub(super) struct WorkerCell {
    pub(super) core: u16,
    pub(super) stats: Arc<WorkerStats>,
    pub(super) passes: Passes,
}

/// What all threads of a session share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) control: Control,
    pub(super) workers: Vec<WorkerCell>,
    /// There once the ports are.
    pub(super) ports: OnceLock<Figures>,
    pub(super) card: Mutex<Card>,
    /// By partition.
    generations: Vec<u64>,
    /// On the clock: when frames could arrive, and when the figures became final; 0 before.
    begun_ns: AtomicU64,
    ended_ns: AtomicU64,
    phase: AtomicU8,
}

impl Shared {
    pub(super) fn new(plan: Arc<Plan>, generations: Vec<u64>) -> Self {
        let cell = |&core: &u16| WorkerCell {
            core,
            stats: Arc::default(),
            passes: Passes::default(),
        };
        Self {
            workers: plan.workers().iter().map(cell).collect(),
            control: Control::new(plan.partitions().len()),
            clock: Clock::start(),
            ports: OnceLock::new(),
            card: Mutex::default(),
            generations,
            begun_ns: AtomicU64::new(0),
            ended_ns: AtomicU64::new(0),
            phase: AtomicU8::new(0),
            plan,
        }
    }

    /// The session is as far as `phase`.
    pub(super) fn enter(&self, phase: Phase) {
        if phase == Phase::Running {
            let now_ns = self.clock.now_ns().max(1);
            self.begun_ns.store(now_ns, Ordering::Release);
        }
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Nothing moves any more: the time stands still.
    pub(super) fn stop_clock(&self) {
        let now_ns = self.clock.now_ns().max(1);
        self.ended_ns.store(now_ns, Ordering::Release);
    }

    fn phase(&self) -> Phase {
        let phase = self.phase.load(Ordering::Acquire);
        let phases = [Phase::Starting, Phase::Running, Phase::Draining];
        let found = phases.into_iter().find(|known| *known as u8 == phase);
        found.unwrap_or(Phase::Ended)
    }

    fn elapsed_ns(&self) -> u64 {
        let begun = self.begun_ns.load(Ordering::Acquire);
        let end = match self.ended_ns.load(Ordering::Acquire) {
            0 => self.clock.now_ns(),
            ended => ended,
        };
        if begun == 0 {
            return 0;
        }
        end.saturating_sub(begun)
    }

    /// Everything as it is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let card = self.card.lock().unwrap_or_else(PoisonError::into_inner);
        let card = card.clone();
        let ports = self.ports.get();
        let partitions = (0..self.plan.partitions().len())
            .map(|p| self.partition(p, &card))
            .collect();
        let measured = ports.and_then(|ports| ports.measured.as_ref());
        Snapshot {
            elapsed_ns: self.elapsed_ns(),
            epoch: FIRST_EPOCH,
            phase: self.phase(),
            wire: self.wire(&card),
            partitions,
            workers: self.workers.iter().map(worker).collect(),
            measured: measured.map(|measured| {
                measured
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            }),
            card,
        }
    }

    fn sum(&self, get: impl Fn(&WorkerStats) -> u64) -> u64 {
        self.workers.iter().map(|worker| get(&worker.stats)).sum()
    }

    fn wire(&self, card: &Card) -> Wire {
        let mut wire = Wire {
            delivered: self.sum(|stats| stats.wire.delivered.get()),
            copies: self.sum(|stats| stats.wire.copies.get()),
            surplus: self.sum(|stats| stats.wire.surplus.get()),
            bad_descriptors: self.sum(|stats| stats.wire.bad_descriptors.get()),
            uncaptured: self.sum(|stats| stats.wire.uncaptured.get()),
            ..Wire::default()
        };
        for reason in Reason::ALL {
            let dropped = self.sum(|stats| stats.wire.drops.get(reason));
            wire.drops.add(reason, dropped);
        }
        let cable = self.ports.get().and_then(|ports| ports.cable.as_deref());
        if let Some(cable) = cable {
            for reason in Reason::ALL {
                let filtered = cable.filtered[reason as usize].get();
                wire.drops.add(reason, filtered);
            }
            wire.cable = Some(Cable {
                rx_frames: 0,
                filtered_in_error: cable.filtered_in_error.get(),
                missed: cable.missed.get(),
            });
        }
        // What a frame passes first is read last.
        fence(Ordering::SeqCst);
        match cable {
            Some(cable) => {
                wire.tx = traffic(&cable.tx);
                wire.rx = traffic(&cable.rx);
            }
            None => {
                wire.tx = total(self.workers.iter().map(|w| traffic(&w.stats.wire.tx)));
                wire.rx = total(self.workers.iter().map(|w| traffic(&w.stats.wire.rx)));
            }
        }
        wire.drops.add(Reason::RingFull, card.missed);
        match &mut wire.cable {
            Some(cable) => cable.rx_frames = wire.rx.frames,
            None => wire.rx.frames += card.missed,
        }
        // Counters of two threads may be a burst apart; what is settled did arrive.
        wire.rx.frames = wire.rx.frames.max(wire.delivered + wire.drops.total());
        wire
    }

    /// What each worker counts of the partition at position `p` of the plan.
    fn counted(&self, p: usize) -> impl Iterator<Item = &PartitionStats> {
        let partition = self.plan.partitions().get(p);
        let number = partition.map(|partition| partition.id.index());
        let workers = self.workers.iter();
        workers.filter_map(move |worker| worker.stats.partitions.get(number?))
    }

    fn partition(&self, p: usize, card: &Card) -> Partition {
        let each = || self.counted(p);
        let wanted = self.plan.partitions().get(p);
        let queues = wanted.map_or(0, |partition| usize::from(partition.queues));
        let queue = |q: usize| {
            each()
                .filter_map(|s| s.queues.get(q))
                .map(|n| n.get())
                .sum()
        };
        let mut partition = Partition {
            queues: (0..queues).map(queue).collect(),
            drops: drops(each()),
            tx: total(each().map(|stats| traffic(&stats.tx))),
            lane: Lane {
                generation: self.generations.get(p).copied().unwrap_or(0),
                shut: self.control.shut(p),
            },
            ..Partition::default()
        };
        fence(Ordering::SeqCst);
        partition.rx = total(each().map(|stats| traffic(&stats.rx)));
        let through_queues = partition.queues.iter().sum();
        partition.rx.frames = partition.rx.frames.max(through_queues);
        // What the card dropped for want of descriptors never met a worker.
        let pool = wanted.and_then(|partition| self.plan.pool_of(partition.id));
        let missed = pool.and_then(|pool| card.missed_by_pool.get(pool.index()));
        let missed = missed.copied().unwrap_or(0);
        partition.drops.add(Reason::RingFull, missed);
        let port = self.ports.get().and_then(|ports| ports.partitions.get(p));
        partition.port = port.and_then(Option::as_ref).map(|port| port.figures());
        partition
    }
}

impl Count for Shared {
    fn progress(&self) -> Progress {
        let partitions = 0..self.plan.partitions().len();
        let each = |p: usize| self.counted(p);
        let reflecting = self.ports.get().map_or(&[][..], |ports| &ports.reflecting);
        let port = |p: &usize| self.ports.get()?.partitions.get(*p)?.as_deref();
        let settled: Vec<u64> = partitions.map(|p| each(p).map(settled).sum()).collect();
        let of_reflecting = |p: &usize| settled.get(*p).copied().unwrap_or(0);
        let mut progress = Progress {
            reflected_settled: reflecting.iter().map(of_reflecting).sum(),
            reflected_taken: reflecting
                .iter()
                .filter_map(port)
                .map(|s| s.taken.get())
                .sum(),
            settled_wire: self.sum(|stats| settled_wire(stats, self.plan.steering())),
            settled,
            ..Progress::default()
        };
        // First what frames pass last, then the passes that may have counted it, then the rest.
        fence(Ordering::SeqCst);
        progress.passes = self.workers.iter().map(|w| w.passes.get()).collect();
        progress.reflected_sent = reflecting
            .iter()
            .filter_map(port)
            .map(|s| s.sent.get())
            .sum();
        progress.reflected_given = reflecting
            .iter()
            .flat_map(|p| each(*p))
            .map(|stats| stats.rx.frames.get())
            .sum();
        progress
    }
}

/// Frames from a partition that have met their fate.
fn settled(stats: &PartitionStats) -> u64 {
    let drops = drops(std::iter::once(stats));
    stats.tx.frames.get() + drops.total() - drops.get(Reason::RingFull)
}

/// Frames, and copies of frames, that have met their fate after a card stored them.
fn settled_wire(stats: &WorkerStats, steering: SteeringMode) -> u64 {
    let wire = &stats.wire;
    let frames = wire.rx.frames.get() + wire.bad_descriptors.get();
    match steering {
        // The card makes a copy for each pool.
        SteeringMode::Pools => frames + wire.copies.get() + wire.surplus.get(),
        SteeringMode::Software => frames,
    }
}

fn worker(cell: &WorkerCell) -> Worker {
    Worker {
        core: cell.core,
        passes: cell.passes.get(),
        rx: traffic(&cell.stats.wire.rx),
        tx: traffic(&cell.stats.wire.tx),
    }
}

fn traffic(counted: &stats::Traffic) -> Traffic {
    Traffic {
        frames: counted.frames.get(),
        bytes: counted.bytes.get(),
    }
}

fn total(each: impl Iterator<Item = Traffic>) -> Traffic {
    each.fold(Traffic::default(), |sum, traffic| Traffic {
        frames: sum.frames + traffic.frames,
        bytes: sum.bytes + traffic.bytes,
    })
}

fn drops<'s>(each: impl Iterator<Item = &'s PartitionStats>) -> Drops {
    let mut drops = Drops::default();
    for stats in each {
        for reason in Reason::ALL {
            drops.add(reason, stats.drops.get(reason));
        }
    }
    drops
}
