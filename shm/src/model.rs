//! The same interface over the atomics of a model checker, in safe code (`--cfg loom`).
//!
//! loom runs a test in every order that the memory model allows, up to a bound, and needs to
//! see each access. Memory is a word of its own for each eight bytes that somebody laid out;
//! copies move whole words, so what a race mixes here is words and not bytes. Words have to be
//! laid out before threads start, as the ends of rings are.
//!
//! Not here: memory of others ([`Memory`] is always fresh), and sizes that matter: regions have
//! no words but those that are used.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Range;
use core::slice;
use std::sync::Mutex;

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicU64, fence};

use crate::access::{Access, ReadOnly, ReadWrite};

const PAGE: usize = 4096;
const LINE: usize = 64;
const WORD: usize = size_of::<u64>();

/// Words of a block's head, which is loaded by value: 32 bytes.
pub const HEAD_WORDS: usize = 4;

type Word = Arc<AtomicU64>;

/// The words of a region that are used, by offset.
#[derive(Debug)]
struct Store {
    bytes: usize,
    words: Mutex<BTreeMap<usize, Word>>,
}

impl Store {
    /// The words of these bytes, made on first use; `None` if they are not all inside.
    fn words(&self, offset: usize, bytes: usize, align: usize) -> Option<Vec<Word>> {
        let inside = offset.checked_add(bytes)? <= self.bytes;
        if !inside || !offset.is_multiple_of(align) {
            return None;
        }
        let mut words = self.words.lock().expect("nobody panics in here");
        let first = offset / WORD;
        let end = (offset + bytes).div_ceil(WORD);
        let word = |at| {
            Arc::clone(
                words
                    .entry(at)
                    .or_insert_with(|| Arc::new(AtomicU64::new(0))),
            )
        };
        Some((first..end).map(word).collect())
    }
}

/// A region of memory that others may write at any time.
#[derive(Debug)]
pub struct Memory<A: Access = ReadWrite> {
    store: Arc<Store>,
    access: PhantomData<A>,
}

impl<A: Access> Memory<A> {
    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a region is never empty")]
    pub fn len(&self) -> usize {
        self.store.bytes
    }

    /// As outside the model; `into` is whole words at a multiple of 8.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(words) = self.store.words(offset, into.len(), WORD) else {
            return false;
        };
        load(&words, into);
        true
    }

    /// As outside the model.
    pub fn load_u64(&self, offset: usize) -> Option<u64> {
        let words = self.store.words(offset, WORD, WORD)?;
        let value = words.first()?.load(Relaxed);
        fence(Acquire);
        Some(value)
    }
}

impl Memory {
    /// As outside the model.
    pub fn zeroed(bytes: usize) -> Self {
        let store = Store {
            bytes: bytes.max(1).next_multiple_of(PAGE),
            words: Mutex::default(),
        };
        Self {
            store: Arc::new(store),
            access: PhantomData,
        }
    }

    /// As outside the model.
    pub fn read_only(self: &Arc<Self>) -> Memory<ReadOnly> {
        Memory {
            store: Arc::clone(&self.store),
            access: PhantomData,
        }
    }

    /// As outside the model; `offset` is a multiple of 8.
    pub fn write(&self, offset: usize, from: &[u8]) -> bool {
        let Some(words) = self.store.words(offset, from.len(), WORD) else {
            return false;
        };
        store(&words, 0..from.len(), from);
        true
    }

    /// As outside the model.
    pub fn store_u64(&self, offset: usize, value: u64) -> bool {
        let words = self.store.words(offset, WORD, WORD);
        let Some(word) = words.as_ref().and_then(|words| words.first()) else {
            return false;
        };
        word.store(value, Release);
        true
    }
}

/// Words in a row, a power of two of them; an index is taken modulo their count.
#[derive(Debug)]
pub struct Words<A: Access = ReadWrite> {
    words: Vec<Word>,
    access: PhantomData<A>,
}

impl<A: Access> Words<A> {
    /// As outside the model.
    pub fn new(memory: &Arc<Memory<A>>, offset: usize, count: usize) -> Option<Self> {
        let words = memory.store.words(offset, count.checked_mul(WORD)?, WORD)?;
        count.is_power_of_two().then_some(Self {
            words,
            access: PhantomData,
        })
    }

