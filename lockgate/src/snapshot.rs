//! What a session has done so far, as a plain tree.
//!
//! The report, the summary, the progress line and whatever else shows figures are all made
//! from a [`Snapshot`], so that no two of them can disagree. One that is taken under traffic
//! is sound in itself: no frame is settled in it that has not arrived in it, and no count
//! ever falls from one snapshot to the next.
//!
//! Not here: who counts (`lockgate_dataplane::stats`, [`crate::endpoints`]) and how the
//! counts come together ([`crate::supervisor`]).

use lockgate_lane::Closed;
use lockgate_vmdq::Reason;

use crate::endpoints::Measured;

/// One look at a session.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Nanoseconds since frames could arrive; 0 before that.
    pub elapsed_ns: u64,
    /// Which plan is in force: 1 for the one that the session began with, one more for each
    /// that took its place.
    pub epoch: u64,
    /// How far the session is.
    pub phase: Phase,
    /// The wire's side.
    pub wire: Wire,
    /// Every partition's side, in the policy's order.
    pub partitions: Vec<Partition>,
    /// The card's own statistics.
    pub card: Card,
    /// The workers, in the plan's order.
    pub workers: Vec<Worker>,
    /// What frames that measure say, if there are such.
    pub measured: Option<Measured>,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// The card starts and its link comes up; nothing is received.
    #[default]
    Starting,
    /// Workers run.
    Running,
    /// Sources are silent, and what is on its way is delivered.
    Draining,
    /// Workers have ended and the card is stopped; the figures stay as they are.
    Ended,
}

/// Frames and their bytes, padding to 60 bytes included, check sequence not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Number of frames.
    pub frames: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// Dropped frames, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drops([u64; Reason::COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; Reason::COUNT])
    }
}

impl Drops {
    /// Adds `frames` dropped for `reason`.
    pub fn add(&mut self, reason: Reason, frames: u64) {
        self.0[reason as usize] += frames;
    }

    /// Frames dropped for `reason`.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// Frames dropped for whatever reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What crossed the wire.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// What arrived: at the model's cable if the card is a model, else at the workers and,
    /// for what it lost, at the card.
    pub rx: Traffic,
    /// What left.
    pub tx: Traffic,
    /// Frames that went to at least one partition, or would have but for a full ring.
    pub delivered: u64,
    /// Deliveries beyond the first of a frame.
    pub copies: u64,
    /// Copies that the card made for a pool whose partition does not take them.
    pub surplus: u64,
    /// Descriptors that no sound card writes.
    pub bad_descriptors: u64,
    /// Frames sent that a capture of the wire missed for want of room.
    pub uncaptured: u64,
    /// Frames that nobody was given.
    pub drops: Drops,
    /// What the cable alone knows, if the card is a model.
    pub cable: Option<Cable>,
}

/// What only the cable of a model can tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cable {
    /// Frames that arrived at the card, settled or not.
    pub rx_frames: u64,
    /// Frames that the card filtered although the policy gives them to somebody: an error
    /// of ours.
    pub filtered_in_error: u64,
    /// Frames that arrived while every queue they were for was full.
    pub missed: u64,
}

/// What one partition received and sent.
#[derive(Debug, Clone, Default)]
pub struct Partition {
    /// What was delivered to it.
    pub rx: Traffic,
    /// What it sent and was let go.
    pub tx: Traffic,
    /// What it sent and was refused, and under `ring-full` what it could not take.
    pub drops: Drops,
    /// Frames delivered through each receive queue.
    pub queues: Vec<u64>,
    /// Its lane.
    pub lane: Lane,
    /// What its endpoint counted, if that is one of ours.
    pub port: Option<Port>,
}

impl Partition {
    /// Frames that it sent and that have met their fate.
    pub fn settled(&self) -> u64 {
        self.tx.frames + self.drops.total() - self.drops.get(Reason::RingFull)
    }
}

/// A lane.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lane {
    /// How many lanes the partition had before this one, and one: a lane that was shut is
    /// never opened again, its successor is another.
    pub generation: u64,
    /// Why it was shut, if it was.
    pub shut: Option<Closed>,
}

/// What an endpoint of ours counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Port {
    /// Frames that it took out of its lane.
    pub taken: u64,
    /// Frames that it put into its lane.
    pub sent: u64,
    /// From a frame's arrival in the core to its delivery.
    pub latency: Latency,
}

/// Latency percentiles in nanoseconds; all zero without a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[expect(missing_docs, reason = "a percentile's name is its description")]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// The card's own statistics.
#[derive(Debug, Clone, Default)]
pub struct Card {
    /// Whether it has a link.
    pub link_up: bool,
    /// Frames lost in front of its packet buffer: nobody knows whose they were.
    pub missed: u64,
    /// Frames lost for want of descriptors, by pool.
    pub missed_by_pool: Vec<u64>,
}

/// One worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Worker {
    /// The core it is pinned to.
    pub core: u16,
    /// Rounds over everything that it serves.
    pub passes: u64,
    /// What it took from the card.
    pub rx: Traffic,
    /// What it handed to the card.
    pub tx: Traffic,
}
