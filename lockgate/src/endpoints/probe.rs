//! Frames that measure: numbered, stamped, sent by one partition and taken by another, or
//! by the same once they come back.
//!
//! No more than a window of them is on its way, so that nothing is lost to a full ring
//! and a loss means something. A frame is lost when a later one arrives or when nothing
//! has arrived for a while.
//!
//! Not here: which frame the policy lets pass ([`crate::commands::bench`]), what is made of
//! the figures ([`crate::report::chart`]).

use std::sync::{Arc, Mutex};

use hdrhistogram::Histogram;
use lockgate_lane::{Meta, TxProducer};

use super::deliveries::{Deliveries, Delivery};
use super::stats::{PortStats, latency_histogram, lock};
use super::{BURST, Port, Round, Time};
use crate::error::Failure;

/// How long nothing may arrive until all that is on its way counts as lost.
const PATIENCE_NS: u64 = 200_000_000;

/// Steps of time that frames are counted in.
const STEPS: usize = 100;

/// Bytes of number and stamp.
const MARKS: usize = 16;

/// What is sent, and how.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// Index of the partition that sends.
    pub from: usize,
    /// Index of the partition that takes, which may be the same.
    pub to: usize,
    /// The frame, with room for number and stamp at `marks_at`.
    pub frame: Vec<u8>,
    /// Where number and stamp are.
    pub marks_at: usize,
    /// The first bytes of a frame that arrives.
    pub answer: Vec<u8>,
    /// Frames on their way at most.
    pub window: u64,
    /// How long frames are sent before any is counted.
    pub warm_up_ns: u64,
    /// How long frames are counted.
    pub duration_ns: u64,
}

impl ProbePlan {
    /// The least length of a frame with its marks at `marks_at`.
    pub fn shortest(marks_at: usize) -> usize {
        marks_at + MARKS
    }
}

/// What came of it, after the warm-up.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Frames that arrived.
    pub received: u64,
    /// Frames that did not.
    pub lost: u64,
    /// From a frame's sending to its arrival, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Frames that arrived, by equal steps of the time.
    pub steps: Vec<u64>,
    /// All of the time, in nanoseconds.
    pub duration_ns: u64,
}

impl Measured {
    /// Frames per second over all of the time.
    pub fn rate(&self) -> f64 {
        self.received as f64 * 1e9 / self.duration_ns.max(1) as f64
    }
}

/// The far ends of the two lanes, and the figures so far.
pub struct Probe {
    plan: ProbePlan,
    tx: TxProducer,
    /// Where the frames arrive.
    arrivals: Deliveries,
    /// What else arrives at the sender is taken and dropped.
    other: Option<Deliveries>,
    time: Time,
    progress: Progress,
    stopped: bool,
    measured: Arc<Mutex<Measured>>,
    stats: Arc<PortStats>,
}

/// Which frames are on their way.
#[derive(Debug, Default)]
struct Progress {
    begun_ns: Option<u64>,
    /// Number of the next frame to send, and of the next to arrive.
    next: u64,
    awaited: u64,
    heard_ns: u64,
}

impl Probe {
    /// A probe that sends through `tx` and counts what arrives by `arrivals`; `other` is what
    /// the sender is given, where that is another.
    pub(super) fn new(
        plan: ProbePlan,
        tx: TxProducer,
        arrivals: Deliveries,
        other: Option<Deliveries>,
        time: Time,
    ) -> Self {
        let measured = Measured {
            received: 0,
            lost: 0,
            latency: latency_histogram(),
            steps: vec![0; STEPS],
            duration_ns: plan.duration_ns,
        };
        Self {
            plan,
            tx,
            arrivals,
            other,
            time,
            progress: Progress::default(),
            stopped: false,
            measured: Arc::new(Mutex::new(measured)),
            stats: Arc::default(),
        }
    }

    /// The figures so far, for whoever wants to see them while the probe runs.
    pub fn measured(&self) -> &Arc<Mutex<Measured>> {
        &self.measured
    }

    fn receive(&mut self) -> Result<usize, Failure> {
        let (plan, progress) = (&self.plan, &mut self.progress);
        let mut measured = lock(&self.measured);
        self.arrivals.drain(self.time, |delivery| {
            if let Some(marks) = Marks::read(plan, delivery) {
                progress.arrived(plan, marks, delivery.found_ns, &mut measured);
            }
            Ok(())
        })
    }

