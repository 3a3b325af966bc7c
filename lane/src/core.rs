//! The core's side of a lane.
//!
//! The core writes `down` and reads `up`, and believes nothing in `up`. What it has
//! checked it has copied before; whoever forwards a frame must use the header that
//! was checked and fetch only the rest from the lane, because the partition can
//! rewrite its slot at any moment.

use std::io;
use std::os::fd::OwnedFd;

use crate::layout::Geometry;
use crate::memory::{self, Down, OwnSlots, Slots, TheirIndex};
use crate::meta::Meta;
use crate::ring::{Closed, Drainer, Filler, SharedIndex};

/// How many bytes of a frame [`UpReader::head`] copies at most.
pub const HEAD_BYTES: usize = 128;

/// The two files of a lane, for the partition's process.
#[derive(Debug)]
pub struct LaneFiles {
    /// Written by the core; whoever gets it can only read it.
    pub down: OwnedFd,
    /// Written by the partition.
    pub up: OwnedFd,
}

/// The core's ends of a new lane.
#[derive(Debug)]
pub struct Lane {
    /// The receive rings, one for each worker that delivers to the partition.
    pub down: Vec<DownWriter>,
    /// The transmit ring.
    pub up: UpReader,
    /// What the partition's [`Endpoint`](crate::Endpoint) attaches to.
    pub files: LaneFiles,
}

impl Lane {
    /// Makes a lane; `name` shows in `/proc` and is at most 200 bytes without NUL.
    ///
    /// # Errors
    /// An impossible geometry or name, or no memory or file left.
    pub fn create(name: &str, geometry: Geometry) -> io::Result<Self> {
        Self::create_at(name, geometry, 0)
    }

    /// Makes a lane whose indices all start at `start`.
    pub(crate) fn create_at(name: &str, geometry: Geometry, start: u32) -> io::Result<Self> {
        geometry
            .check()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let image = image(geometry, start);
        let (down_file, mut down) = Down::create(
            &format!("lockgate-{name}-down"),
            geometry.down_bytes(),
            &image,
        )?;
        let (up_file, up) =
            memory::create_up(&format!("lockgate-{name}-up"), geometry.up_bytes(), &image)?;
        let writers = (0..geometry.rings).map(|ring| {
            let ours = down.index(Geometry::down_index(ring));
            let theirs = TheirIndex::new(&up, Geometry::down_index(ring));
            let name = SharedIndex::ReceiveEmptied(ring);
            Ok(DownWriter {
                ring: Filler::new(ours, theirs, name, geometry.slots)?,
                slots: down.slots(geometry.ring(ring), geometry),
            })
        });
        let writers = writers.collect::<Result<_, Closed>>();
        let ours = down.index(Geometry::up_index());
        let theirs = TheirIndex::new(&up, Geometry::up_index());
        let ring = Drainer::new(ours, theirs, SharedIndex::TransmitFilled, geometry.slots);
        Ok(Self {
            down: writers.map_err(io::Error::other)?,
            up: UpReader {
                ring: ring.map_err(io::Error::other)?,
                slots: Slots::new(&up, geometry.ring(0), geometry),
            },
            files: LaneFiles {
                down: down_file,
                up: up_file,
            },
        })
    }
}

/// What both files begin with: the header, then every index at `start`.
fn image(geometry: Geometry, start: u32) -> Vec<u8> {
    let mut image = vec![0; geometry.ring(0)];
    let header = geometry.header();
    image[..header.len()].copy_from_slice(&header);
    let down = (0..geometry.rings).map(Geometry::down_index);
    for offset in down.chain([Geometry::up_index()]) {
        image[offset..offset + 4].copy_from_slice(&start.to_ne_bytes());
    }
    image
}

/// Fills one receive ring of a partition; one worker has it.
#[derive(Debug)]
pub struct DownWriter {
    ring: Filler,
    slots: OwnSlots,
}

