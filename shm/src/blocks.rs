//! An array of equal blocks of bytes that others may write at any time.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::access::{Access, ReadWrite};
use crate::copy;
use crate::memory::Memory;
use crate::words::{Pair, PairRun};

/// What a block begins at a multiple of, in bytes: a cache line.
const LINE: usize = 64;

/// Words of a block's head, which is loaded by value: 32 bytes.
pub const HEAD_WORDS: usize = 4;

/// Bytes of a block's head.
const HEAD_BYTES: usize = HEAD_WORDS * size_of::<u64>();

/// Blocks at equal distances, a power of two of them; an index is taken modulo their count.
#[derive(Debug)]
pub struct Blocks<A: Access = ReadWrite> {
    first: NonNull<u8>,
    mask: usize,
    stride: usize,
    block_bytes: usize,
    _memory: Arc<Memory<A>>,
    access: PhantomData<A>,
}

// SAFETY: the address leads into memory that the value keeps, and is reached by atomics and
// racing copies alone.
unsafe impl<A: Access> Send for Blocks<A> {}
// SAFETY: as above.
unsafe impl<A: Access> Sync for Blocks<A> {}

impl<A: Access> Blocks<A> {
    /// `count` blocks of `block_bytes` bytes, the first at byte `offset` of `memory` and each
    /// `stride` bytes behind the one before. `None` unless `count` is a power of two, `offset`
    /// and `stride` are multiples of 64, `64 <= block_bytes <= stride`, and all of them are
    /// inside.
    pub fn new(
        memory: &Arc<Memory<A>>,
        offset: usize,
        count: usize,
        stride: usize,
        block_bytes: usize,
    ) -> Option<Self> {
        let first = memory.place(offset, count.checked_mul(stride)?, LINE)?;
        let lawful = count.is_power_of_two()
            && stride.is_multiple_of(LINE)
            && (LINE..=stride).contains(&block_bytes);
        lawful.then(|| Self {
            first,
            mask: count - 1,
            stride,
            block_bytes,
            _memory: Arc::clone(memory),
            access: PhantomData,
        })
    }

    /// Number of blocks: a power of two.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.mask + 1
    }

    /// Bytes of each block, 64 at least.
    #[inline(always)]
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Block number `first` and those behind it: `most` of them, or as many as there are before
    /// the array begins again.
    #[inline(always)]
    pub fn run(&self, first: usize, most: usize) -> BlockRun<'_, A> {
        let first = first & self.mask;
        BlockRun {
            next: self.get(first),
            stride: self.stride,
            left: most.min(self.len() - first),
        }
    }

    /// Block number `index`.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Block<'_, A> {
        Block {
            // SAFETY: the masked index is that of a block that `new` found inside the memory.
            base: unsafe { self.first.add((index & self.mask) * self.stride) },
            bytes: self.block_bytes,
            of: PhantomData,
        }
    }
}

/// Blocks in a row, in order ([`Blocks::run`]).
#[derive(Debug)]
pub struct BlockRun<'m, A: Access = ReadWrite> {
    /// One of the array, unless none is left.
    next: Block<'m, A>,
    stride: usize,
    left: usize,
}

impl<'m, A: Access> Iterator for BlockRun<'m, A> {
    type Item = Block<'m, A>;

    #[inline(always)]
    fn next(&mut self) -> Option<Block<'m, A>> {
        self.left = self.left.checked_sub(1)?;
        let block = Block { ..self.next };
        // SAFETY: `new` found the block inside the memory with all of its stride.
        self.next.base = unsafe { self.next.base.add(self.stride) };
        Some(block)
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<A: Access> ExactSizeIterator for BlockRun<'_, A> {}

impl<'m, A: Access> BlockRun<'m, A> {
    /// Each of them with the pair of words at the same place of `pairs`, as far as there are
    /// both.
    #[inline(always)]
    pub fn beside(self, pairs: PairRun<'m, A>) -> SlotRun<'m, A> {
        SlotRun {
            pairs: pairs.up_to(self.left),
            block: self.next,
            stride: self.stride,
        }
    }
}

/// A block and the words that tell of it.
#[derive(Debug)]
pub struct Slot<'m, A: Access = ReadWrite> {
    /// The bytes.
    pub block: Block<'m, A>,
    /// What tells of them: a descriptor, or metadata.
    pub words: Pair<'m, A>,
}

/// Slots in a row, in order ([`BlockRun::beside`]).
#[derive(Debug)]
pub struct SlotRun<'m, A: Access = ReadWrite> {
    /// No more than there are blocks.
    pairs: PairRun<'m, A>,
    /// That of the next pair, if one is left.
    block: Block<'m, A>,
    stride: usize,
}

