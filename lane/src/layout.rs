//! Where everything lies in the two files of a lane.
//!
//! Both files begin alike: a header line (used in `down` only), then the shared
//! indices. Index 0 belongs to the ring in `up`, index 1 + r to ring r in `down`;
//! each file holds the half that its writer owns. Rings follow.
//!
//! A ring is its metadata, 16 bytes per slot and densely packed, then its frames. A
//! burst of 60-byte frames so moves one and a quarter cache lines per frame between
//! the cores; metadata in front of each frame would make it two. A slot is an odd
//! number of lines long, because with an even stride the first lines of all frames
//! would compete for a fraction of the cache's sets.

use std::io;

/// The cache line, and what frame areas are multiples of.
pub(crate) const LINE: usize = 64;

/// Bytes of metadata per slot.
pub(crate) const META_BYTES: usize = 16;

/// The files, by the way their frames travel; a parameter of types.
pub(crate) const DOWN: bool = true;
pub(crate) const UP: bool = false;

/// The ends of a ring, by what they do to its slots; a parameter of types.
pub(crate) const FILLS: bool = true;
pub(crate) const EMPTIES: bool = false;

/// Distance of the shared indices: two lines, since processors fetch lines in pairs.
const INDEX_STRIDE: usize = 2 * LINE;

const PAGE: usize = 4096;
const VERSION: u32 = 1;

/// What `down` begins with: magic, version and geometry.
pub(crate) type Header = [[u8; 4]; 6];

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

impl Geometry {
    /// Refuses what the layout cannot hold.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`], with the range of the first field outside its own.
    pub(crate) fn check(self) -> io::Result<()> {
        let range = match self {
            Self {
                rings: 0 | 1025.., ..
            } => "a lane has 1 to 1024 receive rings",
            Self {
                slots: 0 | 1 | 65537..,
                ..
            } => "a lane's rings have 2 to 65536 slots",
            _ if !self.slots.is_power_of_two() => "a lane's rings have a power of two of slots",
            Self {
                frame_bytes: 0 | 16385..,
                ..
            } => "a lane's frames have 64 to 16384 bytes",
            _ if !self.frame_bytes.is_multiple_of(64) => "a lane's frames are n times 64 bytes",
            _ => return Ok(()),
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, range))
    }

    /// Offset of the shared index of ring `ring` of one file, in either; `up` has
    /// ring 0 only.
    pub(crate) fn index(file: bool, ring: u16) -> usize {
        (1 + usize::from(file == DOWN) + usize::from(ring)) * INDEX_STRIDE
    }

    /// Offset of ring `ring` in its file; of one more than the last, the file's size.
    pub(crate) fn ring(self, ring: u16) -> usize {
        let indices = Self::index(DOWN, self.rings).next_multiple_of(PAGE);
        indices + usize::from(ring) * self.ring_bytes()
    }

    /// Size of `down` in bytes.
    pub(crate) fn down_bytes(self) -> usize {
        self.ring(self.rings)
    }

    /// Size of `up` in bytes.
    pub(crate) fn up_bytes(self) -> usize {
        self.ring(1)
    }

    /// Offset of the frames in a ring.
    pub(crate) fn frames(self) -> usize {
        (self.slots as usize * META_BYTES).next_multiple_of(LINE)
    }

    /// Distance of the frames of two slots in bytes.
    pub(crate) fn stride(self) -> usize {
        ((self.frame_bytes as usize / LINE) | 1) * LINE
    }

    fn ring_bytes(self) -> usize {
        (self.frames() + self.slots as usize * self.stride()).next_multiple_of(PAGE)
    }

    /// What `down` begins with; both sides run on one machine, so its byte order.
    pub(crate) fn header(self) -> Header {
        let words = [VERSION, self.rings.into(), self.slots, self.frame_bytes];
        let [version, rings, slots, frame_bytes] = words.map(u32::to_ne_bytes);
        [*b"lock", *b"gate", version, rings, slots, frame_bytes]
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

    #[test]
    fn ring_of_ethernet_frames_lies_where_the_layout_says() {
        assert_eq!(Geometry::index(UP, 0), 128);
        assert_eq!(Geometry::index(DOWN, 0), 256);
        assert_eq!(Geometry::index(DOWN, 1), 384);
        assert_eq!(PLAIN.ring(0), 4096);
        assert_eq!(PLAIN.frames(), 8192);
        assert_eq!(PLAIN.stride(), 1600);
        assert_eq!(PLAIN.ring_bytes(), 827_392);
        assert_eq!(PLAIN.down_bytes(), 4096 + 2 * 827_392);
        assert_eq!(PLAIN.up_bytes(), 4096 + 827_392);
    }

    #[test]
    fn indices_of_many_rings_never_reach_the_first_ring() {
        for rings in 1..=1024 {
            let geometry = Geometry { rings, ..PLAIN };
            assert!(Geometry::index(DOWN, rings - 1) + LINE <= geometry.ring(0));
        }
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
    fn header_comes_back_as_the_geometry_it_was_made_of() {
        assert_eq!(Geometry::from_header(PLAIN.header()), Some(PLAIN));
    }

    #[test]
    fn header_with_any_wrong_field_is_no_lane() {
        for at in [0, 7, 8, 13, 14, 16, 20] {
            let mut header = PLAIN.header();
            header.as_flattened_mut()[at] ^= 0xff;
            assert_eq!(Geometry::from_header(header), None, "byte {at}");
        }
    }

    #[test]
    fn geometry_out_of_range_is_refused_by_field() {
        let refused = |wrong: Geometry, field: &str| {
            let error = wrong.check().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(field), "{wrong:?}: {error}");
        };
        for rings in [0, 1025] {
            refused(Geometry { rings, ..PLAIN }, "receive rings");
        }
        for slots in [0, 1, 500, 131_072] {
            refused(Geometry { slots, ..PLAIN }, "slots");
        }
        for frame_bytes in [0, 1518, 16448] {
            refused(
                Geometry {
                    frame_bytes,
                    ..PLAIN
                },
                "frames",
            );
        }
        for edge in [
            Geometry {
                rings: 1,
                slots: 2,
                frame_bytes: 64,
            },
            Geometry {
                rings: 1024,
                slots: 65536,
                frame_bytes: 16384,
            },
        ] {
            assert!(edge.check().is_ok(), "{edge:?}");
        }
    }
}
