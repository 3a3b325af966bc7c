//! Everything around the core that is not the core: the ports that feed
//! frames in and take deliveries away.
//!
//! A [`Port`] is polled from the supervisor's thread, never from a worker's. It
//! gets what an outsider gets, the far end of a lane or the wire of the model,
//! and can hold a worker up by no more than a full ring.

mod mirror_capture;
mod model_wire;
mod pcap;

mod probe;
mod reflect;
mod set;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Failure;
use lockgate_dataplane::Clock;

pub use mirror_capture::MirrorCapture;
pub use model_wire::{Cable, CableCounts, ModelWire};
pub use pcap::PcapEndpoint;
pub use probe::{Measured, Probe, ProbePlan};
pub use reflect::Reflector;
pub use set::{Captures, EndpointSet, Sources};

/// Frames that one poll moves each way at most, so that every port gets a turn.
const BURST: usize = 64;

/// Someone who sends or receives frames outside the core.
pub trait Port {
    /// Moves what can be moved at `now_ns`; returns how many frames.
    ///
    /// # Errors
    /// What makes going on pointless: a capture that cannot be written.
    fn poll(&mut self, now_ns: u64) -> Result<usize, Failure>;

    /// Whether it has sent all that it will ever send.
    fn is_drained(&self) -> bool {
        true
    }

    /// Sends nothing more from now on.
    fn request_stop(&mut self) {}
}

/// Spaces a replay evenly: `--rate`, or as fast as everything drains.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    interval_ns: u64,
    next_ns: u64,
}

impl Pace {
    /// `rate` frames a second; `None` is no limit.
    pub fn new(rate: Option<u64>) -> Self {
        Self {
            interval_ns: rate.map_or(0, |rate| 1_000_000_000 / rate.max(1)),
            next_ns: 0,
        }
    }

    /// Whether a frame is due.
    fn due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// One frame went out. A port that was held up does not catch up later.
    fn sent(&mut self, now_ns: u64) {
        let behind = self.next_ns.saturating_add(self.interval_ns);
        let floor = now_ns.saturating_sub(self.interval_ns.saturating_mul(BURST as u64));
        self.next_ns = behind.max(floor);
    }
}

/// The clock of a run, and the time of day that captures carry.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    clock: Clock,
    origin_ns: u64,
}

impl Time {
    /// Ties `clock` to the time of day.
    pub fn new(clock: Clock) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        Self {
            clock,
            origin_ns: now.saturating_sub(clock.now_ns()),
        }
    }

    /// Nanoseconds since the start of the run.
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Nanoseconds since 1970 for a stamp of the run's clock.
    fn of_day(&self, stamp_ns: u64) -> u64 {
        self.origin_ns.saturating_add(stamp_ns)
    }
}

/// A capture that could not be written.
fn capture_failure(error: std::io::Error) -> Failure {
    Failure::running(
        format!("cannot write a capture: {error}"),
        "free some disk space, or choose another --capture-dir",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_keeps_its_rate_over_a_second() {
        let mut pace = Pace::new(Some(1000));
        let mut sent = 0;
        for now_us in 0..1_000_000 {
            while pace.due(now_us * 1000) {
                pace.sent(now_us * 1000);
                sent += 1;
            }
        }
        assert_eq!(sent, 1000);
    }

    #[test]
    fn pace_forgives_a_stall_of_more_than_a_burst() {
        let mut pace = Pace::new(Some(1000));
        pace.sent(0);
        let mut sent = 0;
        while pace.due(10_000_000_000) {
            pace.sent(10_000_000_000);
            sent += 1;
        }
        assert!(sent <= BURST + 2, "{sent} frames at once");
    }
}