    /// Number of words: a power of two.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// As outside the model.
    pub fn pairs(&self, first: usize, most: usize) -> PairRun<'_, A> {
        let (pairs, _) = self.words.as_chunks();
        let first = first & pairs.len().wrapping_sub(1);
        let behind = pairs.get(first..).unwrap_or_default();
        PairRun {
            words: behind[..most.min(behind.len())].iter(),
            access: PhantomData,
        }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.words[index & (self.words.len() - 1)]
    }

    /// As outside the model.
    pub fn load(&self, index: usize) -> u64 {
        self.word(index).load(Relaxed)
    }

    /// As outside the model.
    pub fn load_acquire(&self, index: usize) -> u64 {
        let value = self.load(index);
        fence(Acquire);
        value
    }
}

impl Words {
    /// As outside the model.
    pub fn store(&self, index: usize, value: u64) {
        self.word(index).store(value, Relaxed);
    }

    /// As outside the model.
    pub fn store_release(&self, index: usize, value: u64) {
        self.word(index).store(value, Release);
    }
}

/// Pairs of words in a row, in order ([`Words::pairs`]).
#[derive(Debug)]
pub struct PairRun<'m, A: Access = ReadWrite> {
    words: slice::Iter<'m, [Word; 2]>,
    access: PhantomData<A>,
}

impl<'m, A: Access> Iterator for PairRun<'m, A> {
    type Item = Pair<'m, A>;

    fn next(&mut self) -> Option<Pair<'m, A>> {
        let words = self.words.next()?;
        Some(Pair {
            words,
            access: PhantomData,
        })
    }

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

/// Two words that others may write at any time.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'m, A: Access = ReadWrite> {
    words: &'m [Word; 2],
    access: PhantomData<A>,
}

impl<A: Access> Pair<'_, A> {
    /// As outside the model.
    pub fn first(&self) -> u64 {
        self.words[0].load(Relaxed)
    }

    /// Loads the second; says nothing about other memory.
    #[inline(always)]
    pub fn second(&self) -> u64 {
        self.words[1].load(Relaxed)
    }

    /// As outside the model.
    pub fn second_acquire(&self) -> u64 {
        let value = self.second();
        fence(Acquire);
        value
    }
}

impl Pair<'_> {
    /// As outside the model.
    pub fn store(&self, first: u64, second: u64) {
        self.words[0].store(first, Relaxed);
        self.words[1].store(second, Relaxed);
    }
}

/// Blocks at equal distances, a power of two of them; an index is taken modulo their count.
#[derive(Debug)]
pub struct Blocks<A: Access = ReadWrite> {
    blocks: Vec<Vec<Word>>,
    block_bytes: usize,
    access: PhantomData<A>,
}

impl<A: Access> Blocks<A> {
    /// As outside the model.
    pub fn new(
        memory: &Arc<Memory<A>>,
        offset: usize,
        count: usize,
        stride: usize,
        block_bytes: usize,
    ) -> Option<Self> {
        let lawful = count.is_power_of_two()
            && stride.is_multiple_of(LINE)
            && (LINE..=stride).contains(&block_bytes);
        if !lawful || offset.checked_add(count.checked_mul(stride)?)? > memory.len() {
            return None;
        }
        let block = |index| {
            memory
                .store
                .words(offset + index * stride, block_bytes, LINE)
        };
        Some(Self {
            blocks: (0..count).map(block).collect::<Option<_>>()?,
            block_bytes,
            access: PhantomData,
        })
    }

    /// Number of blocks: a power of two.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes of each block, 64 at least.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// As outside the model.
    pub fn run(&self, first: usize, most: usize) -> BlockRun<'_, A> {
        let behind = &self.blocks[first & (self.blocks.len() - 1)..];
        BlockRun {
            blocks: behind[..most.min(behind.len())].iter(),
            bytes: self.block_bytes,
            access: PhantomData,
        }
    }

    /// Block number `index`.
    pub fn get(&self, index: usize) -> Block<'_, A> {
        Block {
            words: &self.blocks[index & (self.blocks.len() - 1)],
            bytes: self.block_bytes,
            access: PhantomData,
        }
    }
}

/// Blocks in a row, in order ([`Blocks::run`]).
#[derive(Debug)]
pub struct BlockRun<'m, A: Access = ReadWrite> {
    blocks: slice::Iter<'m, Vec<Word>>,
    bytes: usize,
    access: PhantomData<A>,
}

impl<'m, A: Access> Iterator for BlockRun<'m, A> {
    type Item = Block<'m, A>;

