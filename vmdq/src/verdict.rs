//! What can become of a frame, and every reason why it goes no further.
//!
//! Not here: which frame gets which verdict (`rules`).

use crate::PartitionSet;

/// Declares every reason with the name that reports use.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $name:literal,)+) => {
        /// Why a frame was dropped or refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $reason,)+
        }

        impl Reason {
            /// Every reason; `ALL[i] as usize == i`.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$reason,)+];
            const NAMES: [&str; Self::COUNT] = [$($name,)+];
            /// The number of reasons.
            pub const COUNT: usize = [$($name,)+].len();
        }
    };
}

reasons! {
    /// Under 14 bytes.
    Runt = "runt",
    /// Longer than mtu + 14, + 4 if tagged.
    Oversize = "oversize",
    /// MAC control, or from a partition to a reserved bridge address.
    ControlFrame = "control-frame",
    /// No partition is on the segment.
    UnknownVlan = "unknown-vlan",
    /// Nobody on the segment takes the address.
    UnknownMac = "unknown-mac",
    /// Somebody would take it, but may not receive from the wire.
    NotPermitted = "not-permitted",
    /// The source address is not the sender's own.
    SpoofedMac = "spoofed-mac",
    /// The segment is not the sender's own.
    ForeignVlan = "foreign-vlan",
    /// No flow lets it pass, and the wire is closed to it.
    FlowDenied = "flow-denied",
    /// The wire took nothing: its link is down.
    LinkDown = "link-down",
    /// The receiver's ring had no room.
    RingFull = "ring-full",
}

impl Reason {
    /// The name that reports use, `"unknown-vlan"`.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
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