    fn send(&mut self, now_ns: u64) -> usize {
        let begun = *self.progress.begun_ns.get_or_insert(now_ns);
        let late = now_ns.saturating_sub(self.progress.heard_ns.max(begun)) > PATIENCE_NS;
        if self.progress.under_way() > 0 && late {
            self.progress
                .give_up(&self.plan, now_ns, &mut lock(&self.measured));
        }
        let mut sent = 0;
        let stamp_ns = self.time.now_ns();
        while sent < BURST && self.progress.under_way() < self.plan.window {
            let number = self.progress.next;
            Marks { number, stamp_ns }.write(&mut self.plan);
            if self.tx.push(&self.plan.frame, Meta::default()).is_err() {
                break;
            }
            if self.progress.under_way() == 0 {
                self.progress.heard_ns = now_ns;
            }
            self.progress.next += 1;
            sent += 1;
        }
        self.tx.publish();
        sent
    }
}

impl Progress {
    fn under_way(&self) -> u64 {
        self.next - self.awaited
    }

    /// How far into the counted time `now_ns` is; `None` outside.
    fn counted(&self, plan: &ProbePlan, now_ns: u64) -> Option<u64> {
        let begun = self.begun_ns?.saturating_add(plan.warm_up_ns);
        now_ns
            .checked_sub(begun)
            .filter(|into| *into < plan.duration_ns)
    }

    fn arrived(&mut self, plan: &ProbePlan, marks: Marks, now_ns: u64, measured: &mut Measured) {
        // One that was given up already, or that nobody has sent.
        if marks.number < self.awaited || marks.number >= self.next {
            return;
        }
        let into = self.counted(plan, now_ns);
        let lost = marks.number - self.awaited;
        self.awaited = marks.number + 1;
        self.heard_ns = now_ns;
        if let Some(into) = into {
            measured.lost += lost;
            measured.count(into, now_ns.saturating_sub(marks.stamp_ns));
        }
    }

    /// Counts all that is under way as lost.
    fn give_up(&mut self, plan: &ProbePlan, now_ns: u64, measured: &mut Measured) {
        if self.counted(plan, now_ns).is_some() {
            measured.lost += self.under_way();
        }
        (self.awaited, self.heard_ns) = (self.next, now_ns);
    }
}

impl Measured {
    /// Counts a frame that arrived `into_ns` nanoseconds into the counted time.
    fn count(&mut self, into_ns: u64, latency_ns: u64) {
        self.received += 1;
        self.latency.saturating_record(latency_ns);
        let step = u128::from(into_ns) * STEPS as u128 / u128::from(self.duration_ns.max(1));
        if let Some(count) = self.steps.get_mut(step as usize) {
            *count += 1;
        }
    }
}

/// Number and time of sending of a frame.
#[derive(Debug, Clone, Copy)]
struct Marks {
    number: u64,
    stamp_ns: u64,
}

impl Marks {
    /// Those of a frame of ours.
    fn read(plan: &ProbePlan, delivery: &Delivery<'_>) -> Option<Self> {
        let marks = delivery.frame.get(plan.marks_at..)?;
        let (number, rest) = marks.split_first_chunk()?;
        let ours = delivery.frame.starts_with(&plan.answer);
        ours.then_some(Self {
            number: u64::from_be_bytes(*number),
            stamp_ns: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }

    fn write(self, plan: &mut ProbePlan) {
        let marks = [self.number.to_be_bytes(), self.stamp_ns.to_be_bytes()];
        let marks = marks.as_flattened();
        if let Some(room) = plan.frame.get_mut(plan.marks_at..plan.marks_at + MARKS) {
            room.copy_from_slice(marks);
        }
    }
}

impl Port for Probe {
    fn poll(&mut self, round: &mut Round<'_>) -> Result<usize, Failure> {
        let taken = self.receive()?;
        if let Some(other) = &mut self.other {
            other.drain(self.time, |_| Ok(()))?;
        }
        let sent = if self.stopped {
            0
        } else {
            self.send(round.now_ns)
        };
        self.stats.taken.add(taken as u64);
        self.stats.sent.add(sent as u64);
        Ok(taken + sent)
    }

    fn is_drained(&self) -> bool {
        self.stopped
    }

    fn request_stop(&mut self) {
        self.stopped = true;
    }

    fn stats(&self) -> &Arc<PortStats> {
        &self.stats
    }
}