impl<'m, A: Access> SlotRun<'m, A> {
    /// The one that comes next, without a step to it.
    #[inline(always)]
    pub fn peek(&self) -> Option<Slot<'m, A>> {
        Some(Slot {
            words: self.pairs.peek()?,
            block: Block { ..self.block },
        })
    }
}

impl<'m, A: Access> Iterator for SlotRun<'m, A> {
    type Item = Slot<'m, A>;

    #[inline(always)]
    fn next(&mut self) -> Option<Slot<'m, A>> {
        let words = self.pairs.next()?;
        let block = Block { ..self.block };
        // SAFETY: there is a block for each pair, and `new` found it inside the memory with all
        // of its stride.
        self.block.base = unsafe { self.block.base.add(self.stride) };
        Some(Slot { block, words })
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl<A: Access> ExactSizeIterator for SlotRun<'_, A> {}

/// One block of bytes that others may write at any time.
#[derive(Debug, Clone, Copy)]
pub struct Block<'m, A: Access = ReadWrite> {
    base: NonNull<u8>,
    bytes: usize,
    of: PhantomData<(&'m (), A)>,
}

#[expect(clippy::len_without_is_empty, reason = "never empty")]
impl<A: Access> Block<'_, A> {
    /// Its length in bytes, 64 at least.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Its first 32 bytes, as words in host order, each loaded once.
    #[inline(always)]
    pub fn head(&self) -> [u64; HEAD_WORDS] {
        core::array::from_fn(|word| self.word(word).load(Relaxed))
    }

    /// Word `index` of its head.
    #[inline(always)]
    fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: a block has 64 bytes at least, of which the head is the first half.
        let word = unsafe { self.base.cast::<AtomicU64>().add(index % HEAD_WORDS) };
        // SAFETY: a block begins on a line, so the word is aligned; it is mapped for as long as
        // the block's array lives, and never reached but by atomics and racing copies.
        unsafe { word.as_ref() }
    }

    /// Copies from its beginning until `into` is full or the block ends; says how many bytes.
    #[inline(always)]
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let bytes = into.len().min(self.bytes);
        // SAFETY: as many bytes are in the block and in `into`, which is the caller's alone.
        unsafe { copy::racing(self.base.as_ptr(), into.as_mut_ptr(), bytes) };
        bytes
    }
}

