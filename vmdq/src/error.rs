//! Why a policy is refused.
//!
//! One variant per refusal. Each message names both sides; the error points at the
//! offending item and, where there is one, at the other side. Not here: printing,
//! which adds the file's name.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::frame::Segment;
use crate::mac::Mac;
use crate::policy::Place;
use crate::rate::BitRate;

/// A refused policy: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// What is wrong; boxed, since every check returns it.
    pub kind: Box<PolicyErrorKind>,
    /// Line of the offending item, from 1.
    pub line: u32,
    /// Its column in characters, from 1.
    pub column: u32,
    /// Where the other side stands.
    pub also: Option<Place>,
}

impl PolicyError {
    /// What to do about it: one sentence, lower case, no full stop.
    pub fn help(&self) -> &'static str {
        self.kind.help()
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PolicyErrorKind {
    #[error("the policy is longer than {0} bytes")]
    TooLong(usize),
    #[error("{0}")]
    Toml(String),
    #[error("{0}")]
    UnknownKey(String),
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{0} is listed twice")]
    Repeated(String),
    #[error("the policy has no partition")]
    NoPartition,
    #[error("{0:?} is no name for a partition")]
    BadName(String),
    #[error("{0} is no {1} address")]
    BadAddress(Mac, &'static str),
    #[error("partitions `{0}` and `{1}` both own {2} on {3}")]
    DuplicateMac(String, String, Mac, Segment),
    #[error("partition `{0}` has level `{1}`, which `levels.order` does not list")]
    UnknownLevel(String, String),
    #[error("{0} and {1} are both on {2}, and no flow from {0} to {1} is declared")]
    LevelsMeet(String, String, Segment),
    #[error("frames could pass from {0} down to {1}: {2}")]
    FlowDownhill(String, String, String),
    #[error("a flow names `{0}`, and no partition has that name")]
    UnknownPartition(String),
    #[error("partition `{0}` is number {1}, and the {2} holds {3}")]
    TooManyPartitions(String, usize, &'static str, usize),
    #[error("partition `{0}` has {1} queues, and the {2} cut for {3} partitions has {4} each")]
    TooManyQueues(String, u8, &'static str, usize, u8),
    #[error("{1} of partition `{0}` is one too many: the {2} has {3} MAC filters")]
    TooManyMacs(String, Mac, &'static str, u16),
    #[error("{1} of partition `{0}` is one too many: the {2} has {3} VLAN filters")]
    TooManyVlans(String, Segment, &'static str, u16),
    #[error("partitions `{0}` and `{1}` spread by different {2}, and the {3} has one for all")]
    SharedRss(String, String, &'static str, &'static str),
    #[error("partition `{0}` may send {1}, and the {2} limits to no less than {3}")]
    RateTooSlow(String, BitRate, &'static str, BitRate),
    #[error("partition `{0}` may send {1}, and the link of the {2} carries {3}")]
    RateTooFast(String, BitRate, &'static str, BitRate),
    #[error("`mtu` is {0}, and the {1} takes no more than {2}")]
    MtuTooLarge(u16, &'static str, u16),
    #[error("{0} is to run on core {1}, and the cores of this machine are {2:?}")]
    NoSuchCore(String, u16, Vec<u16>),
}

impl PolicyErrorKind {
    fn help(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "name the policy file itself, or split the policy",
            Self::Toml(_) => "correct the text at this place",
            Self::UnknownKey(_) => "correct the spelling, or remove the key",
            Self::Empty(_) => "name at least one, or remove the key",
            Self::Repeated(_) => "change or remove one of the two",
            Self::NoPartition => "add a [[partition]] with a `name`",
            Self::BadName(_) => {
                "use up to 64 letters, digits, `_`, `-`, `.`; not `wire`, no dot first"
            }
            Self::BadAddress(..) => "correct the address, or move it to the other list",
            Self::DuplicateMac(..) => "change one address, or put the two on different VLANs",
            Self::UnknownLevel(..) => {
                "list the level in `order` under [levels], or correct it here"
            }
            Self::LevelsMeet(..) => {
                "use different VLANs, close `wire` for one, or declare the flow"
            }
            Self::FlowDownhill(..) => "remove a step, or give its flow a `downgrade = \"reason\"`",
            Self::UnknownPartition(_) => "correct the name, or add the partition",
            Self::TooManyPartitions(..) => "remove partitions, or use a card with more pools",
            Self::TooManyQueues(..) => "lower `queues`, or use a card with more queues per pool",
            Self::TooManyMacs(..) | Self::TooManyVlans(..) => {
                "remove some, or use a card with more filters"
            }
            Self::SharedRss(..) => "make the two alike, or set `queues = 1` for one of them",
            Self::RateTooSlow(..) => "raise the rate",
            Self::RateTooFast(..) => "lower the rate, or remove it for no limit",
            Self::MtuTooLarge(..) => "lower `mtu`",
            Self::NoSuchCore(..) => "name a core that the machine has",
        }
    }

    /// The refusal of the item at byte offset `at`.
    pub(crate) fn at(self, at: usize) -> Refusal {
        Refusal { kind: Box::new(self), at, also: None }
    }
}

/// A [`PolicyError`] before its offsets become lines and columns.
#[derive(Debug)]
pub(crate) struct Refusal {
    kind: Box<PolicyErrorKind>,
    at: usize,
    also: Option<usize>,
}

impl Refusal {
    /// The same, with the offset of the other side.
    pub(crate) fn and(self, other: usize) -> Self {
        Self { also: Some(other), ..self }
    }

    /// The error, with the places that the offsets have in `text`.
    pub(crate) fn in_text(self, text: &str) -> PolicyError {
        let Place { line, column } = Place::of(text, self.at);
        let also = self.also.map(|at| Place::of(text, at));
        PolicyError { kind: self.kind, line, column, also }
    }
}

/// What a check returns.
pub(crate) type Checked<T = ()> = Result<T, Refusal>;
