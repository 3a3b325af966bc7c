//! The clock of a run, which all its threads share.
//!
//! Not here: the time of day ([`crate::endpoints`]).

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds since one origin that all threads of a run share.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin_ns: u64,
}

impl Clock {
    /// A clock that starts at zero.
    pub fn start() -> Self {
        Self {
            origin_ns: Self { origin_ns: 0 }.now_ns(),
        }
    }

    /// Nanoseconds since the start. Cheaper than [`std::time::Instant`], which costs as much
    /// as a frame.
    pub fn now_ns(&self) -> u64 {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
        (tv_sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(tv_nsec as u64)
            - self.origin_ns
    }
}
