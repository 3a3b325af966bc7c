//! What a plan says, as plain data: the one input of [`Plan::new`](crate::Plan::new).
//!
//! The rule: here is everything that a plan is made from and nothing that can be derived, so
//! that a plan is lawful if and only if its specification passes the checks, wherever that came
//! from: a policy's text or a plan's bytes. Anybody may fill one in; nobody has to be believed.
//!
//! Not here: whether it is lawful (`check`), and what follows from it (`plan`, `hardware`).

use lockgate_rss::{HashKinds, Key};

use crate::prelude::*;
use crate::{Attachment, BitRate, Mac, PartitionId, PoolId, Segment};

/// A policy on one card, with every default filled in and every name resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSpec {
    /// SHA-256 of the policy's text, byte for byte; zeroes if there is no text.
    pub policy_hash: [u8; 32],
    /// The device as the policy or the command line names it: `"model:82576"`,
    /// `"0000:03:00.0"`. Who opens it reads it; here it is only carried.
    pub device: String,
    /// Largest payload of a frame, in bytes.
    pub mtu: u16,
    /// How the workers wait for frames.
    pub poll: Poll,
    /// Core of each worker, at least one; on a card without pools no more than it has
    /// receive queues.
    pub workers: Vec<u16>,
    /// Names of the levels, lowest first.
    pub levels: Vec<String>,
    /// The partitions, in the policy's order.
    pub partitions: Vec<PartitionSpec>,
    /// The flows, in the policy's order.
    pub flows: Vec<FlowSpec>,
    /// What a model's cable leads to.
    pub wire: WireSource,
}

/// One partition of a [`PlanSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSpec {
    /// Its number, which it keeps as long as it keeps its name.
    pub id: PartitionId,
    /// Its pool; `None` exactly on cards without pools.
    pub pool: Option<PoolId>,
    /// Its name: 1 to 64 letters, digits, `_`, `-`, `.`, not `wire`.
    pub name: String,
    /// Its level, an index into [`PlanSpec::levels`].
    pub level: Option<u16>,
    /// Cores of its endpoint, at least one.
    pub cores: Vec<u16>,
    /// Receive queues, 1 to 16.
    pub queues: u8,
    /// Its own addresses.
    pub macs: Vec<Mac>,
    /// Its segments, at least one.
    pub segments: Vec<Segment>,
    /// Which ways of the wire it has.
    pub wire: Wire,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Which multicast it takes.
    pub multicast: Multicast,
    /// How its frames spread over its queues.
    pub rss: Rss,
    /// Weight in the deficit round robin, 1 to 1000.
    pub weight: u16,
    /// The most it may send, over all its frames; `None`: as much as the link carries.
    pub rate: Option<BitRate>,
    /// What its lane is joined to.
    pub attachment: Attachment,
}

/// Frames that may pass from one partition to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSpec {
    /// The sender.
    pub from: PartitionId,
    /// The receiver.
    pub to: PartitionId,
    /// Why it may go to a lower level; `None`: it must not.
    pub downgrade: Option<String>,
}

/// How workers wait for frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Poll {
    /// They look again at once.
    #[default]
    Spin,
    /// They sleep on interrupts after a while without frames.
    Adaptive,
}

/// What a model's cable leads to. Paths are as the policy has them, relative to the file that
/// the plan was read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WireSource {
    /// Nothing arrives.
    #[default]
    Nothing,
    /// The frames of this capture arrive.
    Replay(String),
    /// A TAP interface of this name.
    Tap(String),
    /// A Linux interface of this name, by packet socket.
    Interface(String),
}

/// Which ways of the wire a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// Neither; only other partitions.
    None,
    /// It receives from the wire.
    In,
    /// It sends to the wire.
    Out,
    /// Both ways.
    #[default]
    Both,
}

impl Wire {
    /// Whether frames from the wire may reach the partition.
    pub const fn receives(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether frames of the partition may reach the wire.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// Which multicast addresses a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Multicast {
    /// These, perhaps none.
    List(Vec<Mac>),
    /// Every one.
    All,
}

impl Multicast {
    /// Those that are listed; none if all are taken.
    pub fn listed(&self) -> &[Mac] {
        match self {
            Self::List(macs) => macs,
            Self::All => &[],
        }
    }

    /// Whether it takes any.
    pub fn takes_some(&self) -> bool {
        *self == Self::All || !self.listed().is_empty()
    }
}

impl Default for Multicast {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// How a partition's frames spread over its receive queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rss {
    /// Key of the hash.
    pub key: Key,
    /// Kinds of packet that are hashed.
    pub hash: HashKinds,
}

impl Default for Rss {
    fn default() -> Self {
        Self {
            key: Key::MICROSOFT,
            hash: HashKinds::ALL,
        }
    }
}

impl PartitionSpec {
    /// Whether RSS has to spread over its queues.
    pub(crate) fn spreads(&self) -> bool {
        self.queues > 1 && self.wire.receives()
    }
}
