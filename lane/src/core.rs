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
use crate::ring::{Closed, End};

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
        geometry.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let (down_file, mut down) = Down::create(
            &format!("lockgate-{name}-down"),
            geometry.down_bytes(),
            &geometry.header(),
        )?;
        let (up_file, up) = memory::create_up(&format!("lockgate-{name}-up"), geometry.up_bytes())?;
        let writers = (0..geometry.rings).map(|ring| {
            let ours = down.index(Geometry::down_index(ring));
            let theirs = TheirIndex::new(&up, Geometry::down_index(ring));
            Ok(DownWriter {
                ring: End::filling("receive", ours, theirs, geometry.slots)?,
                slots: down.slots(geometry.ring(ring), geometry),
            })
        });
        let writers = writers.collect::<Result<_, Closed>>();
        let ours = down.index(Geometry::up_index());
        let theirs = TheirIndex::new(&up, Geometry::up_index());
        let ring = End::emptying("transmit", ours, theirs, geometry.slots);
        Ok(Self {
            down: writers.map_err(io::Error::other)?,
            up: UpReader {
                ring: ring.map_err(io::Error::other)?,
                slots: Slots::new(&up, geometry.ring(0), geometry),
            },
            files: LaneFiles { down: down_file, up: up_file },
        })
    }
}

/// Fills one receive ring of a partition; one worker has it.
#[derive(Debug)]
pub struct DownWriter {
    ring: End,
    slots: OwnSlots,
}

impl DownWriter {
    /// Free slots, after a look at how far the partition has read.
    ///
    /// # Errors
    /// The partition claims to have read what it was never given; from then on always.
    pub fn free(&mut self) -> Result<u32, Closed> {
        self.ring.refresh()
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
    ring: End,
    slots: Slots,
}

impl UpReader {
    /// Frames that wait, after a look at how far the partition has written.
    ///
    /// # Errors
    /// The partition claims more frames than it has slots; from then on always.
    pub fn available(&mut self) -> Result<u32, Closed> {
        self.ring.refresh()
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
        self.ring.publish();
    }
}
