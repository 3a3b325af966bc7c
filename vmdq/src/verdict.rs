//! What can become of a frame, and every reason why it goes no further.
//!
//! Not here: which frame gets which verdict (`rules`).

use crate::PartitionSet;

/// Why a frame was dropped or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Under 14 bytes.
    Runt,
    /// Longer than mtu + 14, + 4 if tagged.
    Oversize,
    /// MAC control, or from a partition to a reserved bridge address.
    ControlFrame,
    /// No partition is on the segment.
    UnknownVlan,
    /// Nobody on the segment takes the address.
    UnknownMac,
    /// Somebody would take it, but may not receive from the wire.
    NotPermitted,
    /// The source address is not the sender's own.
    SpoofedMac,
    /// The segment is not the sender's own.
    ForeignVlan,
    /// No flow lets it pass, and the wire is closed to it.
    FlowDenied,
    /// The receiver's ring had no room.
    RingFull,
}

impl Reason {
    /// Every reason; `ALL[i] as usize == i`.
    pub const ALL: [Self; 10] = [
        Self::Runt,
        Self::Oversize,
        Self::ControlFrame,
        Self::UnknownVlan,
        Self::UnknownMac,
        Self::NotPermitted,
        Self::SpoofedMac,
        Self::ForeignVlan,
        Self::FlowDenied,
        Self::RingFull,
    ];
    /// The number of reasons.
    pub const COUNT: usize = Self::ALL.len();

    /// The name that reports use, `"unknown-vlan"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runt => "runt",
            Self::Oversize => "oversize",
            Self::ControlFrame => "control-frame",
            Self::UnknownVlan => "unknown-vlan",
            Self::UnknownMac => "unknown-mac",
            Self::NotPermitted => "not-permitted",
            Self::SpoofedMac => "spoofed-mac",
            Self::ForeignVlan => "foreign-vlan",
            Self::FlowDenied => "flow-denied",
            Self::RingFull => "ring-full",
        }
    }
}

/// What becomes of a frame from the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireVerdict {
    /// A copy to each of these, at least one.
    Deliver(PartitionSet),
    /// Nobody gets it.
    Drop(Reason),
}

/// What becomes of a frame from a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendVerdict {
    /// It goes nowhere.
    Refuse(Reason),
    /// It goes to these partitions, to the wire, or both.
    Send {
        /// Partitions that get a copy.
        to: PartitionSet,
        /// Whether it leaves on the wire.
        wire: bool,
    },
}
