//! An array of 64-bit words that others may write at any time.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;
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

    /// The words two by two, from number `first` of such pairs on: `most` of them, or as many as
    /// there are before the array begins again. A single word is no pair.
    #[inline(always)]
    pub fn pairs(&self, first: usize, most: usize) -> PairRun<'_, A> {
        // Of a single word both are 0.
        let (count, pair_mask) = (self.len() / PAIR, self.mask / PAIR);
        let first = first & pair_mask;
        let left = most.min(count - first);
        // SAFETY: the pair is one of the `count` in the words, or their beginning.
        let words = unsafe { self.first.cast::<[AtomicU64; PAIR]>().add(first) };
        // SAFETY: `left` pairs from there on are words that `new` found inside the memory, mapped
        // for as long as this value lives and never reached but by atomics.
        let words = unsafe { slice::from_raw_parts(words.as_ptr(), left) };
        PairRun {
            words: words.iter(),
            access: PhantomData,
        }
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

/// Words of a pair.
const PAIR: usize = 2;

/// Pairs of words in a row, in order ([`Words::pairs`]).
#[derive(Debug)]
pub struct PairRun<'m, A: Access = ReadWrite> {
    words: slice::Iter<'m, [AtomicU64; PAIR]>,
    access: PhantomData<A>,
}

impl<'m, A: Access> Iterator for PairRun<'m, A> {
    type Item = Pair<'m, A>;

    #[inline(always)]
    fn next(&mut self) -> Option<Pair<'m, A>> {
        let words = self.words.next()?;
        Some(Pair {
            words,
            access: PhantomData,
        })
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.words.size_hint()
    }
}

impl<A: Access> ExactSizeIterator for PairRun<'_, A> {}

impl<'m, A: Access> PairRun<'m, A> {
    /// The first `most` of them.
    #[inline(always)]
    pub(crate) fn up_to(self, most: usize) -> Self {
        let words = self.words.as_slice();
        Self {
            words: words.get(..most).unwrap_or(words).iter(),
            access: PhantomData,
        }
    }

    /// The one that comes next, without a step to it.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<Pair<'m, A>> {
        let words = self.words.as_slice().first()?;
        Some(Pair {
            words,
            access: PhantomData,
        })
    }
}

/// Two words that others may write at any time: a descriptor, say.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'m, A: Access = ReadWrite> {
    words: &'m [AtomicU64; PAIR],
    access: PhantomData<A>,
}

impl<A: Access> Pair<'_, A> {
    /// Loads the first; says nothing about other memory.
    #[inline(always)]
    pub fn first(&self) -> u64 {
        self.words[0].load(Relaxed)
    }

    /// Loads the second; says nothing about other memory.
    #[inline(always)]
    pub fn second(&self) -> u64 {
        self.words[1].load(Relaxed)
    }

    /// Loads the second; what its writer stored before it is visible to later loads.
    #[inline(always)]
    pub fn second_acquire(&self) -> u64 {
        let value = self.second();
        fence(Acquire);
        value
    }
}

impl Pair<'_> {
    /// Stores both; orders nothing.
    #[inline(always)]
    pub fn store(&self, first: u64, second: u64) {
        self.words[0].store(first, Relaxed);
        self.words[1].store(second, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn pairs_are_the_words_two_by_two_and_end_where_the_array_begins_again() {
        let memory = Arc::new(Memory::zeroed(4096));
        let words = Words::new(&memory, 64, 8).unwrap();
        for (number, pair) in words.pairs(0, usize::MAX).enumerate() {
            pair.store(2 * number as u64, 2 * number as u64 + 1);
        }
        for (first, most, expected) in [(0, 9, &[0, 1, 2, 3][..]), (6, 9, &[2, 3]), (1, 1, &[1])] {
            let run = words.pairs(first, most);
            assert_eq!(run.len(), expected.len());
            let found = run.map(|pair| (pair.first(), pair.second_acquire()));
            let expected = expected.iter().map(|&pair| (2 * pair, 2 * pair + 1));
            assert!(found.eq(expected), "{most} from {first}");
        }
        assert_eq!((words.load(0), words.load(7)), (0, 7));
        let single = Words::new(&memory, 64, 1).unwrap();
        assert_eq!(single.pairs(0, 1).collect::<Vec<_>>().len(), 0);
    }

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
