//! The Ethernet header as a card's filters see it.
//!
//! At most one tag is recognised, of the type that the card is told (VET).
//!
//! Not here: anything behind the header, and any decision.

use crate::wire::{FCS, HEADER};

/// What the filters look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Destination, octet 0 in bits 47:40.
    pub(crate) destination: u64,
    /// Source, likewise.
    pub(crate) source: u64,
    /// Tag control information of a tagged frame.
    pub(crate) tag: Option<u16>,
    /// Type behind the tag; 0 if the frame ends before it.
    pub(crate) ethertype: u16,
    /// Where the payload begins; it may be the end of the frame.
    pub(crate) payload: usize,
}

/// Bytes of the longest ordinary frame, check sequence included, tag not (IEEE 802.3, 3.2.7).
const ORDINARY: usize = 1518;

/// Bytes of a tag.
const TAG: usize = 4;

/// The broadcast address.
pub(crate) const BROADCAST: u64 = 0xFFFF_FFFF_FFFF;

impl Header {
    /// Reads the header of a frame, unless it is under 14 bytes.
    pub(crate) fn parse(frame: &[u8], tag_type: u16) -> Option<Self> {
        let (header, rest) = frame.split_first_chunk::<HEADER>()?;
        let address = |at: usize| {
            let octets = header.iter().skip(at).take(6);
            octets.fold(0, |sum, &octet| (sum << 8) | u64::from(octet))
        };
        let outer = u16::from_be_bytes([header[12], header[13]]);
        let (tag, ethertype, payload) = match rest {
            [a, b, rest @ ..] if outer == tag_type => {
                let inner = rest.first_chunk().map_or(0, |t| u16::from_be_bytes(*t));
                let payload = (HEADER + 4).min(frame.len());
                (Some(u16::from_be_bytes([*a, *b])), inner, payload)
            }
            _ => (None, outer, HEADER),
        };
        Some(Self {
            destination: address(0),
            source: address(6),
            tag,
            ethertype,
            payload,
        })
    }

    /// The VLAN of a tagged frame, 0 for a priority tag.
    pub(crate) fn vid(&self) -> Option<u16> {
        self.tag.map(|tag| tag & 0xFFF)
    }

    /// Bytes of the tag, if there is one.
    pub(crate) fn tag_bytes(&self) -> usize {
        if self.tag.is_some() { TAG } else { 0 }
    }

    /// Whether a frame of `bytes` bytes, without check sequence, is longer in all than
    /// `limit`; without a limit, than an ordinary frame.
    pub(crate) fn is_longer(&self, bytes: usize, limit: Option<usize>) -> bool {
        bytes + FCS > limit.unwrap_or(ORDINARY + self.tag_bytes())
    }

    pub(crate) fn is_broadcast(&self) -> bool {
        self.destination == BROADCAST
    }

    /// Whether the destination is a group address other than broadcast.
    pub(crate) fn is_multicast(&self) -> bool {
        self.is_group() && !self.is_broadcast()
    }

    /// Whether the destination is a group address, broadcast included.
    pub(crate) fn is_group(&self) -> bool {
        self.destination & (1 << 40) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn one_tag_is_recognised_and_a_second_is_payload() {
        let mut frame = [0; 60];
        frame[..6].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
        frame[12..20].copy_from_slice(&[0x81, 0, 0x20, 7, 0x81, 0, 0, 9]);
        let header = Header::parse(&frame, 0x8100).unwrap();
        assert_eq!(header.destination, 0x0102_0304_0506);
        assert_eq!(header.tag, Some(0x2007));
        assert_eq!(header.vid(), Some(7));
        assert_eq!((header.ethertype, header.payload), (0x8100, 18));

        let header = Header::parse(&frame, 0x88A8).unwrap();
        assert_eq!(
            (header.vid(), header.ethertype, header.payload),
            (None, 0x8100, 14)
        );
    }

    #[test]
    fn a_frame_that_ends_inside_its_tag_has_no_payload() {
        let mut frame = [0; 17];
        frame[12..14].copy_from_slice(&[0x81, 0]);
        for bytes in 14..=17 {
            let header = Header::parse(&frame[..bytes], 0x8100).unwrap();
            assert!(header.payload <= bytes);
        }
        assert_eq!(Header::parse(&frame[..13], 0x8100), None);
    }
}
