//! The end that empties a ring.
//!
//! What waits is seen as [`Frame`]s, in order, and copied out. Nothing here is a reference into
//! the lane: whoever fills it may write a slot at any time, against the rules, so what is
//! decided on is the copy. The length is loaded once for each view and clamped to the slot.
//!
//! Not here: what a frame contains.

use alloc::sync::Arc;
use core::marker::PhantomData;

use lockgate_shm::{Block, Blocks, HEAD_WORDS, Pair, ReadOnly, Slot, SlotRun, Words};

use crate::closed::Closed;
use crate::cursor::Role;
use crate::direction::Direction;
use crate::end::{End, EndOf, Regions};
use crate::geometry::Geometry;
use crate::latch::Latch;
use crate::meta::{META_WORDS, Meta};

/// Empties one ring of a lane; one thread has it.
#[derive(Debug)]
pub struct Consumer<D: Direction> {
    end: End,
    /// Two for each slot.
    meta: Words<ReadOnly>,
    frames: Blocks<ReadOnly>,
    direction: PhantomData<D>,
}

impl<D: Direction> Consumer<D> {
    /// The consumer of ring `ring` where the shared indices stand; `None` if the ring is not
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
        let meta = Words::new(&regions.theirs, offsets.meta, META_WORDS * slots)?;
        let frames = Blocks::new(&regions.theirs, offsets.frames, slots, stride, bytes)?;
        let of = EndOf {
            role: Role::Consumer,
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

    /// The longest frame that a slot holds, in bytes: no frame is said to be longer.
    #[inline(always)]
    pub fn frame_bytes(&self) -> usize {
        self.frames.block_bytes()
    }

    /// How many slots the ring has.
    pub fn slots(&self) -> usize {
        self.frames.len()
    }

    /// How many frames wait. Looks at the shared index only if none is known of; 0 once the
    /// lane is closed.
    #[inline(always)]
    pub fn waiting(&mut self) -> usize {
        self.end.left(1)
    }

    /// As [`Consumer::waiting`], always with a look at the shared index.
    ///
    /// # Errors
    /// The other side claims more frames than there are slots for, or the lane was closed
    /// before; from then on always.
    pub fn look(&mut self) -> Result<usize, Closed> {
        self.end.look()
    }

    /// Number `i`, from 0, of the frames that wait; `None` if no such frame is known of
    /// ([`Consumer::waiting`] looks). It stays that number until [`Consumer::advance`].
    #[inline(always)]
    pub fn frame(&self, i: usize) -> Option<Frame<'_>> {
        self.frames_in_row(i, 1).next()
    }

    /// The frames that are known to wait from number `first` on, in order: `most` of them, or as
    /// many as lie in a row. Each is looked at when its turn comes.
    #[inline(always)]
    pub fn frames_in_row(&self, first: usize, most: usize) -> Frames<'_> {
        let known = self.end.cursor.left().saturating_sub(first);
        let (slot, most) = (self.end.cursor.slot(first), most.min(known));
        Frames {
            slots: self
                .frames
                .run(slot, most)
                .beside(self.meta.pairs(slot, most)),
        }
    }

    /// The first frame that waits, after a look if none is known of.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<Frame<'_>> {
        self.waiting();
        self.frame(0)
    }

    /// Steps past the first `count` frames that are known of, or all of them. Their slots are
    /// the other side's again after [`Consumer::release`].
    #[inline(always)]
    pub fn advance(&mut self, count: usize) {
        self.end.cursor.advance(count);
    }

    /// Gives the slots of all frames stepped past back, with one store; nothing once the lane
    /// is closed.
    #[inline(always)]
    pub fn release(&mut self) {
        self.end.tell();
    }

    /// Why the lane is closed, if it is; it stays so.
    pub fn closed(&self) -> Option<Closed> {
        self.end.closed()
    }
}

/// Frames that wait in a row ([`Consumer::frames_in_row`]).
#[derive(Debug)]
pub struct Frames<'r> {
    slots: SlotRun<'r, ReadOnly>,
}

impl<'r> Iterator for Frames<'r> {
    type Item = Frame<'r>;

    #[inline(always)]
    fn next(&mut self) -> Option<Frame<'r>> {
        let Slot { block, words } = self.slots.next()?;
        let first = words.first();
        Some(Frame {
            block,
            len: Meta::len_of(first).min(block.len()),
            first,
            meta: words,
        })
    }
}

/// A frame in its slot, which its writer may still change.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'r> {
    block: Block<'r, ReadOnly>,
    len: usize,
    /// The first word of the metadata, as it was when the length was taken from it.
    first: u64,
    meta: Pair<'r, ReadOnly>,
}

impl<'r> Frame<'r> {
    /// Its length in bytes, no more than the slot holds: the same for as long as this view
    /// lives.
    #[expect(clippy::len_without_is_empty, reason = "a frame of no bytes is a runt")]
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Its first 32 bytes as words in host order, each loaded once: those behind
    /// [`Frame::len`] are whatever is in the slot.
    #[inline(always)]
    pub fn head(&self) -> [u64; HEAD_WORDS] {
        self.block.head()
    }

    /// The slot, for copies from block to block.
    #[inline(always)]
    pub fn block(&self) -> Block<'r, ReadOnly> {
        self.block
    }

    /// What was told of it, its length apart.
    #[inline(always)]
    pub fn meta(&self) -> Meta {
        Meta::from_words(self.first, self.meta.second())
    }

    /// Copies its first bytes until `into` is full; `false`, and nothing copied, if the frame
    /// is shorter than `into`.
    #[inline(always)]
    pub fn copy_to(&self, into: &mut [u8]) -> bool {
        let fits = into.len() <= self.len;
        if fits {
            self.block.copy_to(into);
        }
        fits
    }

    /// Copies all of it to the beginning of `buffer` and gives that part; `None`, and nothing
    /// copied, if the buffer is shorter.
    #[inline(always)]
    pub fn read<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let into = buffer.get_mut(..self.len)?;
        self.block.copy_to(into);
        Some(into)
    }
}
