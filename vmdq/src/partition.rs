//! What a partition is made of: wire access, multicast, attachment.
//!
//! Values only; a combination that no card can hold is refused by `check`.

use serde::Deserialize;

use crate::prelude::*;
use crate::{At, Mac};

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
