//! What a partition is made of: wire access, multicast, attachment; sets of them.
//!
//! Values only; a combination that no card can hold is refused by `check`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use crate::mac::Mac;
use crate::policy::At;

/// The most partitions one plan holds: the pools of the largest card.
pub const MAX_PARTITIONS: usize = 64;

/// A set of partitions by number, 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PartitionSet(u64);

impl PartitionSet {
    /// No partition.
    pub const EMPTY: Self = Self(0);

    /// The set whose member `p` is bit `p`.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set as bits, bit `p` for partition `p`.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Adds `partition`; a number past 63 is no partition and adds nothing.
    pub const fn insert(&mut self, partition: usize) {
        self.0 |= Self::bit(partition);
    }

    /// Whether `partition` is a member.
    pub const fn contains(self, partition: usize) -> bool {
        self.0 & Self::bit(partition) != 0
    }

    /// Whether nobody is a member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number of members.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The lowest member.
    pub fn first(self) -> Option<usize> {
        self.iter().next()
    }

    /// The members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let next = (rest != 0).then_some(rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            next
        })
    }

    const fn bit(partition: usize) -> u64 {
        if partition < MAX_PARTITIONS { 1 << partition } else { 0 }
    }
}

/// Which ways of the wire a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

    /// The word of the policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::In => "in",
            Self::Out => "out",
            Self::Both => "both",
        }
    }
}

/// Which multicast addresses a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Multicast<M = At<Mac>> {
    /// These, perhaps none.
    List(Vec<M>),
    /// Every one.
    All,
}

/// [`Multicast`] as a plan has it, places left behind.
pub type MulticastPlan = Multicast<Mac>;

impl Default for Multicast {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// What a partition's endpoint joins its lane to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Attach {
    /// Nothing: deliveries are only captured, frames come from a capture if one is named.
    Pcap {
        /// Capture whose frames it sends, relative to the policy file.
        replay: Option<String>,
    },
    /// A memif peer (VPP, DPDK).
    Memif {
        /// Path of the control socket.
        socket: String,
    },
    /// A virtual machine.
    VhostUser {
        /// Path of the vhost-user socket.
        socket: String,
    },
    /// The host's kernel stack.
    Tap {
        /// Interface name, at most 15 characters.
        name: String,
    },
}
