//! One end of a ring: its cursor, the two shared indices, and whether its lane is open.
//!
//! The ordering of a ring stands here and nowhere else. An end stores its own index with
//! *release* after all that it did to slots; who reads it does so with *acquire* before
//! touching any. So a consumer sees the frames that a producer published, and a producer
//! overwrites a slot only after its consumer is through with it.
//!
//! Not here: slots.

use alloc::sync::Arc;

use lockgate_shm::{Memory, ReadOnly, Words};

use crate::closed::Closed;
use crate::cursor::{Cursor, Jump, Role};
use crate::direction::Ring;
use crate::latch::Latch;

/// The two regions as one side has them: the one that it writes and the other's.
#[derive(Debug, Clone)]
pub(crate) struct Regions {
    /// Written by this side.
    pub(crate) ours: Arc<Memory>,
    /// Written by the other side.
    pub(crate) theirs: Arc<Memory<ReadOnly>>,
}

/// One end of a ring, whatever it does to its slots.
#[derive(Debug)]
pub(crate) struct End {
    ring: Ring,
    pub(crate) cursor: Cursor,
    /// One word: the index that this end moves.
    ours: Words,
    /// One word: the index that the other side moves.
    theirs: Words<ReadOnly>,
    latch: Arc<Latch>,
}

/// Which end of which ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndOf {
    pub(crate) role: Role,
    pub(crate) ring: Ring,
    pub(crate) slots: u32,
    /// Offset of the shared index in either region.
    pub(crate) index: usize,
}

impl End {
    /// Goes on where the shared indices stand; `None` if they are outside the regions.
    ///
    /// # Errors
    /// The indices are further apart than the ring is long.
    pub(crate) fn new(
        of: EndOf,
        regions: &Regions,
        latch: &Arc<Latch>,
    ) -> Option<Result<Self, Closed>> {
        let ours = Words::new(&regions.ours, of.index, 1)?;
        let theirs = Words::new(&regions.theirs, of.index, 1)?;
        let to = theirs.load_acquire(0);
        let cursor = Cursor::resume(of.role, of.slots, ours.load(0), to);
        Some(match cursor {
            Ok(cursor) => Ok(Self {
                ring: of.ring,
                cursor,
                ours,
                theirs,
                latch: Arc::clone(latch),
            }),
            Err(jump) => Err(closed(of.ring, jump, to)),
        })
    }

    /// Looks at the shared index; how many slots this end may use then.
    #[cold]
    pub(crate) fn look(&mut self) -> Result<usize, Closed> {
        if let Some(reason) = self.latch.reason() {
            self.cursor.halt();
            return Err(reason);
        }
        // Acquire: what the other side did to slots before it moved its index is done.
        let to = self.theirs.load_acquire(0);
        match self.cursor.observe(to) {
            Ok(()) => Ok(self.cursor.left()),
            Err(jump) => {
                self.cursor.halt();
                Err(self.latch.close(closed(self.ring, jump, to)))
            }
        }
    }

    /// How many slots this end may use, after a look at the shared index only if it knows of
    /// less than `wanted`.
    #[inline(always)]
    pub(crate) fn left(&mut self, wanted: usize) -> usize {
        if self.cursor.left() >= wanted {
            return self.cursor.left();
        }
        self.look().unwrap_or(0)
    }

    /// Tells the other side how far this end has gone, with one store if it moved; nothing once
    /// the lane is closed.
    #[inline(always)]
    pub(crate) fn tell(&mut self) {
        if let Some(index) = self.cursor.publish() {
            if self.latch.is_closed() {
                self.cursor.halt();
                return;
            }
            // Release: the slots up to `index` are written, or read, before it is seen.
            self.ours.store_release(0, index);
        }
    }

    /// Why the lane is closed, if it is.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.latch.reason()
    }
}

fn closed(ring: Ring, jump: Jump, to: u64) -> Closed {
    Closed {
        ring,
        from: jump.from,
        to,
        limit: jump.limit,
    }
}
