//! What workers' threads and the supervisor tell each other beside their mailboxes: when to
//! end, and which lanes were closed.
//!
//! Not here: what changes while frames move (`lockgate_dataplane::mailbox`).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lockgate_lane::Closed;

/// The state that all threads of a session see.
#[derive(Debug)]
pub struct Control {
    finishing: AtomicBool,
    abort_ns: AtomicU64,
    shut: Vec<OnceLock<Closed>>,
}

impl Control {
    /// For a session with this many partitions.
    pub fn new(partitions: usize) -> Self {
        let shut = (0..partitions).map(|_| OnceLock::new()).collect();
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

    /// Asks workers to end at `deadline_ns` of the clock, whatever is left.
    pub fn abort_at(&self, deadline_ns: u64) {
        self.abort_ns.store(deadline_ns, Ordering::Release);
    }

    /// Whether workers are to end once they find nothing to do.
    pub fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire)
    }

    /// Whether workers are to end at `now_ns` of the clock, whatever is left.
    pub fn is_over(&self, now_ns: u64) -> bool {
        now_ns >= self.abort_ns.load(Ordering::Relaxed)
    }

    /// Why the lane of the partition with index `p` was shut, if it was: its partition broke the
    /// rules.
    pub fn shut(&self, p: usize) -> Option<Closed> {
        self.shut.get(p)?.get().copied()
    }

    /// Notes that the lane of the partition with index `p` was shut; the first reason is kept.
    pub fn note_shut(&self, p: usize, reason: Closed) {
        if let Some(shut) = self.shut.get(p) {
            let _ = shut.set(reason);
        }
    }
}
