//! A frame that was judged, on its way into a block.
//!
//! The rule: what was judged is what is written, whatever the frame's memory holds by then.
//!
//! Not here: who judges, and by what.

use crate::{Access, Block, HEAD_WORDS};

/// A frame whose head was judged as a value, while the rest still lies where others may write.
#[derive(Debug, Clone, Copy)]
pub struct JudgedFrame<'b, A: Access> {
    /// Its first 32 bytes, as they were judged.
    pub head: [u64; HEAD_WORDS],
    /// Where the bytes behind those are, at their own place: the block begins with the frame.
    pub body: Block<'b, A>,
    /// Its length in bytes.
    pub len: usize,
    /// The length of what is pushed: zeros fill what `len` lacks. No less than `len` counts.
    pub padded: usize,
}

impl<A: Access> JudgedFrame<'_, A> {
    /// Makes it what `slot` begins with; `false`, and nothing written, if it is longer than that
    /// or its own block.
    #[inline(always)]
    pub fn copy_into(&self, slot: Block<'_>) -> bool {
        let fits = self.padded <= slot.len() && slot.copy_with_head(self.head, self.body, self.len);
        if fits && self.len < self.padded {
            slot.zero(self.len, self.padded);
        }
        fits
    }
}
