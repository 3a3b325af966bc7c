//! What one end of a ring sees of the shared memory: both indices, and where slots are.
//!
//! An end that fills writes metadata and frames beside its own index, an end that
//! empties reads them beside the other side's.
//!
//! Not here: what is done with a slot ([`Slots`]), and whose turn it is with one
//! ([`End`](crate::End)).

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

use super::Memory;
use super::slots::{Place, Slots};
use crate::layout::{FILLS, Geometry, LINE, META_BYTES};

/// Both indices of a ring in the file `FILE`, and its slots.
#[derive(Debug)]
pub(crate) struct View<const END: bool, const FILE: bool> {
    ours: NonNull<AtomicU32>,
    theirs: NonNull<AtomicU32>,
    /// All of them.
    slots: Place,
    _memory: Arc<Memory>,
}

// SAFETY: a view's addresses stay mapped for as long as it lives, in whatever thread.
unsafe impl<const END: bool, const FILE: bool> Send for View<END, FILE> {}

impl<const END: bool, const FILE: bool> View<END, FILE> {
    /// The view of ring `ring` of `FILE`.
    pub(super) fn new(memory: &Arc<Memory>, ring: u16) -> Self {
        let Memory {
            ours,
            theirs,
            geometry,
        } = &**memory;
        let (index, start) = (Geometry::index(FILE, ring), geometry.ring(ring));
        let (slots, stride) = (geometry.slots as usize, geometry.stride());
        let filled = if END == FILLS { ours } else { theirs };
        Self {
            ours: ours.place(index, LINE).cast(),
            theirs: theirs.place(index, LINE).cast(),
            slots: Place {
                meta: filled.place(start, slots * META_BYTES).cast(),
                frame: filled.place(start + geometry.frames(), slots * stride),
                stride,
                frame_bytes: geometry.frame_bytes as usize,
                left: slots,
            },
            _memory: memory.clone(),
        }
    }

    /// Slots of the ring.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.left as u32
    }

    /// The index that this side moves: where an earlier holder left it, at first.
    pub(crate) fn ours(&self) -> &AtomicU32 {
        // SAFETY: an aligned word of a mapping that `_memory` keeps; this process
        // touches it by atomics alone, and those may share it with any other.
        unsafe { self.ours.as_ref() }
    }

    /// Reads the index that the other side moves; what it wrote before is visible then.
    pub(crate) fn theirs(&self) -> u32 {
        // SAFETY: as for `ours`.
        unsafe { self.theirs.as_ref() }.load(Acquire)
    }

    /// Slots in a row from `index` (modulo the ring) on: `count`, or as many as there are to
    /// the end of the ring.
    #[inline(always)]
    pub(crate) fn slots_from(&self, index: u32, count: u32) -> Slots<'_, END, FILE> {
        let slot = (index & (self.slots() - 1)) as usize;
        let all = self.slots;
        assert!(slot < all.left);
        let place = Place {
            // SAFETY: the metadata of every slot lies in the mapping, as `new` checked.
            meta: unsafe { all.meta.add(slot) },
            // SAFETY: as above, the frames.
            frame: unsafe { all.frame.add(slot * all.stride) },
            left: (count as usize).min(all.left - slot),
            ..all
        };
        Slots {
            place,
            of: PhantomData,
        }
    }
}
