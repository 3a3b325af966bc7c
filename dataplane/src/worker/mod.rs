//! The worker: one pinned core's share of queues and lanes, run to completion.
//!
//! A pass takes a burst from every receive queue that the plan gives this
//! worker, checks each frame and copies it into lanes, then serves the lanes
//! that send, fairly. It allocates nothing, takes no lock, logs nothing, and
//! makes no system call while there is work; what it drops it counts by reason.
//!
//! Not here: what a frame may do ([`lockgate_vmdq::Plan`]), rings and registers
//! (`lockgate-drivers`), the shared memory (`lockgate-lane`), threads
//! ([`crate::runtime`]).

mod lanes;
mod receive;
mod schedule;
pub mod stats;
mod transmit;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use lockgate_drivers::{RxQueue, TxQueue};
use lockgate_lane::{DownWriter, UpReader};
use lockgate_vmdq::{Plan, SteeringMode};

use lanes::Lanes;
use schedule::Schedule;
use stats::WorkerStats;

/// Frames taken from one queue, or sent in all, before the others get a turn.
pub const BURST: usize = 64;

/// Shortest frame on the wire, FCS not counted (IEEE 802.3, 3.2.8).
pub const MIN_FRAME: usize = 60;

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

/// How the supervisor steers a running worker.
#[derive(Debug, Default)]
pub struct Control {
    finishing: AtomicBool,
    abort_ns: AtomicU64,
}

impl Control {
    /// Asks workers to end once they find nothing to do.
    pub fn finish(&self) {
        self.finishing.store(true, Ordering::Release);
    }

    /// Asks workers to end at `deadline_ns` of their clock, whatever is left.
    pub fn abort_at(&self, deadline_ns: u64) {
        self.abort_ns.store(deadline_ns.max(1), Ordering::Release);
    }

    fn finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire)
    }

    fn aborted(&self, now_ns: u64) -> bool {
        let deadline = self.abort_ns.load(Ordering::Relaxed);
        deadline != 0 && now_ns >= deadline
    }
}

/// Nanoseconds since one origin that all threads of a run share.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What the supervisor hands to one worker.
pub struct Assignment {
    /// Receive queues to poll.
    pub rx: Vec<RxQueue>,
    /// Transmit queues to fill.
    pub tx: Vec<TxQueue>,
    /// This worker's receive ring in the lane of every partition.
    pub down: Vec<DownWriter>,
    /// Lanes whose sending side this worker serves, with the partition's index
    /// and the index in `tx` of the queue its frames leave by.
    pub up: Vec<(usize, UpReader, Option<usize>)>,
    /// A ring that gets a copy of each frame sent to the wire, for captures.
    pub mirror: Option<DownWriter>,
}

/// One worker's state.
pub struct Worker<'r> {
    plan: &'r Plan,
    stats: &'r WorkerStats,
    rx: Vec<RxQueue>,
    tx: Vec<TxQueue>,
    lanes: Lanes<'r>,
    schedule: Schedule,
    mirror: Option<DownWriter>,
    software: bool,
}

impl<'r> Worker<'r> {
    /// A worker over its share of queues and lanes.
    pub fn new(
        plan: &'r Plan,
        stats: &'r WorkerStats,
        assignment: Assignment,
        overflow: Overflow,
    ) -> Self {
        Self {
            plan,
            stats,
            rx: assignment.rx,
            tx: assignment.tx,
            lanes: Lanes::new(plan, stats, assignment.down, overflow),
            schedule: Schedule::new(plan, assignment.up),
            mirror: assignment.mirror,
            software: plan.steering() == SteeringMode::Software,
        }
    }

    /// Works until `control` says to finish and nothing is left to do.
    pub fn run(&mut self, control: &Control, clock: Clock) {
        let mut idle = 0_u32;
        loop {
            // Read before the pass: what was there when finishing began is seen by it.
            let finishing = control.finishing();
            let now = clock.now_ns();
            if control.aborted(now) {
                break;
            }
            if self.pass(now) > 0 {
                idle = 0;
                continue;
            }
            if finishing && self.settled() {
                break;
            }
            idle = idle.saturating_add(1);
            rest(idle);
        }
    }

    /// One round over everything this worker serves; returns how many frames moved.
    pub fn pass(&mut self, now_ns: u64) -> usize {
        let mut moved = 0;
        for port in 0..self.rx.len() {
            moved += self.receive(port, now_ns);
        }
        moved += self.transmit(now_ns);
        self.lanes.publish();
        moved
    }

    /// Nothing waits in a lane or for the card.
    fn settled(&mut self) -> bool {
        self.schedule.is_empty()
            && self.tx.iter_mut().all(|queue| {
                queue.free();
                queue.pending() == 0
            })
    }

    /// Gives back the queues, for the supervisor to stop the card before their
    /// memory goes.
    pub fn into_queues(self) -> (Vec<RxQueue>, Vec<TxQueue>) {
        (self.rx, self.tx)
    }
}

/// Polls hard at first; later lets others have the core, which costs nothing
/// where the core is the worker's own.
fn rest(idle: u32) {
    if idle < 256 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}
