//! The kernel's monotonic clock, for drivers that wait.

use std::thread;
use std::time::Duration;

use lockgate_drivers::device::Clock;
use rustix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC, and sleep by the scheduler.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_takes_at_least_as_long_as_it_was_told() {
        let before = MonotonicClock.now();
        MonotonicClock.sleep(Duration::from_millis(2));
        assert!(MonotonicClock.now() - before >= Duration::from_millis(2));
    }
}
