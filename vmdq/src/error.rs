//! Why a policy is refused.
//!
//! One variant per refusal. Each message names both sides; the error points at the
//! offending item and, where there is one, at the other side. Not here: printing,
//! which adds the file's name.

use alloc::boxed::Box;
use alloc::string::String;

use crate::frame::Segment;
use crate::mac::Mac;
use crate::policy::Place;
use crate::rate::BitRate;

/// A refused policy: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// What is wrong; boxed, since every reading function returns it.
    pub kind: Box<PolicyErrorKind>,
    /// Line of the offending item, from 1.
    pub line: u32,
    /// Its column in characters, from 1.
    pub column: u32,
    /// Where the other side stands.
    pub also: Option<Place>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PolicyErrorKind {
    #[error("this is not TOML: {0}")]
    Syntax(String),
    #[error("the policy is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("{table} has no key `{key}`; its keys are {known}")]
    UnknownKey {
        table: &'static str,
        key: String,
        known: String,
    },
    #[error("{table} lacks the key `{key}`")]
    MissingKey {
        table: &'static str,
        key: &'static str,
    },
    #[error("`{key}` is {expected}, not {found}")]
    BadValue {
        key: &'static str,
        expected: String,
        found: String,
    },
    #[error("`{key}` lists {value} twice")]
    Repeated { key: &'static str, value: String },
    #[error("the policy has no partition")]
    NoPartition,
    #[error("two partitions are named `{name}`")]
    DuplicatePartition { name: String },
    #[error("partitions `{first}` and `{second}` both attach to {target}")]
    SharedAttachment {
        first: String,
        second: String,
        target: String,
    },
    #[error("partitions `{first}` and `{second}` both own {mac} on {segment}")]
    DuplicateMac {
        first: String,
        second: String,
        mac: Mac,
        segment: Segment,
    },
    #[error("partition `{partition}` has level `{level}`, which `levels.order` does not list")]
    UnknownLevel { partition: String, level: String },
    #[error(
        "partitions `{from}` ({from_level}) and `{to}` ({to_level}) are both on {segment}, \
         and no flow from `{from}` to `{to}` is declared"
    )]
    LevelsMeet {
        from: String,
        from_level: String,
        to: String,
        to_level: String,
        segment: Segment,
    },
    #[error("frames could pass from `{from}` ({from_level}) down to `{to}` ({to_level}): {path}")]
    FlowDownhill {
        from: String,
        from_level: String,
        to: String,
        to_level: String,
        path: String,
    },
    #[error("a flow names `{name}`, and no partition has that name")]
    UnknownPartition { name: String },
    #[error("the flow from `{from}` to `{to}` is declared twice")]
    DuplicateFlow { from: String, to: String },
    #[error("partition `{partition}` is number {number}, and {card} holds {limit}")]
    TooManyPartitions {
        partition: String,
        number: usize,
        card: &'static str,
        limit: usize,
    },
    #[error(
        "partition `{partition}` wants {queues} receive queues, and {card} has {limit} \
         per pool with {partitions} partitions"
    )]
    TooManyQueues {
        partition: String,
        queues: u8,
        card: &'static str,
        limit: u8,
        partitions: usize,
    },
    #[error("{mac} of partition `{partition}` is one too many: {card} has {limit} MAC filters")]
    TooManyMacs {
        partition: String,
        mac: Mac,
        card: &'static str,
        limit: u16,
    },
    #[error(
        "{segment} of partition `{partition}` is one too many: {card} has {limit} VLAN filters"
    )]
    TooManyVlans {
        partition: String,
        segment: Segment,
        card: &'static str,
        limit: u16,
    },
    #[error(
        "partitions `{first}` and `{second}` differ in {what}, and {card} has one for all pools"
    )]
    SharedRss {
        first: String,
        second: String,
        what: &'static str,
        card: &'static str,
    },
    #[error("partition `{partition}` may send {rate}, and {card} limits to no less than {limit}")]
    RateTooSlow {
        partition: String,
        rate: BitRate,
        card: &'static str,
        limit: BitRate,
    },
    #[error("partition `{partition}` may send {rate}, and the link of {card} carries {limit}")]
    RateTooFast {
        partition: String,
        rate: BitRate,
        card: &'static str,
        limit: BitRate,
    },
    #[error("`mtu` is {mtu}, and {card} takes no more than {limit}")]
    MtuTooLarge {
        mtu: u16,
        card: &'static str,
        limit: u16,
    },
    #[error("{user} wants core {core}, and this machine lets Lockgate use {usable}")]
    NoSuchCore {
        user: String,
        core: u16,
        usable: String,
    },
}

impl PolicyErrorKind {
    /// The error of this kind about the item at `place`.
    pub(crate) fn at(self, place: Place) -> PolicyError {
        let Place { line, column } = place;
        PolicyError {
            kind: Box::new(self),
            line,
            column,
            also: None,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "correct the text at this place",
            Self::TooLong { .. } => "name the policy file itself, or split the policy",
            Self::UnknownKey { .. } => "correct the spelling or remove the key",
            Self::MissingKey { .. } => "add the key",
            Self::BadValue { .. } => "change the value",
            Self::Repeated { .. } => "remove one of the two",
            Self::NoPartition => "add a [[partition]] with a `name`",
            Self::DuplicatePartition { .. } => "rename one of them",
            Self::SharedAttachment { .. } => "give each partition a socket or interface of its own",
            Self::DuplicateMac { .. } => "change one address, or put the two on different VLANs",
            Self::UnknownLevel { .. } => "add the level to `order` in [levels], or correct it here",
            Self::LevelsMeet { .. } => {
                "put the two on different VLANs, close `wire` for one of them, or declare the flow"
            }
            Self::FlowDownhill { .. } => {
                "remove a step of the path, or declare a flow for it with `downgrade = \"reason\"`"
            }
            Self::UnknownPartition { .. } => "correct the name, or add the partition",
            Self::DuplicateFlow { .. } => "remove one of the two",
            Self::TooManyPartitions { .. } => "remove partitions, or use a card with more pools",
            Self::TooManyQueues { .. } => "lower `queues`, or use a card with more queues per pool",
            Self::TooManyMacs { .. } => "remove addresses, or use a card with more filters",
            Self::TooManyVlans { .. } => "remove VLANs, or use a card with more filters",
            Self::SharedRss { .. } => "make the two alike, or set `queues = 1` for one of them",
            Self::RateTooSlow { .. } => "raise the rate",
            Self::RateTooFast { .. } => "lower the rate, or remove it for no limit",
            Self::MtuTooLarge { .. } => "lower `mtu`",
            Self::NoSuchCore { .. } => "name a core that can be used",
        }
    }
}

impl PolicyError {
    /// The same error, with the place of the other side.
    pub(crate) fn and(self, other: Place) -> Self {
        Self {
            also: Some(other),
            ..self
        }
    }

    /// What to do about it: one sentence, lower case, no full stop.
    pub fn help(&self) -> &'static str {
        self.kind.help()
    }
}
