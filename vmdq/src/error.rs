//! Why a plan is refused.
//!
//! One variant per refusal. Each says what is wrong and names both sides; what to do about it
//! is [`PlanErrorKind::help`]. An error knows its places in the [`PlanSpec`](crate::PlanSpec),
//! so that whoever made that from a text can point into the text.
//!
//! Not here: places in a text, and printing (`lockgate-policy`, `lockgate`).

use crate::prelude::*;
use crate::{BitRate, Mac, Segment};

/// A place in a [`PlanSpec`](crate::PlanSpec). Numbers are positions in its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecPlace {
    /// The whole of it.
    Whole,
    /// Its `mtu`.
    Mtu,
    /// The list of workers.
    Workers,
    /// One worker's core.
    Worker(usize),
    /// One level's name.
    Level(usize),
    /// Something of a partition.
    Partition {
        /// Which partition.
        partition: usize,
        /// What of it.
        part: PartitionPart,
    },
    /// Something of a flow.
    Flow {
        /// Which flow.
        flow: usize,
        /// What of it.
        part: FlowPart,
    },
    /// What the wire leads to.
    Wire,
}

/// A field of a [`PartitionSpec`](crate::PartitionSpec), or an item of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the fields")]
pub enum PartitionPart {
    Id,
    Pool,
    Name,
    Level,
    Cores,
    Core(usize),
    Queues,
    Mac(usize),
    Segments,
    Segment(usize),
    Multicast(usize),
    Weight,
    Rate,
    Attachment,
}

/// A field of a [`FlowSpec`](crate::FlowSpec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the fields")]
pub enum FlowPart {
    From,
    To,
    Downgrade,
}

/// A refused plan: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PlanError {
    /// What is wrong; boxed, since every check returns it.
    pub kind: Box<PlanErrorKind>,
    /// The offending item.
    pub at: SpecPlace,
    /// The other side, where there is one.
    pub also: Option<SpecPlace>,
}

impl PlanError {
    /// The same, with the place of the other side.
    pub(crate) fn and(self, other: SpecPlace) -> Self {
        Self {
            also: Some(other),
            ..self
        }
    }
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PlanErrorKind {
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("{what} is listed twice")]
    Repeated { what: String },
    #[error("{what} is {value}, not a number from {low} to {high}")]
    OutOfRange {
        what: &'static str,
        value: u64,
        low: u64,
        high: u64,
    },
    #[error("the policy has no partition")]
    NoPartition,
    #[error("{name:?} is no name for a partition")]
    BadName { name: String },
    #[error("{mac} is no {kind} address")]
    BadAddress { mac: Mac, kind: &'static str },
    #[error("partitions `{first}` and `{second}` both own {mac} on {segment}")]
    DuplicateMac {
        first: String,
        second: String,
        mac: Mac,
        segment: Segment,
    },
    #[error("partition `{name}` has level {level}, and there are {levels}")]
    NoSuchLevel {
        name: String,
        level: u16,
        levels: usize,
    },
    #[error("{from} and {to} are on {segment} with no flow from {from} to {to}")]
    LevelsMeet {
        from: String,
        to: String,
        segment: Segment,
    },
    #[error("frames could pass from {from} down to {to}, {path}")]
    FlowDownhill {
        from: String,
        to: String,
        path: String,
    },
    #[error("a flow names partition {number}, which is not in the plan")]
    FlowOfNobody { number: usize },
    #[error("partition `{name}` is number {number}, and the {card} holds {limit}")]
    TooManyPartitions {
        name: String,
        number: usize,
        card: &'static str,
        limit: usize,
    },
    #[error("partitions `{first}` and `{second}` both have {what}")]
    SharedNumber {
        first: String,
        second: String,
        what: String,
    },
    #[error("partition `{name}` has {pool}, and the {card} is cut into {pools} pools")]
    NoSuchPool {
        name: String,
        pool: String,
        card: &'static str,
        pools: u8,
    },
    #[error(
        "partition `{name}` has {queues} queues; a {card} cut for {partitions} partitions has \
         {limit} each"
    )]
    TooManyQueues {
        name: String,
        queues: u8,
        card: &'static str,
        partitions: usize,
        limit: u8,
    },
    #[error("there are {workers} workers, and the {card} has {queues} queues to serve")]
    TooManyWorkers {
        workers: usize,
        card: &'static str,
        queues: u8,
    },
    #[error(
        "{mac} of partition `{name}` is one too many for the {limit} MAC filters of the {card}"
    )]
    TooManyMacs {
        name: String,
        mac: Mac,
        card: &'static str,
        limit: u16,
    },
    #[error(
        "{segment} of partition `{name}` is one too many for the {limit} VLAN filters of the \
         {card}"
    )]
    TooManyVlans {
        name: String,
        segment: Segment,
        card: &'static str,
        limit: u16,
    },
    #[error("partitions `{first}` and `{second}` differ in {what}, and the {card} has one for all")]
    SharedRss {
        first: String,
        second: String,
        what: &'static str,
        card: &'static str,
    },
    #[error("partition `{name}` may send {rate}, and the {card} limits to no less than {limit}")]
    RateTooSlow {
        name: String,
        rate: BitRate,
        card: &'static str,
        limit: BitRate,
    },
    #[error("partition `{name}` may send {rate}, and the link of the {card} carries {limit}")]
    RateTooFast {
        name: String,
        rate: BitRate,
        card: &'static str,
        limit: BitRate,
    },
    #[error("`mtu` is {mtu}, and the {card} takes no more than {limit}")]
    MtuTooLarge {
        mtu: u16,
        card: &'static str,
        limit: u16,
    },
    #[error("{user} is to run on core {core}, and this machine has {cores:?}")]
    NoSuchCore {
        user: String,
        core: u16,
        cores: Vec<u16>,
    },
    #[error("partition `{name}` attaches by {what}")]
    BadAttachment { name: String, what: String },
}