impl DownWriter {
    /// Free slots, after a look at how far the partition has read.
    ///
    /// # Errors
    /// The partition claims to have read what it was never given; from then on always.
    pub fn free(&mut self) -> Result<u32, Closed> {
        self.ring.free()
    }

    /// The next free slot, as long as the lane's longest frame and full of whatever
    /// was there; `None` if the ring is full or closed.
    #[inline]
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        let slot = self.ring.slot()?;
        Some(self.slots.frame_mut(slot))
    }

    /// Takes the slot that [`DownWriter::slot`] gave as filled with the frame that
    /// `meta` tells of. Without a free slot nothing happens.
    #[inline]
    pub fn commit(&mut self, meta: Meta) {
        if let Some(slot) = self.ring.slot() {
            debug_assert!(meta.len as usize <= self.slots.frame_bytes());
            self.slots.set_meta(slot, meta.pack());
            self.ring.advance();
        }
    }

    /// Shows the partition every frame committed so far, with one store.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.publish();
    }
}

/// A frame in the transmit ring: where it is, and a length that is safe to use.
#[derive(Debug, Clone, Copy)]
pub struct UpFrame {
    slot: u32,
    len: u32,
}

impl UpFrame {
    /// Length in bytes, at most the lane's longest frame.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the partition sent nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Empties the transmit ring of a partition; one worker has it.
#[derive(Debug)]
pub struct UpReader {
    ring: Drainer,
    slots: Slots,
}

impl UpReader {
    /// Frames that wait, after a look at how far the partition has written.
    ///
    /// # Errors
    /// The partition claims more frames than it has slots; from then on always.
    pub fn available(&mut self) -> Result<u32, Closed> {
        self.ring.available()
    }

    /// Copies the beginning of the next frame, up to [`HEAD_BYTES`], into `header`;
    /// the rest of `header` keeps what it had. `None` if no frame waits or the ring is
    /// closed. The frame stays the next one until [`UpReader::consume`].
    #[inline]
    pub fn head(&mut self, header: &mut [u8; HEAD_BYTES]) -> Option<UpFrame> {
        let slot = self.ring.slot()?;
        let limit = self.slots.frame_bytes() as u32;
        let len = Meta::unpack(self.slots.meta(slot)).len.min(limit);
        let frame = UpFrame { slot, len };
        let head = frame.len().min(HEAD_BYTES);
        self.slots.copy_out(slot, 0, &mut header[..head]);
        Some(frame)
    }

    /// Copies the frame from byte `from` on until `into` is full or the slot ends;
    /// returns the number of bytes. Whatever the partition writes there meanwhile may
    /// be in the copy, so check what is copied and not what was seen before.
    #[inline]
    pub fn copy(&self, frame: &UpFrame, from: usize, into: &mut [u8]) -> usize {
        self.slots.copy_out(frame.slot, from, into)
    }

    /// Steps past the next frame. Its slot stays the core's until [`UpReader::release`].
    #[inline]
    pub fn consume(&mut self) {
        self.ring.advance();
    }

