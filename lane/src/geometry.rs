//! Where everything lies in the two regions of a lane.
//!
//! Both regions begin alike: a line for the header (used in `down` only), a line that is kept
//! for the word by which a reader says that it sleeps, then the shared indices. Index 0 is the
//! transmit ring's, index 1 + r that of receive ring r; each region holds the half that its
//! writer owns: `down` what the core produced and consumed, `up` what the partition did.
//! Rings follow.
//!
//! A ring is its metadata, 16 bytes per slot and densely packed, then its frames. A burst of
//! 60-byte frames so moves one and a quarter cache lines per frame between the cores; metadata
//! in front of each frame would make it two. A slot is an odd number of lines long, because
//! with an even stride the first lines of all frames would compete for a fraction of the
//! cache's sets.
//!
//! Not here: the regions themselves.

use crate::direction::Ring;
use crate::meta::META_WORDS;

/// The cache line, and what frame areas are multiples of.
const LINE: usize = 64;

const WORD: usize = size_of::<u64>();

/// Distance of the shared indices: two lines, since processors fetch lines in pairs.
const INDEX_STRIDE: usize = 2 * LINE;

const PAGE: usize = 4096;

/// "lockgate", and the version of this layout.
const MAGIC: u64 = u64::from_ne_bytes(*b"lockgate");
const VERSION: u64 = 2;

/// Words of the header: magic, version and rings, slots and frame bytes, generation.
const HEADER_WORDS: usize = 4;

/// Bytes of the header that `down` begins with.
pub const HEADER_BYTES: usize = HEADER_WORDS * WORD;

/// The shape of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Receive rings in `down`, one for each worker that delivers: 1 to 1024.
    pub rings: u16,
    /// Slots in every ring: a power of two from 2 to 65536.
    pub slots: u32,
    /// The longest frame in bytes: a multiple of 64 up to 16384.
    pub frame_bytes: u32,
}

/// A geometry that no lane has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// [`Geometry::rings`] is outside its range.
    #[error("a lane has 1 to 1024 receive rings, not {0}")]
    Rings(u16),
    /// [`Geometry::slots`] is outside its range.
    #[error("a lane's rings have a power of two of slots from 2 to 65536, not {0}")]
    Slots(u32),
    /// [`Geometry::frame_bytes`] is outside its range.
    #[error("a lane's frames have up to 16384 bytes in steps of 64, not {0}")]
    FrameBytes(u32),
}

/// Where one ring lies: byte offsets, the same in the region that has its slots and, as far as
/// `index` goes, in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingOffsets {
    /// Of the shared index that the region's writer owns.
    pub(crate) index: usize,
    /// Of the slots' metadata.
    pub(crate) meta: usize,
    /// Of the slots' frames.
    pub(crate) frames: usize,
}

impl Geometry {
    /// Refuses what the layout cannot hold.
    ///
    /// # Errors
    /// The first field that is outside its range.
    pub fn check(self) -> Result<(), GeometryError> {
        if !(1..=1024).contains(&self.rings) {
            return Err(GeometryError::Rings(self.rings));
        }
        if !(2..=65536).contains(&self.slots) || !self.slots.is_power_of_two() {
            return Err(GeometryError::Slots(self.slots));
        }
        let whole = self.frame_bytes.is_multiple_of(LINE as u32);
        if !(64..=16384).contains(&self.frame_bytes) || !whole {
            return Err(GeometryError::FrameBytes(self.frame_bytes));
        }
        Ok(())
    }

    /// Size of `down` in bytes, whole pages of 4 KiB.
    pub fn down_bytes(self) -> usize {
        self.ring_offset(self.rings)
    }

    /// Size of `up` in bytes, whole pages of 4 KiB.
    pub fn up_bytes(self) -> usize {
        self.ring_offset(1)
    }

    /// Where receive ring `ring` lies in `down`, or the transmit ring, which is number 0 alone,
    /// in `up`.
    pub(crate) fn ring(self, direction: Ring, ring: u16) -> RingOffsets {
        let meta = self.ring_offset(ring);
        RingOffsets {
            index: Self::index(direction, ring),
            meta,
            frames: meta + self.meta_bytes(),
        }
    }

    /// Distance of the frames of two slots in bytes.
    pub(crate) fn stride(self) -> usize {
        ((self.frame_bytes as usize / LINE) | 1) * LINE
    }

    /// Offset of the shared index of a ring, in either region.
    fn index(direction: Ring, ring: u16) -> usize {
        let number = match direction {
            Ring::Transmit => 0,
            Ring::Receive => 1 + usize::from(ring),
        };
        (1 + number) * INDEX_STRIDE
    }

    /// Offset of ring `ring` in its region; of one more than the last, the region's size.
    fn ring_offset(self, ring: u16) -> usize {
        let indices = Self::index(Ring::Receive, self.rings).next_multiple_of(PAGE);
        indices + usize::from(ring) * self.ring_bytes()
    }

    fn meta_bytes(self) -> usize {
        (self.slots as usize * META_WORDS * WORD).next_multiple_of(LINE)
    }

    fn ring_bytes(self) -> usize {
        (self.meta_bytes() + self.slots as usize * self.stride()).next_multiple_of(PAGE)
    }
}