impl PlanErrorKind {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "name at least one, or remove the key",
            Self::Repeated { .. } => "change or remove one of the two",
            Self::OutOfRange { .. } => "choose a number in that range",
            Self::NoPartition => "add a [[partition]] with a `name`",
            Self::BadName { .. } => "use letters, digits, `_`, `-`; not `wire`",
            Self::BadAddress { .. } => "correct the address, or move it to the other list",
            Self::DuplicateMac { .. } => "change one address or VLAN",
            Self::NoSuchLevel { .. } => "list the level in `levels.order`",
            Self::LevelsMeet { .. } => "part them, or declare it",
            Self::FlowDownhill { .. } => "cut a step, or `downgrade` its flow",
            Self::FlowOfNobody { .. } => "name a partition that there is",
            Self::TooManyPartitions { .. }
            | Self::TooManyMacs { .. }
            | Self::TooManyVlans { .. } => "remove some",
            Self::SharedNumber { .. } => "give each a number of its own",
            Self::NoSuchPool { .. } => "give it a pool of the card's",
            Self::TooManyQueues { .. } => "lower it",
            Self::TooManyWorkers { .. } => "name fewer cores",
            Self::SharedRss { .. } => "make it alike",
            Self::RateTooSlow { .. } => "raise the rate",
            Self::RateTooFast { .. } => "lower the rate",
            Self::MtuTooLarge { .. } => "lower `mtu`",
            Self::NoSuchCore { .. } => "name one of those",
            Self::BadAttachment { .. } => "correct its `attach`",
        }
    }

    /// The refusal of what is at `at`.
    pub(crate) fn at(self, at: SpecPlace) -> PlanError {
        PlanError {
            kind: Box::new(self),
            at,
            also: None,
        }
    }

    /// The refusal of something of the partition at position `partition`.
    pub(crate) fn of(self, partition: usize, part: PartitionPart) -> PlanError {
        self.at(SpecPlace::Partition { partition, part })
    }
}
