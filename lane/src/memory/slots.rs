//! Slots that one end of a ring may use now, one after the other.
//!
//! Running addresses cost less than to find each slot by its number. Frames in `up` may
//! change at any moment and are only copied. Frames in `down` have one writer, the core,
//! which keeps to the protocol: the other side may borrow them.
//!
//! Not here: how many slots an end may use ([`End`](crate::End)).

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::View;
use super::racing::racing_copy;
use crate::layout::{DOWN, EMPTIES, FILLS};
use crate::meta::{Meta, Words};

/// [`Words`] that somebody else may write.
#[repr(C)]
pub(super) struct AtomicMeta(AtomicU32, AtomicU32, AtomicU64);

/// Where slots in a row are: in a mapping, as far as there are any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) meta: NonNull<AtomicMeta>,
    pub(super) frame: NonNull<u8>,
    pub(super) stride: usize,
    pub(super) frame_bytes: usize,
    /// How many there are.
    pub(super) left: usize,
}

/// Slots in a row that one end of a ring may fill or empty.
#[derive(Debug)]
pub struct Slots<'v, const END: bool, const FILE: bool> {
    pub(super) place: Place,
    pub(super) of: PhantomData<&'v View<END, FILE>>,
}

impl<'v, const END: bool, const FILE: bool> Slots<'v, END, FILE> {
    /// The longest frame that a slot holds, in bytes.
    #[inline(always)]
    pub fn frame_bytes(&self) -> usize {
        self.place.frame_bytes
    }

    /// How many there are.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.place.left
    }

    /// Leaves the first `count` out.
    ///
    /// # Panics
    /// When there are less.
    #[inline(always)]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.place.left);
        self.place.left -= count;
        // SAFETY: one past the last at most.
        self.place.meta = unsafe { self.place.meta.add(count) };
        // SAFETY: as above; there is a frame for each of them.
        self.place.frame = unsafe { self.place.frame.add(count * self.place.stride) };
    }

    /// The words of number `i`, from 0.
    #[inline(always)]
    fn words(&self, i: usize) -> Option<(&'v AtomicU32, &'v AtomicU32, &'v AtomicU64)> {
        if i >= self.left() {
            return None;
        }
        // SAFETY: the metadata of all slots that are left lies in the mapping.
        let words = unsafe { self.place.meta.add(i) };
        // SAFETY: mapped for as long as the view lives and 16-byte aligned; atomics may share
        // memory with another process that writes it.
        let AtomicMeta(first, hash, stamp_ns) = unsafe { words.as_ref() };
        Some((first, hash, stamp_ns))
    }

    /// Where frame number `i` is.
    #[inline(always)]
    fn frame(&self, i: usize) -> *mut u8 {
        self.place
            .frame
            .as_ptr()
            .wrapping_add(i * self.place.stride)
    }
}

impl<const FILE: bool> Slots<'_, FILLS, FILE> {
    /// Puts `frame`, of which `meta` tells ([`Meta::pack`]), into number `i`, from 0; false,
    /// and nothing done, if there is no such slot or the frame is longer than the lane's
    /// longest.
    #[inline(always)]
    pub fn put(&self, i: usize, frame: &[u8], meta: Words) -> bool {
        let Some((first, hash, stamp_ns)) = self.words(i) else {
            return false;
        };
        let room = self.place.frame_bytes;
        // SAFETY: as many bytes lie in `frame`, and no more than `room` in the slot, which is
        // mapped for writing as all that this side fills.
        let fits = unsafe { racing_copy(frame.as_ptr(), self.frame(i), frame.len(), room) };
        if fits {
            first.store(meta.0, Relaxed);
            hash.store(meta.1, Relaxed);
            stamp_ns.store(meta.2, Relaxed);
        }
        fits
    }
}

