//! The hand of a NIC made of software: what models, and tests that play one, do with
//! [`Pages`].
//!
//! Bytes move by atomics, whoever else touches them. No driver uses any of this.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use super::Pages;

impl Pages {
    /// Copies the bytes at `offset` into `into`, tolerating concurrent writes;
    /// says false, and copies nothing, when they are not all inside.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let bytes = self.atomics::<AtomicU8>(offset, into.len());
        let copy = |(byte, into): (&AtomicU8, &mut u8)| *into = byte.load(Relaxed);
        bytes
            .map(|bytes| bytes.iter().zip(into).for_each(copy))
            .is_some()
    }

    /// Copies `from` to the bytes at `offset`, tolerating concurrent reads; says
    /// false, and copies nothing, when they are not all inside.
    ///
    /// This is the hand of a NIC made of software: like a real one it must stay
    /// out of buffers that it was not given.
    pub fn write(&self, offset: usize, from: &[u8]) -> bool {
        let bytes = self.atomics::<AtomicU8>(offset, from.len());
        let copy = |(byte, from): (&AtomicU8, &u8)| byte.store(*from, Relaxed);
        bytes
            .map(|bytes| bytes.iter().zip(from).for_each(copy))
            .is_some()
    }

    /// The 8-byte word at `offset` (a multiple of 8), in host byte order, and
    /// everything stored before it was.
    pub fn load_u64(&self, offset: usize) -> Option<u64> {
        Some(self.atomics::<AtomicU64>(offset, 1)?[0].load(Acquire))
    }

    /// Stores the 8-byte word at `offset` (a multiple of 8) after everything
    /// stored before; false when it is not inside.
    pub fn store_u64(&self, offset: usize, value: u64) -> bool {
        self.atomics::<AtomicU64>(offset, 1)
            .map(|word| word[0].store(value, Release))
            .is_some()
    }

    /// As [`Pages::load_u64`], for 4 bytes at a multiple of 4.
    pub fn load_u32(&self, offset: usize) -> Option<u32> {
        Some(self.atomics::<AtomicU32>(offset, 1)?[0].load(Acquire))
    }

    /// As [`Pages::store_u64`], for 4 bytes at a multiple of 4.
    pub fn store_u32(&self, offset: usize, value: u32) -> bool {
        self.atomics::<AtomicU32>(offset, 1)
            .map(|word| word[0].store(value, Release))
            .is_some()
    }

    /// `count` atomics at byte `offset`, if they are inside and aligned.
    fn atomics<T: Atomic>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let first = self.at::<T>(offset, count)?;
        // SAFETY: `count` atomics lie inside the mapping (`at`), aligned, and any
        // bits are a valid atomic.
        Some(unsafe { std::slice::from_raw_parts(first.as_ptr(), count) })
    }
}

/// The atomics that [`Pages`] may be seen as.
///
/// # Safety
/// Any bits must be a valid value, and all access through `&Self` atomic.
unsafe trait Atomic {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU8 {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU32 {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU64 {}
