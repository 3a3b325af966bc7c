//! The end that fills a ring.
//!
//! Every push copies a whole frame into the next slot and counts itself, so that no slot is
//! ever shown that was not written since the other side gave it back.
//!
//! Not here: what a frame may contain.

use alloc::sync::Arc;
use core::marker::PhantomData;

use lockgate_shm::{Access, Block, Blocks, JudgedFrame, SlotRun, Words};

use crate::closed::Closed;
use crate::cursor::{Cursor, Role};
use crate::direction::Direction;
use crate::end::{End, EndOf, Regions};
use crate::geometry::Geometry;
use crate::latch::Latch;
use crate::meta::{META_WORDS, Meta};

/// Why a frame was not pushed. Nothing happened to the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// There is no free slot, or the lane is closed ([`Producer::closed`] tells).
    #[error("the ring has no free slot")]
    Full,
    /// It is longer than [`Producer::frame_bytes`], or than the block that it is said to be in.
    #[error("the frame is longer than the lane's slots")]
    TooLong,
}

/// Free slots in a row, which are filled in order ([`Producer::slots_in_row`]). Frames that were
/// pushed into them are none before [`Slots::commit`].
#[derive(Debug)]
#[must_use = "nothing is pushed until it is committed"]
pub struct Slots<'p> {
    slots: SlotRun<'p>,
    pushed: usize,
    cursor: &'p mut Cursor,
}

impl Slots<'_> {
    /// How many are left.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.slots.len()
    }

    /// As [`Producer::push_judged`], into the next of them.
    ///
    /// # Errors
    /// None of them is left, or the frame is longer than either block.
    #[inline(always)]
    pub fn push_judged<A: Access>(
        &mut self,
        frame: JudgedFrame<'_, A>,
        meta: Meta,
    ) -> Result<(), PushError> {
        let slot = self.slots.peek().ok_or(PushError::Full)?;
        if !frame.copy_into(slot.block) {
            return Err(PushError::TooLong);
        }
        let len = frame.padded.max(frame.len);
        slot.words.store(meta.first_word(len), meta.stamp_ns);
        // Only now, so that no slot is counted that was not written.
        self.slots.next();
        self.pushed += 1;
        Ok(())
    }

    /// Counts what was pushed, which [`Producer::publish`] then shows; says how many frames.
    #[inline(always)]
    pub fn commit(self) -> usize {
        self.cursor.advance(self.pushed);
        self.pushed
    }
}

/// Fills one ring of a lane; one thread has it.
#[derive(Debug)]
pub struct Producer<D: Direction> {
    end: End,
    /// Two for each slot.
    meta: Words,
    frames: Blocks,
    direction: PhantomData<D>,
}

impl<D: Direction> Producer<D> {
    /// The producer of ring `ring` where the shared indices stand; `None` if the ring is not
    /// in the regions.
    ///
    /// # Errors
    /// The indices are further apart than the ring is long.
    pub(crate) fn new(
        geometry: Geometry,
        ring: u16,
        regions: &Regions,
        latch: &Arc<Latch>,
    ) -> Option<Result<Self, Closed>> {
        let offsets = geometry.ring(D::RING, ring);
        let slots = geometry.slots as usize;
        let (stride, bytes) = (geometry.stride(), geometry.frame_bytes as usize);
        let meta = Words::new(&regions.ours, offsets.meta, META_WORDS * slots)?;
        let frames = Blocks::new(&regions.ours, offsets.frames, slots, stride, bytes)?;
        let of = EndOf {
            role: Role::Producer,
            ring: D::RING,
            slots: geometry.slots,
            index: offsets.index,
        };
        Some(End::new(of, regions, latch)?.map(|end| Self {
            end,
            meta,
            frames,
            direction: PhantomData,
        }))
    }

    /// The longest frame that can be pushed, in bytes.
    #[inline(always)]
    pub fn frame_bytes(&self) -> usize {
        self.frames.block_bytes()
    }

    /// How many slots the ring has.
    pub fn slots(&self) -> usize {
        self.frames.len()
    }

