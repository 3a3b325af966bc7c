//! Everything around the core that is not the core: the ports that feed
//! frames in and take deliveries away.
//!
//! A [`Port`] gets what an outsider gets, the far end of a lane or the wire of the model, and
//! can hold a worker up by no more than a full ring. Ports are made of smaller things: a
//! replay sends, a mirror captures, a gate keeps a replay from losing frames.
//!
//! Not here: who polls them ([`crate::supervisor`]), and what goes over a lane's rules
//! (`lockgate_dataplane`).

mod deliveries;
mod gate;
mod mirror;
mod mirror_capture;
mod model_wire;
mod pcap;
mod probe;
mod reflect;
mod registry;
mod replay_source;
mod set;
pub mod stats;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::Clock;
use crate::error::Failure;
use stats::PortStats;

pub(crate) use deliveries::Deliveries;
pub use gate::{Count, Gate, Progress, Source};
pub use mirror_capture::MirrorCapture;
pub use model_wire::ModelWire;
pub use pcap::PcapEndpoint;
pub use probe::{Measured, Probe, ProbePlan};
pub use reflect::Reflector;
pub(crate) use registry::placement_of;
pub use registry::{Placement, placement};
pub use set::{Captures, EndpointSet, Figures, Sources};

/// Frames that one poll moves each way at most, so that every port gets a turn.
const BURST: usize = 64;

/// What sits at the far end of a lane, or of the model's wire.
///
/// A port is polled by one thread, and never while that thread may not be held up: a poll
/// takes as long as a burst each way. Its [`Port::stats`] may be read by any thread at any
/// time.
pub trait Port: Send {
    /// Moves what can be moved in this round; returns how many frames those were.
    ///
    /// # Errors
    /// What makes going on pointless: a capture that cannot be written, a replay that cannot
    /// be read.
    fn poll(&mut self, round: &mut Round<'_>) -> Result<usize, Failure>;

    /// Whether it has sent all that it will ever send by itself.
    fn is_drained(&self) -> bool {
        true
    }

    /// Sends nothing more from now on; it still takes what comes.
    fn request_stop(&mut self) {}

    /// Free slots in the fullest ring that it empties; `None` if it empties none that a
    /// replay could overflow.
    fn room(&mut self) -> Option<u64> {
        None
    }

    /// What it has counted so far.
    fn stats(&self) -> &Arc<PortStats>;

    /// Brings what it has written to the disk, so that only names are missing.
    ///
    /// # Errors
    /// A running failure when the disk does not take it.
    fn write_out(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Gives its files their names. Dropped instead, it leaves none behind.
    ///
    /// # Errors
    /// A running failure when the disk does not take them.
    fn persist(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

/// One round of polls over all ports.
#[derive(Debug)]
pub struct Round<'g> {
    /// When it began, on the session's clock.
    pub now_ns: u64,
    gate: Option<&'g mut Gate>,
}

impl<'g> Round<'g> {
    /// A round that begins at `now_ns`; what replays send passes `gate`, if there is one.
    pub fn new(now_ns: u64, gate: Option<&'g mut Gate>) -> Self {
        Self { now_ns, gate }
    }

    /// Whether replays wait for room, and lose nothing.
    fn is_gated(&self) -> bool {
        self.gate.is_some()
    }

    fn admits(&self, source: Source) -> bool {
        self.gate.as_ref().is_none_or(|gate| gate.admits(source))
    }

    fn inject(&mut self, source: Source, copies: u64) {
        if let Some(gate) = &mut self.gate {
            gate.inject(source, copies);
        }
    }
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
