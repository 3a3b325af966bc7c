//! A frame whose header was copied, and whose rest lies where others may still write.
//!
//! The rule of the whole crate: the first 32 bytes are loaded once, verdicts are decided on
//! that copy, and what is delivered begins with it. Only bytes that no verdict asks for are
//! copied from the shared memory later, and may by then be whatever their writer likes.
//!
//! Not here: verdicts, and where frames go.

use lockgate_drivers::{RxBurst, RxHash};
use lockgate_lane::{JudgedFrame, TxConsumer};
use lockgate_shm::{Access, Block, ReadOnly, ReadWrite};
use lockgate_vmdq::{FrameLimits, FrameStart, NextHop};

/// A frame to be judged and moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'b, A: Access> {
    /// What verdicts are decided on, and its length.
    pub(crate) start: FrameStart,
    /// The rest, at its place behind the start.
    pub(crate) body: Block<'b, A>,
    /// Its length where it arrives: a MAC pads short frames.
    pub(crate) padded: usize,
    /// What the card hashed.
    pub(crate) hash: Option<RxHash>,
}

/// Frames that wait in order: a burst from the card, or those in a lane.
pub(crate) trait Source {
    /// Whether the core could write where they lie.
    type Access: Access;

    /// The frames from number `first` on: `most` of them, or as many as lie in a row, at least
    /// one unless there is none. The start of each is loaded when its turn comes.
    fn row(&self, first: usize, most: usize) -> impl Iterator<Item = Frame<'_, Self::Access>>;

    /// Number `index` of them; `None` beyond the last.
    #[inline(always)]
    fn frame(&self, index: usize) -> Option<Frame<'_, Self::Access>> {
        self.row(index, 1).next()
    }
}

impl Source for RxBurst<'_> {
    type Access = ReadWrite;

    /// A frame from the card is as long as it came.
    #[inline(always)]
    fn row(&self, first: usize, most: usize) -> impl Iterator<Item = Frame<'_, ReadWrite>> {
        let received = self.frames_in_row(first, most);
        received.map(|received| Frame {
            start: FrameStart {
                words: received.buffer.head(),
                len: received.length,
            },
            body: received.buffer,
            padded: received.length,
            hash: received.hash,
        })
    }
}

impl Source for TxConsumer {
    type Access = ReadOnly;

    #[inline(always)]
    fn row(&self, first: usize, most: usize) -> impl Iterator<Item = Frame<'_, ReadOnly>> {
        self.frames_in_row(first, most).map(|sent| Frame {
            start: FrameStart {
                words: sent.head(),
                len: sent.len(),
            },
            body: sent.block(),
            padded: sent.len().max(FrameLimits::SHORTEST),
            hash: None,
        })
    }
}

/// Frames in a row that went the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) frames: usize,
    /// Padding included.
    pub(crate) bytes: usize,
    /// Where the frame behind them is known to go, if that has been looked up: a hint for who
    /// goes on with it, which judges it again.
    pub(crate) next: NextHop,
    /// Whether it ended because the next frame has more bytes than were left.
    pub(crate) is_spent: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            frames: 0,
            bytes: 0,
            next: NextHop::UNKNOWN,
            is_spent: false,
        }
    }
}

impl Run {
    #[inline(always)]
    pub(crate) fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
    }
}

/// How far a run may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) frames: usize,
    /// Padding included.
    pub(crate) bytes: usize,
}

impl Limit {
    /// No limit but the source's end.
    pub(crate) const NONE: Self = Self {
        frames: usize::MAX,
        bytes: usize::MAX,
    };
}

impl<'b, A: Access> Frame<'b, A> {
    /// For a lane: begins with what was judged.
    #[inline(always)]
    pub(crate) fn judged(&self) -> JudgedFrame<'b, A> {
        JudgedFrame {
            head: self.start.words,
            body: self.body,
            len: self.start.len,
            padded: self.padded,
        }
    }

    /// Copies as much of it as `into` holds, which begins with what was judged; what a shorter
    /// frame lacks stays as it is there.
    pub(crate) fn copy_start(&self, into: &mut [u8]) {
        let len = into.len().min(self.start.len);
        let copy = &mut into[..len];
        self.body.copy_to(copy);
        let head = self.start.bytes();
        let judged = head.len().min(len);
        copy[..judged].copy_from_slice(&head[..judged]);
    }
}
