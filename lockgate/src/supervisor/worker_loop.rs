//! The loop of a worker's thread: pass after pass, with the ports that share its core.
//!
//! The worker knows nothing of those ports, nor of threads. The rule: each pass that is
//! counted has published what it counted, so that whoever reads a count and then sees
//! another pass go by may believe it.
//!
//! Not here: a pass (`lockgate_dataplane::Worker`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lockgate_dataplane::Worker;
use lockgate_drivers::Queues;

use super::control::Control;
use crate::clock::Clock;

/// Passes without work before the core is lent to others now and then.
const HARD_POLLS: u32 = 256;

/// How often it is lent: a system call each time would be what a frame that comes has to
/// wait for.
const YIELD_EVERY: u32 = 64;

/// Passes that a worker has completed; one writer, any number of readers.
#[derive(Debug, Default)]
pub struct Passes(AtomicU64);

impl Passes {
    /// How many so far. What those counted and published is seen by whoever reads this.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn add_one(&self) {
        let next = self.0.load(Ordering::Relaxed).wrapping_add(1);
        self.0.store(next, Ordering::Release);
    }
}

/// Runs `worker` until `control` says to finish and nothing is left to do; gives back its
/// queues, for the card to be stopped before their memory goes. `co_located` polls what else
/// this core serves, at most for a burst, and says how many frames that moved.
pub fn run(
    mut worker: Worker,
    control: &Control,
    passes: &Passes,
    clock: Clock,
    mut co_located: impl FnMut(u64) -> usize,
) -> Queues {
    let mut idle = 0_u32;
    loop {
        // Read before the pass: what was there when finishing began is seen by it.
        let finishing = control.is_finishing();
        let now_ns = clock.now_ns();
        if control.is_over(now_ns) {
            break;
        }
        let moved = worker.pass(now_ns) + co_located(now_ns);
        passes.add_one();
        if moved > 0 {
            idle = 0;
            continue;
        }
        if finishing && worker.is_drained() {
            break;
        }
        idle = idle.saturating_add(1);
        if idle >= HARD_POLLS && idle.is_multiple_of(YIELD_EVERY) {
            thread::yield_now();
        }
    }
    worker.into_queues()
}
