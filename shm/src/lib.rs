//! Memory that somebody else may write at any time: a card, a model of one, another process.
//!
//! A [`Memory`] owns a region. [`Words`] are an array of 64-bit words in it (descriptors,
//! indices, metadata), [`Blocks`] an array of equal blocks of bytes (buffers, slots of a
//! ring). Both are bounds-checked once, when they are laid out; an index is taken modulo
//! their count, so that no look-up needs a check and none can leave the region.
//!
//! The rule: nobody outside this crate ever holds a reference to such bytes. Words are loaded
//! and stored atomically, bytes are copied by code that the compiler does not see through.
//! So whatever the other side writes, and whenever, is a value that may be wrong and never
//! undefined behaviour; the same holds if two regions are the same pages, or if a card writes
//! where it was not told to, as long as its IOMMU confines it to regions of this kind.
//! What was copied out is the caller's own and stays as it is: decide on the copy alone.
//!
//! Not here: how memory is found, mapped and pinned (`lockgate-host`), what the bytes mean
//! (`lockgate-lane`, `lockgate-drivers`).
//!
//! ```
//! use std::sync::Arc;
//! use lockgate_shm::{Blocks, Memory};
//!
//! let memory = Arc::new(Memory::zeroed(8192));
//! let slots = Blocks::new(&memory, 0, 4, 128, 100).expect("four slots fit");
//! assert!(slots.get(1).copy_from(b"a frame"));
//! let mut frame = [0; 7];
//! // The index is taken modulo four.
//! assert_eq!(slots.get(5).copy_to(&mut frame), 7);
//! assert_eq!(&frame, b"a frame");
//! ```
#![no_std]

extern crate alloc;
#[cfg(any(test, loom))]
extern crate std;

mod access;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "bytes that others may write")]
mod blocks;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "copies that may race")]
mod copy;
mod judged;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "owns and reaches raw memory")]
mod memory;
#[cfg(loom)]
mod model;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "words that others may write")]
mod words;

pub use access::{Access, ReadOnly, ReadWrite};
#[cfg(not(loom))]
pub use blocks::{Block, BlockRun, Blocks, HEAD_WORDS, Slot, SlotRun};
pub use judged::JudgedFrame;
#[cfg(not(loom))]
pub use memory::{Memory, Owner};
#[cfg(loom)]
pub use model::{Block, BlockRun, Blocks, HEAD_WORDS, Memory, Pair, PairRun, Slot, SlotRun, Words};
#[cfg(not(loom))]
pub use words::{Pair, PairRun, Words};
