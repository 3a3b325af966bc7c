//! The slots of a ring, by who else may write them.
//!
//! [`Slots`] are open to a hostile writer and only copied from, [`OpenSlots`] are
//! filled in sight of one, [`OwnSlots`] have no other writer and [`TrustedSlots`] one
//! that keeps to the protocol; only the last two lend references.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::racing::racing_copy;
use super::{Mapping, Place};
use crate::layout::{Geometry, META_BYTES};

/// The slots of one ring, which the other side may write at any moment.
#[derive(Debug)]
pub(crate) struct Slots {
    metas: Place,
    frames: Place,
    mask: u32,
    stride: usize,
    frame_bytes: usize,
    memory: Arc<Mapping>,
}

impl Slots {
    /// The ring at `offset` of `memory`.
    pub(crate) fn new(memory: &Arc<Mapping>, offset: usize, geometry: Geometry) -> Self {
        let frames = offset + geometry.frames();
        let slots = geometry.slots as usize;
        assert!(slots.is_power_of_two(), "{slots} slots cannot be masked");
        Self {
            metas: memory.place(offset, slots * META_BYTES),
            frames: memory.place(frames, slots * geometry.stride()),
            mask: geometry.slots - 1,
            stride: geometry.stride(),
            frame_bytes: geometry.frame_bytes as usize,
            memory: memory.clone(),
        }
    }

    /// The longest frame that a slot holds, in bytes.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// The metadata of slot `index` (modulo the ring), each word read once.
    #[inline]
    pub(crate) fn meta(&self, index: u32) -> [u64; 2] {
        self.words(index).each_ref().map(|word| word.load(Relaxed))
    }

    /// Copies from byte `from` of a frame, as much of `into` as lies in the slot;
    /// returns that many bytes.
    #[inline]
    pub(crate) fn copy_out(&self, index: u32, from: usize, into: &mut [u8]) -> usize {
        let from = from.min(self.frame_bytes);
        let len = into.len().min(self.frame_bytes - from);
        // SAFETY: `from` is within the slot.
        let source = unsafe { self.frame(index).add(from) };
        // SAFETY: `len` bytes are left in the slot and fit `into`, which is ours alone.
        unsafe { racing_copy(source, into.as_mut_ptr(), len) };
        len
    }

    fn slot(&self, index: u32) -> usize {
        (index & self.mask) as usize
    }

    fn words(&self, index: u32) -> &[AtomicU64; 2] {
        let offset = self.slot(index) * META_BYTES;
        // SAFETY: `new` checked that the metadata of all slots lies in the mapping.
        let place = unsafe { self.metas.0.add(offset) };
        // SAFETY: mapped for as long as `self.memory` lives and 16-byte aligned;
        // atomics may share memory with another process that writes it.
        unsafe { place.cast().as_ref() }
    }

    fn frame(&self, index: u32) -> *mut u8 {
        let offset = self.slot(index) * self.stride;
        // SAFETY: `new` checked that the frames of all slots lie in the mapping.
        unsafe { self.frames.0.add(offset) }.as_ptr()
    }
}

/// The slots of a ring that this side fills and the other side might write as well.
#[derive(Debug)]
pub(crate) struct OpenSlots(Slots);

impl OpenSlots {
    pub(crate) fn new(slots: Slots) -> Self {
        assert!(slots.memory.writable, "slots that cannot be written");
        Self(slots)
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.0.frame_bytes
    }

    /// Fills slot `index` (modulo the ring) with `frame`, cut to the slot's size.
    #[inline]
    pub(crate) fn fill(&mut self, index: u32, frame: &[u8], meta: [u64; 2]) {
        let len = frame.len().min(self.0.frame_bytes);
        // SAFETY: `len` bytes lie in `frame` and in the slot, whose mapping `new`
        // found writable.
        unsafe { racing_copy(frame.as_ptr(), self.0.frame(index), len) };
        for (word, value) in self.0.words(index).iter().zip(meta) {
            word.store(value, Relaxed);
        }
    }
}

/// The slots of a ring that nobody else can write.
#[derive(Debug)]
pub(crate) struct OwnSlots(Slots);

impl OwnSlots {
    /// For [`Down::slots`](super::Down::slots), which gives each ring away once.
    pub(super) fn new(slots: Slots) -> Self {
        Self(slots)
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.0.frame_bytes
    }

    /// The frame area of slot `index` (modulo the ring).
    #[inline]
    pub(crate) fn frame_mut(&mut self, index: u32) -> &mut [u8] {
        // SAFETY: `Down::slots` gives each ring away once, from a mapping that is
        // writable and, since it is sealed, the only such one; the area lies in it.
        // The other process may read the bytes, which this one does not notice.
        unsafe { slice::from_raw_parts_mut(self.0.frame(index), self.0.frame_bytes) }
    }

    /// Sets the metadata of slot `index` (modulo the ring).
    #[inline]
    pub(crate) fn set_meta(&mut self, index: u32, meta: [u64; 2]) {
        for (word, value) in self.0.words(index).iter().zip(meta) {
            word.store(value, Relaxed);
        }
    }
}

/// The slots of a ring whose writer is trusted to leave shown frames alone.
#[derive(Debug)]
pub(crate) struct TrustedSlots(Slots);

impl TrustedSlots {
    /// For rings of `down`, which only the core can write.
    pub(crate) fn new(slots: Slots) -> Self {
        Self(slots)
    }

    #[inline]
    pub(crate) fn meta(&self, index: u32) -> [u64; 2] {
        self.0.meta(index)
    }

    /// The first `len` bytes of a frame that is published and not yet released, cut
    /// to the slot's size.
    #[inline]
    pub(crate) fn frame(&self, index: u32, len: usize) -> &[u8] {
        let len = len.min(self.0.frame_bytes);
        // SAFETY: the area lies in the mapping, which `self` keeps. The core, its only
        // writer, does not touch a slot between publishing it and seeing it released.
        unsafe { slice::from_raw_parts(self.0.frame(index), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::create_up;
    use super::*;

    const SMALL: Geometry = Geometry { rings: 1, slots: 4, frame_bytes: 128 };

    #[test]
    #[should_panic(expected = "outside the lane")]
    fn ring_that_reaches_beyond_its_mapping_is_our_own_bug() {
        let len = SMALL.up_bytes() - 4096;
        let (_file, up) = create_up("short-up", len).unwrap();
        Slots::new(&up, SMALL.ring(0), SMALL);
    }

    #[test]
    fn copy_out_stays_in_its_slot_whatever_is_asked() {
        let (file, up) = create_up("clamped-up", SMALL.up_bytes()).unwrap();
        let theirs = Mapping::writable(&file, SMALL.up_bytes()).unwrap();
        let slots = Slots::new(&up, SMALL.ring(0), SMALL);
        let mut filler = OpenSlots::new(Slots::new(&theirs, SMALL.ring(0), SMALL));
        for index in (0..4).rev() {
            filler.fill(index, &[index as u8 + 1; 1000], [0; 2]);
        }
        for (from, copied) in [(0, 128), (100, 28), (128, 0), (129, 0), (usize::MAX, 0)] {
            let mut into = [0; 300];
            assert_eq!(slots.copy_out(7, from, &mut into), copied);
            assert!(into[..copied].iter().all(|&byte| byte == 4));
            assert!(into[copied..].iter().all(|&byte| byte == 0));
        }
    }
}
