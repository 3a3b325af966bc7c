//! Why a policy is refused.
//!
//! One variant per refusal. Each message names both sides, then says what to do
//! behind a colon; the error points at the offending item and, where there is one,
//! at the other side. Not here: printing, which has the policy's text and name.

use crate::prelude::*;
use crate::{BitRate, Mac, Segment};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` of `text`.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let last = before.rsplit('\n').next().unwrap_or("");
        Self {
            line: before.split('\n').count(),
            column: last.chars().count() + 1,
        }
    }
}

/// A refused policy: what is wrong, what to do, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// What is wrong; boxed, since every check returns it.
    pub kind: Box<PolicyErrorKind>,
    /// Byte offset of the offending item; [`Place::of`] makes it a line and a column.
    pub at: usize,
    /// Offset of the other side.
    pub also: Option<usize>,
}

impl PolicyError {
    /// The same, with the offset of the other side.
    pub(crate) fn and(self, other: usize) -> Self {
        Self {
            also: Some(other),
            ..self
        }
    }
}

/// What a check returns.
pub(crate) type Checked<T = ()> = Result<T, PolicyError>;

/// What is wrong with a policy; each message ends in `: ` and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PolicyErrorKind {
    #[error("{0}: correct the text at this place")]
    Toml(String),
    #[error("{0} is empty: name at least one, or remove the key")]
    Empty(&'static str),
    #[error("{0} is listed twice: change or remove one of the two")]
    Repeated(String),
    #[error("the policy has no partition: add a [[partition]] with a `name`")]
    NoPartition,
    #[error("{0:?} is no name for a partition: use letters, digits, `_`, `-`; not `wire`")]
    BadName(String),
    #[error("{0} is no {1} address: correct the address, or move it to the other list")]
    BadAddress(Mac, &'static str),
    #[error("partitions `{0}` and `{1}` both own {2} on {3}: change one address or VLAN")]
    DuplicateMac(String, String, Mac, Segment),
    #[error("partition `{0}` has level `{1}`, which `levels.order` does not list: list it there")]
    UnknownLevel(String, String),
    #[error("{0} and {1} are on {2} with no flow from {0} to {1}: part them, or declare it")]
    LevelsMeet(String, String, Segment),
    #[error("frames could pass from {0} down to {1}, {2}: cut a step, or `downgrade` its flow")]
    FlowDownhill(String, String, String),
    #[error("a flow names `{0}`, and no partition has that name: correct it, or add one")]
    UnknownPartition(String),
    #[error("partition `{0}` is number {1}, and the {2} holds {3}: remove some")]
    TooManyPartitions(String, usize, &'static str, usize),
    #[error("partition `{0}` has {1} queues; a {2} cut for {3} partitions has {4} each: lower it")]
    TooManyQueues(String, u8, &'static str, usize, u8),
    #[error(
        "{1} of partition `{0}` is one too many for the {3} MAC filters of the {2}: remove some"
    )]
    TooManyMacs(String, Mac, &'static str, u16),
    #[error(
        "{1} of partition `{0}` is one too many for the {3} VLAN filters of the {2}: remove some"
    )]
    TooManyVlans(String, Segment, &'static str, u16),
    #[error("partitions `{0}` and `{1}` differ in {2}, and the {3} has one for all: make it alike")]
    SharedRss(String, String, &'static str, &'static str),
    #[error("partition `{0}` may send {1}, and the {2} limits to no less than {3}: raise the rate")]
    RateTooSlow(String, BitRate, &'static str, BitRate),
    #[error("partition `{0}` may send {1}, and the link of the {2} carries {3}: lower the rate")]
    RateTooFast(String, BitRate, &'static str, BitRate),
    #[error("`mtu` is {0}, and the {1} takes no more than {2}: lower `mtu`")]
    MtuTooLarge(u16, &'static str, u16),
    #[error("{0} is to run on core {1}, and this machine has {2:?}: name one of those")]
    NoSuchCore(String, u16, Vec<u16>),
}

impl PolicyErrorKind {
    /// The refusal of the item at byte offset `at`.
    pub(crate) fn at(self, at: usize) -> PolicyError {
        PolicyError {
            kind: Box::new(self),
            at,
            also: None,
        }
    }
}
