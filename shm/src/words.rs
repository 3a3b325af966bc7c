//! An array of 64-bit words that others may write at any time.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU64, fence};

use crate::access::{Access, ReadWrite};
use crate::memory::Memory;

/// Words in a row, a power of two of them; an index is taken modulo their count.
#[derive(Debug)]
pub struct Words<A: Access = ReadWrite> {
    first: NonNull<AtomicU64>,
    /// One less than their count.
    mask: usize,
    _memory: Arc<Memory<A>>,
    access: PhantomData<A>,
}

// SAFETY: the address leads into memory that the value keeps, and is reached by atomics alone.
unsafe impl<A: Access> Send for Words<A> {}
// SAFETY: as above.
unsafe impl<A: Access> Sync for Words<A> {}

impl<A: Access> Words<A> {
    /// `count` words from byte `offset` of `memory` on; `None` unless `count` is a power of
    /// two, `offset` a multiple of 8, and all of them are inside.
    pub fn new(memory: &Arc<Memory<A>>, offset: usize, count: usize) -> Option<Self> {
        let bytes = count.checked_mul(size_of::<AtomicU64>())?;
        let first = memory.place(offset, bytes, align_of::<AtomicU64>())?;
        count.is_power_of_two().then(|| Self {
            first: first.cast(),
            mask: count - 1,
            _memory: Arc::clone(memory),
            access: PhantomData,
        })
    }

    /// Number of words: a power of two.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.mask + 1
    }

    #[inline(always)]
    fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the masked index is one of the words that `new` found inside the memory.
        let word = unsafe { self.first.add(index & self.mask) };
        // SAFETY: aligned, mapped for as long as this value lives, and never reached but by
        // atomics.
        unsafe { word.as_ref() }
    }

    /// Loads word `index`; says nothing about other memory.
    #[inline(always)]
    pub fn load(&self, index: usize) -> u64 {
        // Relaxed: the only load that may be done on memory mapped for reading alone (the
        // standard library, "Atomic accesses to read-only memory").
        self.word(index).load(Relaxed)
    }

    /// Loads word `index`; what its writer stored before it is visible to later loads.
    #[inline(always)]
    pub fn load_acquire(&self, index: usize) -> u64 {
        let value = self.load(index);
        fence(Acquire);
        value
    }
}

impl Words {
    /// Stores word `index`; orders nothing.
    #[inline(always)]
    pub fn store(&self, index: usize, value: u64) {
        self.word(index).store(value, Relaxed);
    }

    /// Stores word `index` after everything stored before.
    #[inline(always)]
    pub fn store_release(&self, index: usize, value: u64) {
        self.word(index).store(value, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lie_where_the_offset_says_and_indices_wrap() {
        let memory = Arc::new(Memory::zeroed(4096));
        let words = Words::new(&memory, 64, 4).unwrap();
        for index in 0..4 {
            words.store_release(index, index as u64 + 1);
        }
        words.store(usize::MAX, 9);
        assert_eq!(memory.load_u64(64), Some(1));
        assert_eq!(memory.load_u64(64 + 24), Some(9));
        assert_eq!(
            (words.len(), words.load(4), words.load_acquire(5)),
            (4, 1, 2)
        );
    }

    #[test]
    fn words_that_do_not_fit_are_refused() {
        let memory = Arc::new(Memory::zeroed(4096));
        for (offset, count) in [
            (0, 3),
            (0, 0),
            (4, 1),
            (4096 - 8, 2),
            (0, 1 << 62),
            (usize::MAX - 7, 1),
        ] {
            assert!(
                Words::new(&memory, offset, count).is_none(),
                "{count} at {offset}"
            );
        }
        assert!(Words::new(&memory, 0, 512).is_some());
    }
}