impl Block<'_, ReadWrite> {
    /// Copies `from` to its beginning; `false`, and nothing copied, if the block is shorter.
    #[inline(always)]
    pub fn copy_from(&self, from: &[u8]) -> bool {
        let fits = from.len() <= self.bytes;
        if fits {
            // SAFETY: as many bytes are in the block, and valid for writes.
            unsafe { copy::racing(from.as_ptr(), self.base.as_ptr(), from.len()) };
        }
        fits
    }

    /// Copies the first `bytes` bytes of `from` to its beginning; `false`, and nothing copied,
    /// if either is shorter. The two may be the same block or overlap: then what is copied is
    /// some mixture.
    #[inline(always)]
    pub fn copy_from_block<B: Access>(&self, from: Block<'_, B>, bytes: usize) -> bool {
        let fits = bytes <= self.bytes && bytes <= from.bytes;
        if fits {
            // SAFETY: as many bytes are in both, and valid for writes in this one.
            unsafe { copy::racing(from.base.as_ptr(), self.base.as_ptr(), bytes) };
        }
        fits
    }

    /// Copies the first `bytes` bytes of `from` to its beginning as [`Block::copy_from_block`]
    /// does, but with `head` for the first 32 of them, whatever `from` holds there by now.
    /// `false`, and nothing copied, if either block is shorter than `bytes`; where `bytes` are
    /// fewer than 32 all of `head` is written.
    #[inline(always)]
    pub fn copy_with_head<B: Access>(
        &self,
        head: [u64; HEAD_WORDS],
        from: Block<'_, B>,
        bytes: usize,
    ) -> bool {
        let fits = bytes <= self.bytes && bytes <= from.bytes;
        if fits {
            if bytes > HEAD_BYTES {
                // SAFETY: `bytes` are in both blocks, and valid for writes in this one.
                unsafe { copy::behind_head(from.base.as_ptr(), self.base.as_ptr(), bytes) };
            }
            // Last, since what was copied may overlap it.
            self.set_head(head);
        }
        fits
    }

    /// Writes its first 32 bytes.
    #[inline(always)]
    pub fn set_head(&self, head: [u64; HEAD_WORDS]) {
        for (index, word) in head.into_iter().enumerate() {
            self.word(index).store(word, Relaxed);
        }
    }

    /// Writes zeros to the bytes from `from` to `to`, as far as there are any.
    pub fn zero(&self, from: usize, to: usize) {
        const ZEROS: [u8; LINE] = [0; LINE];
        let end = to.min(self.bytes);
        let mut at = from;
        while at < end {
            let bytes = LINE.min(end - at);
            let place = self.base.as_ptr().wrapping_add(at);
            // SAFETY: `at + bytes` is within the block, which is valid for writes.
            unsafe { copy::racing(ZEROS.as_ptr(), place, bytes) };
            at += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::words::Words;

    fn blocks(count: usize) -> (Arc<Memory>, Blocks) {
        let memory = Arc::new(Memory::zeroed(8192));
        let blocks = Blocks::new(&memory, 64, count, 192, 150).unwrap();
        (memory, blocks)
    }

    #[test]
    fn no_two_blocks_share_a_byte_and_indices_wrap() {
        let (memory, blocks) = blocks(4);
        for index in 0..4 {
            assert!(blocks.get(index).copy_from(&[index as u8 + 1; 150]));
        }
        assert!(blocks.get(7).copy_from(&[9; 150]), "the fourth again");
        let mut all = [0; 64 + 4 * 192];
        assert!(memory.read(0, &mut all));
        let mut expected = Vec::from([0; 64]);
        for byte in [1, 2, 3, 9] {
            expected.extend([byte; 150]);
            expected.extend([0; 42]);
        }
        assert_eq!(all[..], expected);
    }

    #[test]
    fn a_run_is_the_blocks_in_order_and_ends_where_the_array_begins_again() {
        let (_memory, blocks) = blocks(4);
        for index in 0..4 {
            assert!(blocks.get(index).copy_from(&[index as u8; 150]));
        }
        for (first, most, expected) in [
            (0, 9, &[0, 1, 2, 3][..]),
            (1, 2, &[1, 2]),
            (6, 9, &[2, 3]),
            (usize::MAX, 1, &[3]),
            (3, 0, &[]),
        ] {
            let run = blocks.run(first, most);
            assert_eq!(run.len(), expected.len());
            let found = run.map(|block| block.head()[0] as u8);
            assert_eq!(found.collect::<Vec<_>>(), expected, "{most} from {first}");
        }
    }

    #[test]
    fn slots_are_blocks_with_the_words_at_their_place_as_far_as_there_are_both() {
        let (memory, blocks) = blocks(4);
        let words = Words::new(&memory, 4096, 8).unwrap();
        for index in 0..4 {
            assert!(blocks.get(index).copy_from(&[index as u8; 150]));
            words.store(2 * index, index as u64);
        }
        for (first, of_blocks, of_pairs, expected) in [
            (0, 9, 3, &[0, 1, 2][..]),
            (1, 2, 9, &[1, 2]),
            (3, 9, 9, &[3]),
            (0, 0, 9, &[]),
        ] {
            let mut run = blocks
                .run(first, of_blocks)
                .beside(words.pairs(first, of_pairs));
            let number = |slot: Slot<'_>| {
                assert_eq!(slot.block.head()[0] as u8, slot.words.first() as u8);
                slot.words.first()
            };
            assert_eq!(run.len(), expected.len());
            for &expected in expected {
                assert_eq!(run.peek().map(number), Some(expected));
                assert_eq!(run.next().map(number), Some(expected));
            }
            assert!(run.peek().is_none() && run.next().is_none());
        }
    }

    #[test]
    fn copies_end_with_the_shorter_side() {
        let (_memory, blocks) = blocks(2);
        let block = blocks.get(0);
        let bytes: Vec<u8> = (1..=150).collect();
        assert!(block.copy_from(&bytes) && !block.copy_from(&[0; 151]));
        for (asked, copied) in [(0, 0), (1, 1), (63, 63), (150, 150), (300, 150)] {
            let mut into = [0; 300];
            assert_eq!(block.copy_to(&mut into[..asked]), copied);
            assert_eq!(into[..copied], bytes[..copied]);
            assert!(into[copied..].iter().all(|&byte| byte == 0));
        }
        assert!(!blocks.get(1).copy_from_block(block, 151));
        assert!(blocks.get(1).copy_from_block(block, 149));
        let mut into = [0; 150];
        blocks.get(1).copy_to(&mut into);
        assert_eq!((&into[..149], into[149]), (&bytes[..149], 0));
    }

    #[test]
    fn a_head_is_the_first_bytes_in_memory_order() {
        let (_memory, blocks) = blocks(2);
        let bytes: [u8; 32] = core::array::from_fn(|at| at as u8);
        assert!(blocks.get(0).copy_from(&bytes));
        let head = blocks.get(0).head();
        assert_eq!(head[1].to_ne_bytes(), [8, 9, 10, 11, 12, 13, 14, 15]);
        blocks.get(1).set_head(head);
        let mut into = [0; 40];
        blocks.get(1).copy_to(&mut into);
        assert_eq!((&into[..32], &into[32..]), (&bytes[..], &[0; 8][..]));
    }

    #[test]
    fn what_is_copied_with_a_head_begins_with_it_and_goes_on_as_its_source() {
        let (_memory, blocks) = blocks(4);
        let bytes: Vec<u8> = (1..=150).collect();
        assert!(blocks.get(0).copy_from(&bytes));
        assert!(blocks.get(1).copy_from(&[0xee; 150]));
        let head = blocks.get(1).head();
        for len in 0..=150 {
            let to = blocks.get(2);
            to.zero(0, 150);
            assert!(to.copy_with_head(head, blocks.get(0), len));
            let mut found = [0; 150];
            to.copy_to(&mut found);
            for (at, byte) in found.into_iter().enumerate() {
                let expected = match at {
                    0..32 => 0xee,
                    _ if at < len => bytes[at],
                    _ => 0,
                };
                assert_eq!(byte, expected, "byte {at} of {len}");
            }
        }
        assert!(!blocks.get(2).copy_with_head(head, blocks.get(0), 151));
    }

    #[test]
    fn zeros_go_where_they_are_asked_for_and_not_beyond_the_block() {
        let (memory, blocks) = blocks(2);
        let block = blocks.get(0);
        let ones = [1; 192];
        assert!(memory.write(64, &ones));
        block.zero(60, 60);
        block.zero(61, 3);
        block.zero(20, 100);
        block.zero(140, 4000);
        let mut found = [0; 192];
        assert!(memory.read(64, &mut found));
        for (at, byte) in found.into_iter().enumerate() {
            let zero = (20..100).contains(&at) || (140..150).contains(&at);
            assert_eq!(byte, u8::from(!zero), "byte {at}");
        }
    }

    #[test]
    fn blocks_that_do_not_fit_are_refused() {
        let memory = Arc::new(Memory::zeroed(4096));
        for (offset, count, stride, bytes) in [
            (0, 3, 128, 64),
            (0, 0, 128, 64),
            (32, 2, 128, 64),
            (0, 2, 100, 64),
            (0, 2, 128, 63),
            (0, 2, 128, 129),
            (64, 32, 128, 64),
            (0, 1 << 40, 1 << 40, 64),
        ] {
            let made = Blocks::new(&memory, offset, count, stride, bytes);
            assert!(made.is_none(), "{offset} {count} {stride} {bytes}");
        }
        assert!(Blocks::new(&memory, 0, 32, 128, 128).is_some());
    }
}