    /// How many frames can be pushed now. Looks at the shared index only if fewer than `wanted`
    /// are known of; 0 once this end has seen that the lane is closed.
    #[inline(always)]
    pub fn free(&mut self, wanted: usize) -> usize {
        self.end.left(wanted)
    }

    /// As [`Producer::free`], always with a look at the shared index.
    ///
    /// # Errors
    /// The other side claims to have read what it was never given, or the lane was closed
    /// before; from then on always.
    pub fn look(&mut self) -> Result<usize, Closed> {
        self.end.look()
    }

    /// Copies `frame` into the next slot. The other side sees it after [`Producer::publish`].
    ///
    /// # Errors
    /// There is no room, after a look, or the frame is too long.
    #[inline(always)]
    pub fn push(&mut self, frame: &[u8], meta: Meta) -> Result<(), PushError> {
        self.fill(frame.len(), meta, |slot| slot.copy_from(frame))
    }

    /// As [`Producer::push`], of the first `len` bytes of `frame`, which others may write
    /// meanwhile: then some mixture is pushed.
    ///
    /// # Errors
    /// There is no room, after a look, or `len` is more than either block holds.
    #[inline(always)]
    pub fn push_block<A: Access>(
        &mut self,
        frame: Block<'_, A>,
        len: usize,
        meta: Meta,
    ) -> Result<(), PushError> {
        self.fill(len, meta, |slot| slot.copy_from_block(frame, len))
    }

    /// As [`Producer::push`], with the first 32 bytes as they were judged, whatever is in the
    /// block by now, and only what follows from the block.
    ///
    /// # Errors
    /// There is no room, after a look, or the frame is longer than either block.
    #[inline(always)]
    pub fn push_judged<A: Access>(
        &mut self,
        frame: JudgedFrame<'_, A>,
        meta: Meta,
    ) -> Result<(), PushError> {
        let padded = frame.padded.max(frame.len);
        self.fill(padded, meta, |slot| frame.copy_into(slot))
    }

    /// The next free slots, to be filled in one go: `most` of them, or as many as are known to
    /// be free in a row; none if none is after a look, which it takes only then.
    #[inline(always)]
    pub fn slots_in_row(&mut self, most: usize) -> Slots<'_> {
        let most = self.end.left(1).min(most);
        let first = self.end.cursor.slot(0);
        Slots {
            slots: self
                .frames
                .run(first, most)
                .beside(self.meta.pairs(first, most)),
            pushed: 0,
            cursor: &mut self.end.cursor,
        }
    }

    /// Shows the other side every frame pushed so far, with one store; nothing once the lane is
    /// closed.
    #[inline(always)]
    pub fn publish(&mut self) {
        self.end.tell();
    }

    /// How many frames were pushed since the lane was made.
    pub fn produced(&self) -> u64 {
        self.end.cursor.next()
    }

    /// Whether the other side has given back the slots of the first `produced` frames, after a
    /// look; true once the lane is closed.
    pub fn is_consumed(&mut self, produced: u64) -> bool {
        self.look().is_err() || self.end.cursor.theirs().wrapping_sub(produced) as i64 >= 0
    }

    /// Why the lane is closed, if it is; it stays so.
    pub fn closed(&self) -> Option<Closed> {
        self.end.closed()
    }

    /// Lets `copy` write the next slot, and counts it as a frame of `len` bytes unless that says
    /// that it is too long.
    #[inline(always)]
    fn fill(
        &mut self,
        len: usize,
        meta: Meta,
        copy: impl FnOnce(Block<'_>) -> bool,
    ) -> Result<(), PushError> {
        if self.end.left(1) == 0 {
            return Err(PushError::Full);
        }
        let slot = self.end.cursor.slot(0);
        if !copy(self.frames.get(slot)) {
            return Err(PushError::TooLong);
        }
        let words = slot.wrapping_mul(META_WORDS);
        self.meta.store(words, meta.first_word(len));
        self.meta.store(words.wrapping_add(1), meta.stamp_ns);
        self.end.cursor.step();
        Ok(())
    }
}
