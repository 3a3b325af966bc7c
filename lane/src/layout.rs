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

/// The cache line, and what frame areas are multiples of.
pub(crate) const LINE: usize = 64;

/// Bytes of metadata per slot.
pub(crate) const META_BYTES: usize = 16;

/// Distance of the shared indices: two lines, since processors fetch lines in pairs.
const INDEX_STRIDE: usize = 2 * LINE;

const PAGE: usize = 4096;
const MAGIC: [u8; 8] = *b"lockgate";
const VERSION: u32 = 1;

/// Bytes of the header at the start of `down`.
pub(crate) const HEADER_BYTES: usize = 24;

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

/// Why a [`Geometry`] is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum GeometryError {
    #[error("a lane cannot have {0} receive rings: use 1 to 1024")]
    Rings(u16),
    #[error("a lane's ring cannot have {0} slots: use a power of two from 2 to 65536")]
    Slots(u32),
    #[error("a lane's frames cannot be {0} bytes: use a multiple of 64 up to 16384")]
    FrameBytes(u32),
}

impl Geometry {
    /// Refuses what the layout cannot hold.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(self) -> Result<(), GeometryError> {
        let line = LINE as u32;
        if !(1..=1024).contains(&self.rings) {
            return Err(GeometryError::Rings(self.rings));
        }
        if !self.slots.is_power_of_two() || !(2..=65536).contains(&self.slots) {
            return Err(GeometryError::Slots(self.slots));
        }
        if !(line..=16384).contains(&self.frame_bytes) || !self.frame_bytes.is_multiple_of(line) {
            return Err(GeometryError::FrameBytes(self.frame_bytes));
        }
        Ok(())
    }

    /// Offset of the shared index of the ring in `up`, in either file.
    pub(crate) fn up_index() -> usize {
        INDEX_STRIDE
    }

    /// Offset of the shared index of ring `ring` of `down`, in either file.
    pub(crate) fn down_index(ring: u16) -> usize {
        (2 + usize::from(ring)) * INDEX_STRIDE
    }

    /// Offset of ring `ring` in its file; `up` has ring 0 only.
    pub(crate) fn ring(self, ring: u16) -> usize {
        let indices = Self::down_index(self.rings).next_multiple_of(PAGE);
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

    /// Size of one ring in bytes.
    pub(crate) fn ring_bytes(self) -> usize {
        (self.frames() + self.slots as usize * self.stride()).next_multiple_of(PAGE)
    }

    /// What `down` begins with; both sides run on one machine, so its byte order.
    pub(crate) fn header(self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        let words = [VERSION, u32::from(self.rings), self.slots, self.frame_bytes];
        for (place, word) in header[8..].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        header
    }

    /// Reads what [`Geometry::header`] made; `None` if it is anything else.
    pub(crate) fn from_header(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (magic, words) = header.split_first_chunk()?;
        let (words, _) = words.as_chunks();
        let [version, rings, slots, frame_bytes] = *words else {
            return None;
        };
        if *magic != MAGIC || u32::from_ne_bytes(version) != VERSION {
            return None;
        }
        let geometry = Self {
            rings: u32::from_ne_bytes(rings).try_into().ok()?,
            slots: u32::from_ne_bytes(slots),
            frame_bytes: u32::from_ne_bytes(frame_bytes),
        };
        geometry.check().is_ok().then_some(geometry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Geometry = Geometry { rings: 2, slots: 512, frame_bytes: 1536 };

    #[test]
    fn ring_of_ethernet_frames_lies_where_the_layout_says() {
        assert_eq!(Geometry::up_index(), 128);
        assert_eq!(Geometry::down_index(0), 256);
        assert_eq!(Geometry::down_index(1), 384);
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
            assert!(Geometry::down_index(rings - 1) + LINE <= geometry.ring(0));
        }
    }

    #[test]
    fn slots_hold_their_frame_and_are_an_odd_number_of_lines() {
        for lines in 1..=256 {
            let frame_bytes = 64 * lines;
            let geometry = Geometry { frame_bytes, ..PLAIN };
            assert!(geometry.stride() >= frame_bytes as usize);
            assert_eq!(geometry.stride() / LINE % 2, 1);
        }
    }

    #[test]
    fn header_comes_back_as_the_geometry_it_was_made_of() {
        assert_eq!(Geometry::from_header(&PLAIN.header()), Some(PLAIN));
    }

    #[test]
    fn header_with_any_wrong_field_is_no_lane() {
        for at in [0, 7, 8, 13, 14, 16, 20] {
            let mut header = PLAIN.header();
            header[at] ^= 0xff;
            assert_eq!(Geometry::from_header(&header), None, "byte {at}");
        }
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
            let wrong = Geometry { frame_bytes, ..PLAIN };
            assert_eq!(wrong.check(), Err(GeometryError::FrameBytes(frame_bytes)));
        }
    }
}
