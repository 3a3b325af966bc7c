//! What ports count, readable by every thread while they run.
//!
//! Each set of counters has one writer, its port. Figures are taken from here and never
//! from a port that has ended, so that a running session shows what a report will.
//!
//! Not here: what workers count (`lockgate_dataplane::stats`).

use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use lockgate_dataplane::stats::{Counter, Traffic};
use lockgate_vmdq::Reason;

use crate::snapshot::{Latency, Port};

/// Longest latency that a histogram tells apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// What every port counts.
#[derive(Debug)]
pub struct PortStats {
    /// Frames that it took.
    pub taken: Counter,
    /// Frames that it sent.
    pub sent: Counter,
    latency: Mutex<Histogram<u64>>,
}

impl Default for PortStats {
    fn default() -> Self {
        Self {
            taken: Counter::default(),
            sent: Counter::default(),
            latency: Mutex::new(latency_histogram()),
        }
    }
}

impl PortStats {
    /// The histogram of how long frames took, in nanoseconds, for the port to add to.
    pub(super) fn latency(&self) -> MutexGuard<'_, Histogram<u64>> {
        lock(&self.latency)
    }

    /// The figures so far.
    pub fn figures(&self) -> Port {
        Port {
            taken: self.taken.get(),
            sent: self.sent.get(),
            latency: percentiles(&lock(&self.latency)),
        }
    }
}

/// What went over a model's cable.
#[derive(Debug, Default)]
pub struct CableStats {
    /// What arrived at the card, padded as a MAC does.
    pub rx: Traffic,
    /// What left the card.
    pub tx: Traffic,
    /// Frames that no queue of the card took, by the policy's reason.
    pub filtered: [Counter; Reason::COUNT],
    /// Frames that the card filtered although the policy gives them to somebody.
    pub filtered_in_error: Counter,
    /// Frames that arrived while every queue they were for was full.
    pub missed: Counter,
}

/// An empty histogram from 1 ns to a minute, three digits.
pub(super) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3)
        .expect("1 ns to a minute with three digits are legal bounds")
}

/// The percentiles that reports show.
pub(super) fn percentiles(latency: &Histogram<u64>) -> Latency {
    Latency {
        p50: latency.value_at_quantile(0.5),
        p90: latency.value_at_quantile(0.9),
        p99: latency.value_at_quantile(0.99),
        p999: latency.value_at_quantile(0.999),
        max: latency.max(),
    }
}

/// What is behind `mutex`. A port that panicked left numbers, and those are always sound.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
