//! How long a frame can be, and the sizes that follow from it.
//!
//! The rule: every length that depends on the MTU, or on Ethernet's own limits, is spelled
//! here once. Lengths are bytes from the destination address on, without preamble; whether the
//! frame check sequence counts is part of each name.
//!
//! Not here: what becomes of a frame that is too long ([`Reason::Oversize`](crate::Reason)).

use crate::frame::{FCS, HEADER, TAG};

/// The lengths of frames under one MTU.
///
/// ```
/// use lockgate_vmdq::FrameLimits;
///
/// let limits = FrameLimits::new(1500);
/// assert_eq!(limits.longest_untagged(), 1514);
/// assert_eq!(limits.longest_tagged(), 1518);
/// assert_eq!(limits.longest_with_fcs(), 1522);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    mtu: u16,
}

impl FrameLimits {
    /// Shortest frame on a wire without its check sequence (IEEE 802.3, 3.2.8: 64 with it);
    /// what is shorter is padded to it.
    pub const SHORTEST: usize = 60;

    /// Bytes of the shortest frame that a card can pad; it sends nothing that is shorter
    /// (82576 datasheet, chapter 7).
    pub const SHORTEST_FOR_CARD: usize = 17;

    /// The smallest `mtu` of a policy (RFC 791: what every IPv4 link carries).
    pub const SMALLEST_MTU: u16 = 68;

    /// The largest `mtu` for which [`FrameLimits::longest_with_fcs`] has 16 bits, as the
    /// cards' registers have. Each card has a lower limit of its own.
    pub const LARGEST_MTU: u16 = u16::MAX - (HEADER + TAG + FCS) as u16;

    /// The limits under `mtu`, the largest payload of a frame in bytes.
    pub const fn new(mtu: u16) -> Self {
        Self { mtu }
    }

    /// The largest payload of a frame, in bytes.
    pub const fn mtu(self) -> u16 {
        self.mtu
    }

    /// The longest frame without a tag; FCS not counted.
    pub const fn longest_untagged(self) -> usize {
        self.mtu as usize + HEADER
    }

    /// The longest frame with a tag, and so the longest of all; FCS not counted.
    pub const fn longest_tagged(self) -> usize {
        self.longest_untagged() + TAG
    }

    /// The longest frame that a card must take or send: with tag and FCS.
    pub const fn longest_with_fcs(self) -> usize {
        self.longest_tagged() + FCS
    }

    /// Bytes of a lane's slots: longer than any legal frame, so that one which is cut is
    /// still too long, and a multiple of a cache line.
    pub const fn lane_slot_bytes(self) -> u32 {
        (self.longest_tagged() as u32 + 1).next_multiple_of(64)
    }

    /// Bytes that a worker needs to judge a frame and pad it: a lane's slot, or the shortest
    /// frame of the wire.
    pub const fn scratch_bytes(self) -> usize {
        let slot = self.lane_slot_bytes() as usize;
        if slot > Self::SHORTEST {
            slot
        } else {
            Self::SHORTEST
        }
    }

    /// Bytes that a lane with weight 1 may send in one round of a deficit round robin which
    /// moves `burst` frames at once: the longest frame, so that every turn sends something,
    /// and a burst of the shortest.
    pub const fn quantum(self, burst: usize) -> usize {
        let shortest = burst * Self::SHORTEST;
        if self.longest_tagged() > shortest {
            self.longest_tagged()
        } else {
            shortest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_frame_of_the_largest_mtu_has_16_bits() {
        let limits = FrameLimits::new(FrameLimits::LARGEST_MTU);
        assert_eq!(limits.longest_with_fcs(), usize::from(u16::MAX));
    }

    #[test]
    fn a_slot_holds_a_byte_more_than_the_longest_frame_in_whole_cache_lines() {
        for mtu in [68, 1500, 1517, 1518, 9000, FrameLimits::LARGEST_MTU] {
            let limits = FrameLimits::new(mtu);
            let slot = limits.lane_slot_bytes();
            assert!(
                slot as usize > limits.longest_tagged() && slot.is_multiple_of(64),
                "{mtu}"
            );
            assert!(limits.scratch_bytes() >= slot as usize && limits.scratch_bytes() >= 60);
        }
    }

    #[test]
    fn a_quantum_covers_the_longest_frame_and_a_burst_of_the_shortest() {
        assert_eq!(FrameLimits::new(1500).quantum(32), 1920);
        assert_eq!(FrameLimits::new(9000).quantum(32), 9018);
    }
}
