//! The worker: one pinned core's share of queues and lanes, run to completion.
//!
//! A pass takes a burst from every receive queue that the plan gives this
//! worker, checks each frame and copies it into lanes, then serves the lanes
//! that send, fairly. It allocates nothing, takes no lock, logs nothing, and
//! makes no system call while there is work; what it drops it counts by reason.
//!
//! Not here: what a frame may do ([`lockgate_vmdq::Plan`]), rings and registers
//! (`lockgate-drivers`), the shared memory (`lockgate-lane`), threads (`lockgate`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod doorbells;
mod exit;
mod receive;
mod schedule;
mod software;
pub mod stats;
mod transmit;

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lockgate_drivers::{Queues, RxQueue, TxQueue};
use lockgate_lane::{Closed, Latch, RxProducer, TxConsumer};
use lockgate_vmdq::{Plan, SteeringMode};

use doorbells::Doorbells;
use exit::{Context, Door, Exit};
use schedule::Schedule;
use software::Last;
use stats::WorkerStats;

/// Frames taken from one queue, or sent in all, before the others get a turn.
pub const BURST: usize = 64;

/// What happens to a frame whose partition has no free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped and counted as `ring-full`, so that nobody waits for a
    /// partition that does not drain.
    Drop,
    /// It stays where it is until there is room. Only for replays into
    /// endpoints of our own, which always drain.
    Wait,
}

/// What workers and supervisor tell each other while they run.
#[derive(Debug)]
pub struct Control {
    finishing: AtomicBool,
    abort_ns: AtomicU64,
    shut: Vec<Latch>,
}

impl Control {
    /// For a run with this many partitions.
    pub fn new(partitions: usize) -> Self {
        let shut = (0..partitions).map(|_| Latch::new()).collect();
        Self {
            finishing: AtomicBool::new(false),
            abort_ns: AtomicU64::new(u64::MAX),
            shut,
        }
    }

    /// Asks workers to end once they find nothing to do.
    pub fn finish(&self) {
        self.finishing.store(true, Ordering::Release);
    }

    /// Asks workers to end at `deadline_ns` of their clock, whatever is left.
    pub fn abort_at(&self, deadline_ns: u64) {
        self.abort_ns.store(deadline_ns, Ordering::Release);
    }

    /// Whether workers are to end once they find nothing to do.
    pub fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire)
    }

    /// Whether workers are to end at `now_ns` of their clock, whatever is left.
    pub fn is_over(&self, now_ns: u64) -> bool {
        now_ns >= self.abort_ns.load(Ordering::Relaxed)
    }

    /// Why the lane of partition `p` was shut, if it was: its partition broke the rules.
    pub fn shut(&self, p: usize) -> Option<Closed> {
        self.shut.get(p).and_then(Latch::reason)
    }

    /// Shuts the whole lane of partition `p` if one of its rings has closed.
    fn note(&self, p: usize, closed: Option<Closed>) {
        if let (Some(shut), Some(reason)) = (self.shut.get(p), closed) {
            shut.close(reason);
        }
    }
}

/// What the supervisor hands to one worker.
pub struct Assignment {
    /// Receive queues to poll.
    pub rx: Vec<RxQueue>,
    /// Transmit queues to fill.
    pub tx: Vec<TxQueue>,
    /// This worker's receive ring in the lane of every partition.
    pub down: Vec<RxProducer>,
    /// Lanes whose sending side this worker serves, with the partition's index
    /// and the index in `tx` of the queue its frames leave by.
    pub up: Vec<(usize, TxConsumer, Option<usize>)>,
    /// A ring that gets a copy of each frame sent to the wire, for captures.
    pub mirror: Option<RxProducer>,
}

/// One worker's state.
pub struct Worker<'r> {
    rx: Vec<RxQueue>,
    exit: Exit<'r>,
    schedule: Schedule<'r>,
    doorbells: Doorbells,
    /// For a card without pools.
    software: Option<Last>,
    /// A received frame could not move in this pass and waits in its queue.
    waiting: bool,
}

impl<'r> Worker<'r> {
    /// A worker over its share of queues and lanes.
    pub fn new(
        plan: &'r Plan,
        stats: &'r WorkerStats,
        control: &'r Control,
        share: Assignment,
        overflow: Overflow,
    ) -> Self {
        let Assignment {
            rx,
            tx,
            down,
            up,
            mirror,
        } = share;
        let cx = Context {
            plan,
            stats,
            control,
            overflow,
            now_ns: 0,
        };
        let doors = down
            .into_iter()
            .enumerate()
            .filter_map(|(p, ring)| Door::new(&cx, p, ring));
        let (doors, schedule) = (doors.collect(), Schedule::new(&cx, up));
        let scratch = vec![0; plan.limits().scratch_bytes()];
        let exit = Exit {
            cx,
            doors,
            tx,
            mirror,
            scratch,
            arrived: vec![0; u16::MAX.into()],
        };
        let software = (plan.steering() == SteeringMode::Software).then(Last::default);
        let doorbells = Doorbells::default();
        Self {
            rx,
            exit,
            schedule,
            doorbells,
            software,
            waiting: false,
        }
    }

    /// Whether nothing is left to do: no frame waits in a receive queue for room, in a lane
    /// that is open, or for the card to send it. To be asked after a pass that moved nothing.
    pub fn is_drained(&mut self) -> bool {
        !self.waiting
            && self.schedule.is_empty(self.exit.cx.control)
            && self.exit.tx.iter_mut().all(|queue| queue.pending() == 0)
    }

    /// Gives back the queues, whose doorbells have all rung, for the supervisor to stop the
    /// card before their memory goes.
    pub fn into_queues(mut self) -> Queues {
        self.exit.tx.iter_mut().for_each(TxQueue::flush);
        Queues {
            rx: self.rx,
            tx: self.exit.tx,
        }
    }

    /// One round over everything this worker serves, which begins at `now_ns` of its
    /// clock; returns how many frames it moved. Every frame that it counted is published,
    /// in the lanes and towards the card, but for doorbells that wait for company.
    pub fn pass(&mut self, now_ns: u64) -> usize {
        self.exit.cx.now_ns = now_ns;
        self.waiting = false;
        let moved = (0..self.rx.len())
            .map(|port| self.receive(port))
            .sum::<usize>();
        if moved > 0 {
            self.exit.publish();
        }
        // The more queues a pass has to look at, the more frames pay for it.
        let sent = self.transmit(BURST.max(8 * self.rx.len()));
        if sent > 0 {
            self.exit.publish();
            self.exit.mirror.iter_mut().for_each(RxProducer::publish);
        }
        if self.doorbells.are_due(sent, now_ns) {
            self.exit.tx.iter_mut().for_each(TxQueue::flush);
        }
        moved + sent
    }
}
