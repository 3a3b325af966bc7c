//! The core's side of a lane.
//!
//! The core writes `down` and reads `up`, and believes nothing in `up`. What it has
//! checked it has copied before; whoever forwards a frame must use the header that
//! was checked and fetch only the rest from the lane, because the partition can
//! rewrite its slot at any moment.

use std::io;
use std::os::fd::OwnedFd;

use crate::layout::{DOWN, EMPTIES, FILLS, Geometry, UP};
use crate::memory;
use crate::meta::Meta;
use crate::ring::End;

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
        geometry.check()?;
        let (files, (down, up)) = memory::create(name, geometry)?;
        let down = down.into_iter().map(End::new).collect::<Result<_, _>>();
        let up = End::new(up).map_err(io::Error::other)?;
        Ok(Self { down: down.map_err(io::Error::other)?, up, files })
    }
}

/// Fills one receive ring of a partition; one worker has it.
pub type DownWriter = End<FILLS, DOWN>;

impl DownWriter {
    /// The next free slot, as long as the lane's longest frame and full of whatever
    /// was there; `None` if the ring is full or closed.
    #[inline]
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        let slot = self.next_slot()?;
        Some(self.view.frame_mut(slot))
    }

    /// Takes the slot that [`DownWriter::slot`] gave as filled with the frame that
    /// `meta` tells of. Without a free slot nothing happens.
    #[inline]
    pub fn commit(&mut self, meta: Meta) {
        if let Some(slot) = self.next_slot() {
            debug_assert!(meta.len as usize <= self.view.frame_bytes());
            self.view.set_meta(slot, meta);
            self.advance();
        }
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
pub type UpReader = End<EMPTIES, UP>;

impl UpReader {
    /// Copies the beginning of the next frame, up to [`HEAD_BYTES`], into `header`;
    /// the rest of `header` keeps what it had. `None` if no frame waits or the ring is
    /// closed. The frame stays the next one until [`End::consume`].
    #[inline]
    pub fn head(&mut self, header: &mut [u8; HEAD_BYTES]) -> Option<UpFrame> {
        let slot = self.next_slot()?;
        let len = self.view.meta(slot).len.min(self.view.frame_bytes() as u32);
        let frame = UpFrame { slot, len };
        self.view.copy_out(slot, 0, &mut header[..frame.len().min(HEAD_BYTES)]);
        Some(frame)
    }

    /// Copies the frame from byte `from` on until `into` is full or the slot ends;
    /// returns the number of bytes. Whatever the partition writes there meanwhile may
    /// be in the copy, so check what is copied and not what was seen before.
    #[inline]
    pub fn copy(&self, frame: &UpFrame, from: usize, into: &mut [u8]) -> usize {
        self.view.copy_out(frame.slot, from, into)
    }
}
