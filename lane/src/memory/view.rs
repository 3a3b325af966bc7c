//! What one end of a ring sees of the shared memory.
//!
//! An end that fills writes metadata and frames beside its own index, an end that
//! empties reads them beside the other side's. Frames in `up` may change at any
//! moment and are only copied. Frames in `down` have one writer, the core, which
//! keeps to the protocol: the other side may borrow them.
//!
//! Not here: whose turn it is with a slot ([`End`](crate::End)).

use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::Memory;
use super::racing::racing_copy;
use crate::layout::{DOWN, EMPTIES, FILLS, Geometry, LINE, META_BYTES};
use crate::meta::{Meta, Words};

/// [`Words`] that somebody else may write.
#[repr(C)]
struct AtomicMeta(AtomicU32, AtomicU32, AtomicU64);

/// Both indices of a ring in the file `FILE`, and its slots.
#[derive(Debug)]
pub(crate) struct View<const END: bool, const FILE: bool> {
    ours: NonNull<AtomicU32>,
    theirs: NonNull<AtomicU32>,
    metas: NonNull<AtomicMeta>,
    frames: NonNull<u8>,
    mask: u32,
    stride: usize,
    frame_bytes: usize,
    _memory: Arc<Memory>,
}

// SAFETY: a view's addresses stay mapped for as long as it lives, in whatever thread.
unsafe impl<const END: bool, const FILE: bool> Send for View<END, FILE> {}

impl<const END: bool, const FILE: bool> View<END, FILE> {
    /// The view of ring `ring` of `FILE`.
    pub(super) fn new(memory: &Arc<Memory>, ring: u16) -> Self {
        let Memory { ours, theirs, geometry } = &**memory;
        let (index, start) = (Geometry::index(FILE, ring), geometry.ring(ring));
        let (slots, stride) = (geometry.slots as usize, geometry.stride());
        let filled = if END == FILLS { ours } else { theirs };
        Self {
            ours: ours.place(index, LINE).cast(),
            theirs: theirs.place(index, LINE).cast(),
            metas: filled.place(start, slots * META_BYTES).cast(),
            frames: filled.place(start + geometry.frames(), slots * stride),
            mask: geometry.slots - 1,
            stride,
            frame_bytes: geometry.frame_bytes as usize,
            _memory: memory.clone(),
        }
    }

    /// Slots of the ring.
    #[inline]
    pub(crate) fn slots(&self) -> u32 {
        self.mask + 1
    }

    /// The longest frame that a slot holds, in bytes.
    #[inline]
    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// The index that this side moves: where an earlier holder left it, at first.
    #[inline]
    pub(crate) fn ours(&self) -> &AtomicU32 {
        // SAFETY: an aligned word of a mapping that `_memory` keeps; this process
        // touches it by atomics alone, and those may share it with any other.
        unsafe { self.ours.as_ref() }
    }

    /// Reads the index that the other side moves; what it wrote before is visible then.
    #[inline]
    pub(crate) fn theirs(&self) -> u32 {
        // SAFETY: as for `ours`.
        unsafe { self.theirs.as_ref() }.load(Acquire)
    }

    /// The length that the metadata of slot `index` (modulo the ring) names.
    #[inline(always)]
    pub(crate) fn len(&self, index: u32) -> usize {
        (self.words(index).0.load(Relaxed) & 0xffff) as usize
    }

    /// The metadata of slot `index` (modulo the ring), each word read once.
    #[inline]
    pub(crate) fn meta(&self, index: u32) -> Meta {
        let (first, hash, stamp_ns) = self.words(index);
        Meta::unpack((first.load(Relaxed), hash.load(Relaxed), stamp_ns.load(Relaxed)))
    }

    #[inline]
    fn words(&self, index: u32) -> (&AtomicU32, &AtomicU32, &AtomicU64) {
        // SAFETY: `new` checked that the metadata of all slots lies in the mapping.
        let words = unsafe { self.metas.add(self.slot(index)) };
        // SAFETY: mapped for as long as `_memory` lives and 16-byte aligned; atomics
        // may share memory with another process that writes it.
        let AtomicMeta(first, hash, stamp_ns) = unsafe { words.as_ref() };
        (first, hash, stamp_ns)
    }

