//! Frames that measure: numbered, stamped, sent by one partition and taken by another, or
//! by the same once they come back.
//!
//! No more than a window of them is on its way, so that nothing is lost to a full ring
//! and a loss means something. A frame is lost when a later one arrives or when nothing
//! has arrived for a while.
//!
//! Not here: which frame the policy lets pass ([`crate::commands::bench`]), what is made of
//! the figures ([`crate::report::chart`]).

use hdrhistogram::Histogram;
use lockgate_lane::{Meta, PartitionEnds, RxConsumer, TxProducer};

use super::pcap::latency_histogram;
use super::{BURST, Port, Time};
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
    rings: Vec<RxConsumer>,
    /// What else arrives at the sender is taken and dropped.
    other: Vec<RxConsumer>,
    /// Where a frame is copied to.
    buffer: Vec<u8>,
    time: Time,
    begun_ns: Option<u64>,
    /// Number of the next frame to send, and of the next to arrive.
    next: u64,
    awaited: u64,
    heard_ns: u64,
    quiet: bool,
    measured: Measured,
}

impl Probe {
    /// A probe over the lanes of the sender and, if that is another, of the receiver.
    pub fn new(
        plan: ProbePlan,
        sender: PartitionEnds,
        receiver: Option<PartitionEnds>,
        time: Time,
    ) -> Self {
        let (rings, other) = match receiver {
            Some(receiver) => (receiver.rx, sender.rx),
            None => (sender.rx, Vec::new()),
        };
        let measured = Measured {
            received: 0,
            lost: 0,
            latency: latency_histogram(),
            steps: vec![0; STEPS],
            duration_ns: plan.duration_ns,
        };
        Self {
            plan,
            buffer: vec![0; sender.tx.frame_bytes()],
            tx: sender.tx,
            rings,
            other,
            time,
            begun_ns: None,
            next: 0,
            awaited: 0,
            heard_ns: 0,
            quiet: false,
            measured,
        }
    }

    /// The figures.
    pub fn into_measured(self) -> Measured {
        self.measured
    }

    /// How far into the counted time `now_ns` is; `None` outside.
    fn counted(&self, now_ns: u64) -> Option<u64> {
        let begun = self.begun_ns?.saturating_add(self.plan.warm_up_ns);
        now_ns
            .checked_sub(begun)
            .filter(|into| *into < self.plan.duration_ns)
    }

    fn take(&mut self) -> usize {
        let mut taken = 0;
        let mut rings = std::mem::take(&mut self.rings);
        for ring in &mut rings {
            if ring.waiting() == 0 {
                continue;
            }
            // Read after the frames were seen, or some would arrive before they left.
            let now_ns = self.time.now_ns();
            for _ in 0..BURST {
                let Some(waiting) = ring.peek() else {
                    break;
                };
                let frame = waiting.read(&mut self.buffer);
                let marks = frame.and_then(|frame| read_marks(&self.plan, frame));
                if let Some((number, stamp)) = marks {
                    self.arrived(number, stamp, now_ns);
                }
                ring.advance(1);
                taken += 1;
            }
            ring.release();
        }
        self.rings = rings;
        taken
    }

    fn arrived(&mut self, number: u64, stamp_ns: u64, now_ns: u64) {
        // One that was given up already, or that nobody has sent.
        if number < self.awaited || number >= self.next {
            return;
        }
        self.lose(number - self.awaited, now_ns);
        self.awaited = number + 1;
        self.heard_ns = now_ns;
        if let Some(into) = self.counted(now_ns) {
            self.measured.received += 1;
            self.measured
                .latency
                .saturating_record(now_ns.saturating_sub(stamp_ns));
            let step = into as u128 * STEPS as u128 / u128::from(self.plan.duration_ns.max(1));
            if let Some(count) = self.measured.steps.get_mut(step as usize) {
                *count += 1;
            }
        }
    }

    fn lose(&mut self, frames: u64, now_ns: u64) {
        if self.counted(now_ns).is_some() {
            self.measured.lost += frames;
        }
    }

    fn send(&mut self, now_ns: u64) -> usize {
        let begun = *self.begun_ns.get_or_insert(now_ns);
        if self.next > self.awaited && now_ns.saturating_sub(self.heard_ns.max(begun)) > PATIENCE_NS
        {
            self.lose(self.next - self.awaited, now_ns);
            (self.awaited, self.heard_ns) = (self.next, now_ns);
        }
        let mut sent = 0;
        let stamp_ns = self.time.now_ns();
        while sent < BURST && self.next - self.awaited < self.plan.window {
            let marks = [self.next.to_be_bytes(), stamp_ns.to_be_bytes()];
            if let Some(room) = self.plan.frame.get_mut(self.plan.marks_at..) {
                room.iter_mut()
                    .zip(marks.as_flattened())
                    .for_each(|(to, from)| *to = *from);
            }
            if self.tx.push(&self.plan.frame, Meta::default()).is_err() {
                break;
            }
            if self.next == self.awaited {
                self.heard_ns = now_ns;
            }
            self.next += 1;
            sent += 1;
        }
        self.tx.publish();
        sent
    }
}

/// Number and stamp of a frame of `plan`.
fn read_marks(plan: &ProbePlan, frame: &[u8]) -> Option<(u64, u64)> {
    let marks = frame.get(plan.marks_at..)?.first_chunk::<MARKS>()?;
    let (number, stamp) = marks.split_at(8);
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
    frame
        .starts_with(&plan.answer)
        .then_some((word(number)?, word(stamp)?))
}

impl Port for Probe {
    fn poll(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let mut moved = self.take();
        for ring in &mut self.other {
            let waiting = ring.waiting();
            ring.advance(waiting);
            ring.release();
        }
        if !self.quiet {
            moved += self.send(now_ns);
        }
        Ok(moved)
    }

    fn is_drained(&self) -> bool {
        self.quiet
    }

    fn request_stop(&mut self) {
        self.quiet = true;
    }
}
