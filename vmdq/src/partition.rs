//! What a partition is made of: wire access, multicast, attachment; sets of them.
//!
//! Values only; a combination that no card can hold is refused by `check`.

use serde::Deserialize;

use crate::prelude::*;
use crate::{At, Mac};

/// The most partitions one plan holds: the pools of the largest card.
pub const MAX_PARTITIONS: usize = 64;

/// A set of partitions by number, 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PartitionSet(pub(crate) u64);

impl PartitionSet {
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
        if partition < MAX_PARTITIONS {
            1 << partition
        } else {
            0
        }
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
}

/// Which multicast addresses a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Multicast {
    /// These, perhaps none.
    List(Vec<At<Mac>>),
    /// Every one.
    All,
}

impl Multicast {
    /// Those that are listed.
    pub fn listed(&self) -> &[At<Mac>] {
        match self {
            Self::List(macs) => macs,
            Self::All => &[],
        }
    }
}

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
    /// Nothing: the worker sends each frame back to where it came from.
    Reflect {},
}

impl Attach {
    /// Where the peer is found; a second partition there would be the first.
    pub(crate) fn peer(&self) -> Option<&str> {
        match self {
            Self::Pcap { .. } | Self::Reflect {} => None,
            Self::Memif { socket: peer } | Self::VhostUser { socket: peer } => Some(peer),
            Self::Tap { name } => Some(name),
        }
    }
}