    #[inline]
    fn frame_at(&self, index: u32) -> *mut u8 {
        // SAFETY: `new` checked that the frames of all slots lie in the mapping.
        unsafe { self.frames.add(self.slot(index) * self.stride) }.as_ptr()
    }

    #[inline]
    fn slot(&self, index: u32) -> usize {
        (index & self.mask) as usize
    }
}

impl<const FILE: bool> View<FILLS, FILE> {
    /// Copies `frame`, which is no longer than the longest, and `meta` into slot `index`
    /// (modulo the ring).
    #[inline(always)]
    pub(crate) fn fill(&mut self, index: u32, frame: &[u8], meta: Words) {
        assert!(frame.len() <= self.frame_bytes);
        // SAFETY: as many bytes lie in `frame` and in the slot, which is mapped for
        // writing as all that this side fills.
        unsafe { racing_copy(frame.as_ptr(), self.frame_at(index), frame.len()) };
        let (first, hash, stamp_ns) = self.words(index);
        first.store(meta.0, Relaxed);
        hash.store(meta.1, Relaxed);
        stamp_ns.store(meta.2, Relaxed);
    }
}

impl View<EMPTIES, DOWN> {
    /// The first `len` bytes of a frame that is published and not yet released, cut
    /// to the slot's size.
    #[inline]
    pub(crate) fn frame(&self, index: u32, len: usize) -> &[u8] {
        // SAFETY: the area lies in the mapping, which `self` keeps. The core, its only
        // writer, does not touch a slot between publishing it and seeing it released.
        unsafe { slice::from_raw_parts(self.frame_at(index), len.min(self.frame_bytes)) }
    }
}

impl<const FILE: bool> View<EMPTIES, FILE> {
    /// Copies a frame, as much of `into` as lies in the slot; returns that many bytes.
    #[inline(always)]
    pub(crate) fn copy_out(&self, index: u32, into: &mut [u8]) -> usize {
        let len = into.len().min(self.frame_bytes);
        // SAFETY: `len` bytes are in the slot and fit `into`, which is ours alone.
        unsafe { racing_copy(self.frame_at(index), into.as_mut_ptr(), len) };
        len
    }
}

#[cfg(test)]
mod tests {
    use super::super::{attach, create};
    use super::*;

    const SMALL: Geometry = Geometry { rings: 2, slots: 4, frame_bytes: 128 };

    #[test]
    fn copy_out_stays_in_its_slot_whatever_is_asked() {
        let (files, (_, reader)) = create("clamped", SMALL).unwrap();
        let (_, mut filler) = attach(&files, SMALL).unwrap();
        for index in (0..4).rev() {
            filler.fill(index, &[index as u8 + 1; 128], (0, 0, 0));
        }
        for (asked, copied) in [(0, 0), (1, 1), (127, 127), (128, 128), (129, 128), (300, 128)] {
            let mut into = [0; 300];
            assert_eq!(reader.copy_out(7, &mut into[..asked]), copied);
            assert!(into[..copied].iter().all(|&byte| byte == 4));
            assert!(into[copied..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn no_two_slots_of_down_share_a_byte() {
        let (files, (mut down, _)) = create("disjoint", SMALL).unwrap();
        let number = |ring: usize, slot: u32| 1 + 4 * ring as u8 + slot as u8;
        for (ring, view) in down.iter_mut().enumerate() {
            for slot in 0..4 {
                let len = 1000 + u32::from(number(ring, slot));
                let meta = Meta { len, ..Meta::default() };
                view.fill(slot, &[number(ring, slot); 128], meta.pack());
            }
        }
        let (readers, _) = attach(&files, SMALL).unwrap();
        for (ring, view) in readers.iter().enumerate() {
            for slot in 0..4 {
                let expected = number(ring, slot);
                assert_eq!(view.frame(slot, usize::MAX), [expected; 128]);
                assert_eq!(view.meta(slot).len, 1000 + u32::from(expected));
            }
        }
    }
}