    fn next(&mut self) -> Option<Block<'m, A>> {
        let words = self.blocks.next()?;
        Some(Block {
            words,
            bytes: self.bytes,
            access: PhantomData,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.blocks.size_hint()
    }
}

impl<A: Access> ExactSizeIterator for BlockRun<'_, A> {}

impl<'m, A: Access> BlockRun<'m, A> {
    /// As outside the model.
    pub fn beside(self, pairs: PairRun<'m, A>) -> SlotRun<'m, A> {
        let pairs = pairs.up_to(self.blocks.len());
        SlotRun {
            pairs,
            blocks: self,
        }
    }
}

/// A block and the words that tell of it.
#[derive(Debug)]
pub struct Slot<'m, A: Access = ReadWrite> {
    /// The bytes.
    pub block: Block<'m, A>,
    /// What tells of them.
    pub words: Pair<'m, A>,
}

/// Slots in a row, in order ([`BlockRun::beside`]).
#[derive(Debug)]
pub struct SlotRun<'m, A: Access = ReadWrite> {
    pairs: PairRun<'m, A>,
    blocks: BlockRun<'m, A>,
}

impl<'m, A: Access> SlotRun<'m, A> {
    /// As outside the model.
    pub fn peek(&self) -> Option<Slot<'m, A>> {
        let words = self.blocks.blocks.as_slice().first()?;
        let block = Block {
            words,
            bytes: self.blocks.bytes,
            access: PhantomData,
        };
        Some(Slot {
            block,
            words: self.pairs.peek()?,
        })
    }
}

impl<'m, A: Access> Iterator for SlotRun<'m, A> {
    type Item = Slot<'m, A>;

    fn next(&mut self) -> Option<Slot<'m, A>> {
        Some(Slot {
            words: self.pairs.next()?,
            block: self.blocks.next()?,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl<A: Access> ExactSizeIterator for SlotRun<'_, A> {}

/// One block of bytes that others may write at any time.
#[derive(Debug, Clone, Copy)]
pub struct Block<'m, A: Access = ReadWrite> {
    words: &'m [Word],
    bytes: usize,
    access: PhantomData<A>,
}

#[expect(clippy::len_without_is_empty, reason = "never empty")]
impl<A: Access> Block<'_, A> {
    /// Its length in bytes, 64 at least.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// As outside the model.
    pub fn head(&self) -> [u64; HEAD_WORDS] {
        core::array::from_fn(|word| self.words[word].load(Relaxed))
    }

    /// As outside the model.
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let bytes = into.len().min(self.bytes);
        load(self.words, &mut into[..bytes]);
        bytes
    }
}

impl Block<'_, ReadWrite> {
    /// As outside the model.
    pub fn copy_from(&self, from: &[u8]) -> bool {
        let fits = from.len() <= self.bytes;
        if fits {
            store(self.words, 0..from.len(), from);
        }
        fits
    }

    /// As outside the model.
    pub fn copy_from_block<B: Access>(&self, from: Block<'_, B>, bytes: usize) -> bool {
        let fits = bytes <= self.bytes && bytes <= from.bytes;
        if fits {
            let mut copy = alloc::vec![0; bytes];
            load(from.words, &mut copy);
            store(self.words, 0..bytes, &copy);
        }
        fits
    }

    /// As outside the model.
    pub fn copy_with_head<B: Access>(
        &self,
        head: [u64; HEAD_WORDS],
        from: Block<'_, B>,
        bytes: usize,
    ) -> bool {
        let fits = self.copy_from_block(from, bytes);
        if fits {
            self.set_head(head);
        }
        fits
    }

    /// As outside the model.
    pub fn set_head(&self, head: [u64; HEAD_WORDS]) {
        for (word, value) in self.words.iter().zip(head) {
            word.store(value, Relaxed);
        }
    }

    /// As outside the model.
    pub fn zero(&self, from: usize, to: usize) {
        let end = to.min(self.bytes);
        if from < end {
            store(self.words, from..end, &alloc::vec![0; end - from]);
        }
    }
}

/// Loads the bytes that `words` begin with, each word once.
fn load(words: &[Word], into: &mut [u8]) {
    for (word, into) in words.iter().zip(into.chunks_mut(WORD)) {
        into.copy_from_slice(&word.load(Relaxed).to_ne_bytes()[..into.len()]);
    }
}

/// Stores `from` at the bytes of `range`; words of which only a part is stored keep the rest.
fn store(words: &[Word], range: Range<usize>, from: &[u8]) {
    for (index, word) in words.iter().enumerate() {
        let (first, end) = (index * WORD, (index + 1) * WORD);
        let (start, stop) = (range.start.max(first), range.end.min(end));
        if start >= stop {
            continue;
        }
        let mut value = [0; WORD];
        if stop - start < WORD {
            value = word.load(Relaxed).to_ne_bytes();
        }
        value[start - first..stop - first]
            .copy_from_slice(&from[start - range.start..stop - range.start]);
        word.store(u64::from_ne_bytes(value), Relaxed);
    }
}
