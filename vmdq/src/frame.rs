//! What steering reads of an Ethernet frame: the first 18 bytes.
//!
//! One tag with TPID 0x8100 directly behind the source address counts; any other
//! tag is payload, as it is to the cards. Not here: what a frame may do (`verdict`).

use crate::Mac;
use crate::prelude::*;

/// Ethernet header without a tag, in bytes.
pub const HEADER: usize = 14;
/// One VLAN tag, in bytes.
pub const TAG: usize = 4;
/// Frame check sequence, in bytes.
pub const FCS: usize = 4;
/// TPID of the tag that names a segment (IEEE 802.1Q, clause 9).
pub const TPID: u16 = 0x8100;
/// EtherType of MAC control, pause among it (IEEE 802.3, clause 31).
pub const MAC_CONTROL: u16 = 0x8808;

/// One VLAN, or the untagged network, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment(u16);

impl Segment {
    /// Frames without a tag, or with VID 0 (priority tag only).
    pub const UNTAGGED: Self = Self(0);

    /// The segment with this VID; `None` above 4094, which no VLAN may use.
    pub const fn new(vid: u16) -> Option<Self> {
        if vid <= 4094 { Some(Self(vid)) } else { None }
    }

    /// The VID, 0 for the untagged segment.
    pub const fn vid(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the untagged segment"),
            vid => write!(f, "VLAN {vid}"),
        }
    }
}

/// The first 32 bytes of a frame by value, and its length: more than a verdict asks for.
///
/// Whoever decides on a frame that somebody else may still write takes this copy first and
/// decides on it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameStart {
    /// The bytes as words in host order; those behind the frame's end are of no meaning.
    pub words: [u64; 4],
    /// Bytes of the whole frame before padding, FCS not counted.
    pub len: usize,
}

impl FrameStart {
    /// Of these bytes, of a frame of `len`.
    pub fn new(bytes: [u8; 32], len: usize) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self {
            words: core::array::from_fn(|at| u64::from_ne_bytes(words[at])),
            len,
        }
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.words) {
            *to = word.to_ne_bytes();
        }
        bytes
    }
}

/// The fields of a frame that decide where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Destination address.
    pub dst: Mac,
    /// Source address.
    pub src: Mac,
    /// Whether a tag is present, a priority tag included.
    pub tagged: bool,
    /// VID as received, 0 without a tag; 4095 is possible and no segment.
    pub vid: u16,
    /// EtherType, the one behind the tag if there is a tag.
    pub ethertype: u16,
}

impl FrameHeader {
    /// Reads the start of a frame; bytes past its end count as the zeros of its
    /// padding. `None` under 14 bytes.
    #[inline(always)]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        if let Some(bytes) = frame.first_chunk() {
            return Some(Self::read(bytes));
        }
        frame.first_chunk::<HEADER>()?;
        let mut padded = [0; HEADER + TAG];
        padded
            .iter_mut()
            .zip(frame)
            .for_each(|(to, from)| *to = *from);
        Some(Self::read(&padded))
    }

    #[inline]
    fn read(b: &[u8; HEADER + TAG]) -> Self {
        let word = |at: usize| u16::from_be_bytes([b[at], b[at + 1]]);
        let tagged = word(12) == TPID;
        Self {
            dst: Mac::read([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            src: Mac::read([b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13]]),
            tagged,
            vid: if tagged { word(14) & 0xfff } else { 0 },
            ethertype: if tagged { word(16) } else { word(12) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(rest: &[u8]) -> Option<FrameHeader> {
        let mut frame = alloc::vec![0xff; 12];
        frame.extend(rest);
        FrameHeader::parse(&frame)
    }

    #[test]
    fn a_tag_is_0x8100_behind_the_source_and_nothing_else() {
        let read = |rest: &[u8]| header(rest).map(|h| (h.tagged, h.vid, h.ethertype));
        assert_eq!(read(&[0x08, 0, 1, 2, 3, 4]), Some((false, 0, 0x0800)));
        assert_eq!(
            read(&[0x81, 0, 0xef, 0xfe, 0x86, 0xdd]),
            Some((true, 0xffe, 0x86dd))
        );
        assert_eq!(read(&[0x88, 0xa8, 0, 5, 0x81, 0]), Some((false, 0, 0x88a8)));
        assert_eq!(read(&[0x81, 0, 0, 5, 0x81, 0]), Some((true, 5, 0x8100)));
    }

    #[test]
    fn what_a_short_frame_lacks_reads_as_the_zeros_of_its_padding() {
        assert_eq!(header(&[0x81]), None);
        let read = |rest: &[u8]| header(rest).map(|h| (h.vid, h.ethertype));
        assert_eq!(read(&[0x81, 0]), Some((0, 0)));
        assert_eq!(read(&[0x81, 0, 0, 5, 0x08]), Some((5, 0x0800)));
    }

    #[test]
    fn segments_end_at_4094() {
        assert_eq!(Segment::new(4094).map(Segment::vid), Some(4094));
        assert_eq!(Segment::new(4095), None);
    }
}