impl<const FILE: bool> Slots<'_, EMPTIES, FILE> {
    /// Length of the first frame in bytes, at most the lane's longest; `None` without one.
    #[inline(always)]
    pub fn head(&self) -> Option<usize> {
        self.len(0).map(|len| len.min(self.place.frame_bytes))
    }

    /// Length of frame number `i` in bytes, if there is one: what its metadata says.
    #[inline(always)]
    pub fn len(&self, i: usize) -> Option<usize> {
        Some((self.words(i)?.0.load(Relaxed) & 0xffff) as usize)
    }

    /// Copies frame number `i` until `into` is full or the slot ends; returns the number of
    /// bytes, none without a frame. Whatever the partition writes into `up` meanwhile may be
    /// in the copy, so look at the copy alone.
    #[inline(always)]
    pub fn copy(&self, i: usize, into: &mut [u8]) -> usize {
        let room = self.place.frame_bytes;
        let len = if i < self.left() {
            into.len().min(room)
        } else {
            0
        };
        // SAFETY: `len` bytes are in the slot and fit `into`, which is ours alone.
        unsafe { racing_copy(self.frame(i), into.as_mut_ptr(), len, room) };
        len
    }
}

impl<'v> Slots<'v, EMPTIES, DOWN> {
    /// The metadata of the first frame, each word read once, and its bytes, no more than
    /// the slot holds.
    pub(crate) fn lend(&self) -> Option<(Meta, &'v [u8])> {
        let (first, hash, stamp_ns) = self.words(0)?;
        let words = (
            first.load(Relaxed),
            hash.load(Relaxed),
            stamp_ns.load(Relaxed),
        );
        let meta = Meta::unpack(words);
        let len = (meta.len as usize).min(self.place.frame_bytes);
        // SAFETY: the slot lies in the mapping, which the view keeps. The core, its only
        // writer, does not touch a slot between publishing it and seeing it released.
        let frame = unsafe { slice::from_raw_parts(self.frame(0), len) };
        Some((meta, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{attach, create};
    use super::*;
    use crate::layout::Geometry;

    const SMALL: Geometry = Geometry {
        rings: 2,
        slots: 4,
        frame_bytes: 128,
    };

    #[test]
    fn copy_out_stays_in_its_slot_whatever_is_asked() {
        let (files, (_, reader)) = create("clamped", SMALL).unwrap();
        let (_, filler) = attach(&files, SMALL).unwrap();
        for index in (0..4).rev() {
            assert!(
                filler
                    .slots_from(index, 1)
                    .put(0, &[index as u8 + 1; 128], (0, 0, 0))
            );
        }
        for (asked, copied) in [
            (0, 0),
            (1, 1),
            (127, 127),
            (128, 128),
            (129, 128),
            (300, 128),
        ] {
            let mut into = [0; 300];
            assert_eq!(reader.slots_from(7, 1).copy(0, &mut into[..asked]), copied);
            assert!(into[..copied].iter().all(|&byte| byte == 4));
            assert!(into[copied..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn no_two_slots_of_down_share_a_byte() {
        let (files, (down, _)) = create("disjoint", SMALL).unwrap();
        let number = |ring: usize, slot: u32| 1 + 4 * ring as u8 + slot as u8;
        for (ring, view) in down.iter().enumerate() {
            for slot in 0..4 {
                let len = 1000 + u32::from(number(ring, slot));
                let meta = Meta {
                    len,
                    ..Meta::default()
                };
                assert!(
                    view.slots_from(slot, 1)
                        .put(0, &[number(ring, slot); 128], meta.pack())
                );
            }
        }
        let (readers, _) = attach(&files, SMALL).unwrap();
        for (ring, view) in readers.iter().enumerate() {
            for slot in 0..4 {
                let expected = number(ring, slot);
                let (meta, frame) = view.slots_from(slot, 1).lend().unwrap();
                assert_eq!(frame, [expected; 128]);
                assert_eq!(meta.len, 1000 + u32::from(expected));
            }
        }
    }
}