    /// Gives the slots of all consumed frames back, with one store.
    #[inline]
    pub fn release(&mut self) {
        self.ring.release();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;
    use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
    use rustix::io::{Errno, pwrite};

    use super::*;
    use crate::Endpoint;
    use crate::memory::{Mapping, OurIndex};

    const SMALL: Geometry = Geometry {
        rings: 2,
        slots: 8,
        frame_bytes: 192,
    };

    fn lane() -> Lane {
        Lane::create("test", SMALL).unwrap()
    }

    /// Overwrites `up` at `offset`, as its partition may.
    fn forge(lane: &Lane, offset: usize, bytes: &[u8]) {
        assert_eq!(
            pwrite(&lane.files.up, bytes, offset as u64),
            Ok(bytes.len())
        );
    }

    fn forge_index(lane: &Lane, offset: usize, value: u32) {
        forge(lane, offset, &value.to_ne_bytes());
    }

    fn garbage(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 56) as u8
        });
        bytes.take(len).collect()
    }

    /// Does everything the core does with a lane and returns how many frames came.
    fn use_every_end(lane: &mut Lane, rounds: usize) -> usize {
        let mut frames = 0;
        for _ in 0..rounds {
            for writer in &mut lane.down {
                let closed = writer.free().is_err();
                if let Some(slot) = writer.slot() {
                    assert!(!closed, "a closed ring gives no slot");
                    slot.fill(0xcc);
                    writer.commit(Meta::default());
                }
                writer.publish();
            }
            let closed = lane.up.available().is_err();
            let mut header = [0; HEAD_BYTES];
            while let Some(frame) = lane.up.head(&mut header) {
                assert!(!closed, "a closed ring gives no frame");
                assert!(frame.len() <= 192);
                let mut rest = [0; 512];
                assert_eq!(lane.up.copy(&frame, 100, &mut rest), 92);
                lane.up.consume();
                frames += 1;
                if frames % 8 == 0 {
                    break;
                }
            }
            lane.up.release();
        }
        frames
    }

    #[test]
    fn partition_can_neither_resize_nor_reseal_nor_write_what_it_must_not() {
        let lane = lane();
        for file in [&lane.files.down, &lane.files.up] {
            assert_eq!(ftruncate(file, 4096), Err(Errno::PERM));
            assert_eq!(ftruncate(file, 1 << 20), Err(Errno::PERM));
            assert_eq!(fcntl_add_seals(file, SealFlags::WRITE), Err(Errno::PERM));
        }
        assert_eq!(pwrite(&lane.files.down, &[1], 0), Err(Errno::PERM));
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(fallocate(&lane.files.down, hole, 0, 4096), Err(Errno::PERM));
    }

    #[test]
    fn hole_punched_into_up_reads_as_zeros() {
        let mut lane = lane();
        let mut endpoint = Endpoint::attach(&lane.files).unwrap();
        assert!(endpoint.up.push(&[7; 60]));
        endpoint.up.publish();
        assert_eq!(lane.up.available(), Ok(1));
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&lane.files.up, hole, 0, SMALL.up_bytes() as u64).unwrap();
        let frame = lane.up.head(&mut [0; HEAD_BYTES]).unwrap();
        assert!(frame.is_empty());
    }

    #[test]
    fn geometry_that_cannot_be_is_an_error() {
        let error = Lane::create("test", Geometry { slots: 3, ..SMALL }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(Lane::create("nul\0", SMALL).is_err());
    }

    #[test]
    fn length_beyond_the_slot_is_clamped() {
        let mut lane = lane();
        let long = Meta {
            len: 0xffff,
            ..Meta::default()
        };
        forge(&lane, SMALL.ring(0), &long.pack()[0].to_ne_bytes());
        forge_index(&lane, Geometry::up_index(), 1);
        let frame = lane.up.head(&mut [0; HEAD_BYTES]).unwrap();
        assert_eq!(frame.len(), 192);
        let mut all = [0; 1024];
        assert_eq!(lane.up.copy(&frame, 0, &mut all), 192);
    }

    #[test]
    fn fill_index_of_transmit_may_fill_the_ring_and_not_one_slot_more() {
        let mut lane = lane();
        forge_index(&lane, Geometry::up_index(), 8);
        assert_eq!(lane.up.available(), Ok(8));
        lane.up.consume();
        forge_index(&lane, Geometry::up_index(), 9);
        let closed = Closed {
            index: SharedIndex::TransmitFilled,
            from: 8,
            to: 9,
            limit: 0,
        };
        assert_eq!(lane.up.available(), Err(closed));
        forge_index(&lane, Geometry::up_index(), 8);
        assert_eq!(lane.up.available(), Err(closed));
        assert!(lane.up.head(&mut [0; HEAD_BYTES]).is_none());
    }

    #[test]
    fn fill_index_of_transmit_may_not_go_back() {
        let mut lane = lane();
        forge_index(&lane, Geometry::up_index(), 3);
        assert_eq!(lane.up.available(), Ok(3));
        forge_index(&lane, Geometry::up_index(), 2);
        assert!(lane.up.available().is_err());
    }

    #[test]
    fn partition_may_not_claim_to_have_read_what_it_was_not_given() {
        for (wrong, word) in [(3, 3), (2, u32::MAX)] {
            let mut lane = lane();
            let emptied = Geometry::down_index(1);
            for _ in 0..2 {
                lane.down[1].slot().unwrap().fill(1);
                lane.down[1].commit(Meta::default());
            }
            lane.down[1].publish();
            lane.down[1].slot().unwrap().fill(1);
            lane.down[1].commit(Meta::default());
            forge_index(&lane, emptied, 2);
            if wrong == 3 {
                assert_eq!(lane.down[1].free(), Ok(7));
            }
            forge_index(&lane, emptied, word);
            let closed = lane.down[1].free().unwrap_err();
            assert_eq!(closed.index, SharedIndex::ReceiveEmptied(1));
            assert_eq!(closed.to, word);
            assert!(lane.down[1].slot().is_none());
            assert_eq!(lane.down[0].free(), Ok(8));
        }
    }

    #[test]
    fn closing_says_which_index_moved_and_what_to_do() {
        let mut lane = lane();
        forge_index(&lane, Geometry::up_index(), 1000);
        assert_eq!(
            lane.up.available().unwrap_err().to_string(),
            "the other side moved the fill index of the transmit ring from 0 to 1000, \
             at most 8 was possible: restart the partition's endpoint with a new lane"
        );
    }

    #[test]
    fn core_survives_a_partition_that_scribbles_while_it_reads() {
        let mut lane = lane();
        let up = Mapping::writable(&lane.files.up, SMALL.up_bytes()).unwrap();
        let mut frames = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                let scribbled = OurIndex::new(&up, SMALL.ring(0));
                let filled = OurIndex::new(&up, Geometry::up_index());
                for round in 0..200_000_u32 {
                    scribbled.store(round.wrapping_mul(0x9e37_79b1));
                    filled.store(round / 64);
                }
            });
            for _ in 0..20_000 {
                frames += use_every_end(&mut lane, 1);
            }
        });
        frames += use_every_end(&mut lane, 2);
        assert!(frames > 0 || lane.up.available().is_err());
    }

    proptest! {
        #[test]
        fn garbage_anywhere_in_up_closes_the_lane_or_yields_clamped_frames(
            seed in any::<u64>(),
            indices in any::<[u8; 3]>(),
            small in any::<bool>(),
        ) {
            let mut lane = lane();
            forge(&lane, 0, &garbage(seed, SMALL.up_bytes()));
            if small {
                let offsets = [128, 256, 384];
                for (offset, value) in offsets.into_iter().zip(indices) {
                    forge_index(&lane, offset, u32::from(value & 15));
                }
            }
            use_every_end(&mut lane, 20);
        }

        #[test]
        fn single_wrong_word_never_harms_a_lane_in_use(
            before in 0..12_usize,
            offset in prop_oneof![
                Just(128), Just(256), Just(384), 0..SMALL.up_bytes() / 8,
            ],
            word in prop_oneof![any::<u64>(), 0..32_u64],
        ) {
            let mut lane = lane();
            let mut endpoint = Endpoint::attach(&lane.files).unwrap();
            for _ in 0..before {
                endpoint.up.push(&[1; 60]);
                endpoint.up.publish();
                use_every_end(&mut lane, 1);
            }
            let offset = if offset < 512 && offset % 128 == 0 { offset } else { offset * 8 };
            forge(&lane, offset, &word.to_ne_bytes());
            use_every_end(&mut lane, 20);
        }
    }
}