/// What `down` begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The shape of the lane.
    pub geometry: Geometry,
    /// Which of a partition's lanes this is: one that replaces another has a higher number.
    pub generation: u64,
}

impl Header {
    /// As it lies in memory; both sides run on one machine, so in its byte order.
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let Geometry {
            rings,
            slots,
            frame_bytes,
        } = self.geometry;
        let words = [
            MAGIC,
            VERSION | u64::from(rings) << 32,
            u64::from(slots) | u64::from(frame_bytes) << 32,
            self.generation,
        ];
        let mut bytes = [0; HEADER_BYTES];
        for (to, word) in bytes.chunks_exact_mut(WORD).zip(words) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// What [`Header::encode`] made; `None` if it is anything else, or of a geometry that no
    /// lane has.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut words = [0; HEADER_WORDS];
        for (word, from) in words.iter_mut().zip(bytes.chunks_exact(WORD)) {
            *word = u64::from_ne_bytes(from.try_into().ok()?);
        }
        let [_, rings, sizes, generation] = words;
        let header = Self {
            geometry: Geometry {
                rings: u16::try_from(rings >> 32).ok()?,
                slots: sizes as u32,
                frame_bytes: (sizes >> 32) as u32,
            },
            generation,
        };
        let same = header.encode() == *bytes;
        (same && header.geometry.check().is_ok()).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Geometry = Geometry {
        rings: 2,
        slots: 512,
        frame_bytes: 1536,
    };

    const HEADER: Header = Header {
        geometry: PLAIN,
        generation: 0x0102_0304_0506_0708,
    };

    #[test]
    fn ring_of_ethernet_frames_lies_where_the_layout_says() {
        let ring_bytes = 827_392;
        let first = RingOffsets {
            index: 128,
            meta: 4096,
            frames: 4096 + 8192,
        };
        assert_eq!(PLAIN.ring(Ring::Transmit, 0), first);
        assert_eq!(
            PLAIN.ring(Ring::Receive, 0),
            RingOffsets {
                index: 256,
                ..first
            }
        );
        let second = RingOffsets {
            index: 384,
            meta: 4096 + ring_bytes,
            frames: 4096 + ring_bytes + 8192,
        };
        assert_eq!(PLAIN.ring(Ring::Receive, 1), second);
        assert_eq!(PLAIN.stride(), 1600);
        assert_eq!(PLAIN.down_bytes(), 4096 + 2 * ring_bytes);
        assert_eq!(PLAIN.up_bytes(), 4096 + ring_bytes);
    }

    #[test]
    fn indices_of_many_rings_never_reach_the_first_ring() {
        for rings in 1..=1024 {
            let geometry = Geometry { rings, ..PLAIN };
            let last = geometry.ring(Ring::Receive, rings - 1);
            assert!(last.index + LINE <= geometry.ring(Ring::Receive, 0).meta);
        }
    }

    #[test]
    fn header_and_the_sleeping_word_lie_before_the_first_index() {
        const { assert!(HEADER_BYTES <= LINE) };
        assert!(2 * LINE <= Geometry::index(Ring::Transmit, 0));
    }

    #[test]
    fn slots_hold_their_frame_and_are_an_odd_number_of_lines() {
        for lines in 1..=256 {
            let frame_bytes = 64 * lines;
            let geometry = Geometry {
                frame_bytes,
                ..PLAIN
            };
            assert!(geometry.stride() >= frame_bytes as usize);
            assert_eq!(geometry.stride() / LINE % 2, 1);
        }
    }

    #[test]
    fn header_comes_back_as_what_it_was_made_of() {
        assert_eq!(Header::decode(&HEADER.encode()), Some(HEADER));
    }

    #[test]
    fn header_with_any_wrong_field_is_no_lane() {
        for at in [0, 7, 8, 9, 13, 14, 16, 20] {
            let mut bytes = HEADER.encode();
            bytes[at] ^= 0xff;
            assert_eq!(Header::decode(&bytes), None, "byte {at}");
        }
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), None);
        assert_eq!(Header::decode(&[0xff; HEADER_BYTES]), None);
    }

    #[test]
    fn geometry_out_of_range_is_refused_by_field() {
        for rings in [0, 1025] {
            let wrong = Geometry { rings, ..PLAIN };
            assert_eq!(wrong.check(), Err(GeometryError::Rings(rings)));
        }
        for slots in [0, 1, 500, 131_072] {
            let wrong = Geometry { slots, ..PLAIN };
            assert_eq!(wrong.check(), Err(GeometryError::Slots(slots)));
        }
        for frame_bytes in [0, 1518, 16448] {
            let wrong = Geometry {
                frame_bytes,
                ..PLAIN
            };
            assert_eq!(wrong.check(), Err(GeometryError::FrameBytes(frame_bytes)));
        }
        for (rings, slots, frame_bytes) in [(1, 2, 64), (1024, 65536, 16384)] {
            let edge = Geometry {
                rings,
                slots,
                frame_bytes,
            };
            assert_eq!(edge.check(), Ok(()), "{edge:?}");
        }
    }
}
