//! Time for a driver of a model: it passes by sleeping alone, and at once.
//!
//! A model's own time passes by register reads, so nothing is gained by waiting for it; and a
//! wait that ends at its deadline ends there on every machine, however loaded.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lockgate_drivers::device::Clock;

/// A clock that sleeping moves on.
#[derive(Debug, Default)]
pub(crate) struct SkippingClock {
    nanoseconds: AtomicU64,
}

impl Clock for SkippingClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
    }

    fn sleep(&self, time: Duration) {
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Relaxed);
    }
}
