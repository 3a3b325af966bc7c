//! The indices of a ring, seen from either end.
//!
//! Both run freely through all 32 bits and a slot is an index modulo the ring. Each
//! end keeps its own index in private, publishes it once per burst, and remembers
//! the last one it saw of the other side, so a burst costs one read and one write of
//! shared memory.
//!
//! Not here: what is in the slots.

use std::fmt;

use crate::memory::{OurIndex, TheirIndex};

/// Names one of the shared indices; rings of receive count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedIndex {
    /// How far the partition has filled its transmit ring.
    TransmitFilled,
    /// How far the core has emptied the transmit ring.
    TransmitEmptied,
    /// How far the core has filled this receive ring.
    ReceiveFilled(u16),
    /// How far the partition has emptied this receive ring.
    ReceiveEmptied(u16),
}

impl fmt::Display for SharedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransmitFilled => write!(f, "fill index of the transmit ring"),
            Self::TransmitEmptied => write!(f, "emptied index of the transmit ring"),
            Self::ReceiveFilled(ring) => write!(f, "fill index of receive ring {ring}"),
            Self::ReceiveEmptied(ring) => write!(f, "emptied index of receive ring {ring}"),
        }
    }
}

/// The other side moved an index where no frame could have taken it: nothing more
/// goes through this ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the other side moved the {index} from {from} to {to}, at most {limit} was possible: \
     restart the partition's endpoint with a new lane"
)]
pub struct Closed {
    /// The index that is wrong.
    pub index: SharedIndex,
    /// Its last good value.
    pub from: u32,
    /// What it holds now.
    pub to: u32,
    /// How far it might have moved.
    pub limit: u32,
}

/// The other side's index as last seen, and the check of every move.
#[derive(Debug)]
struct Seen {
    theirs: TheirIndex,
    name: SharedIndex,
    value: u32,
    closed: Option<Closed>,
}

impl Seen {
    /// Reads the index once; it may have moved forward by `limit` at most.
    fn refresh(&mut self, limit: u32) -> Result<(), Closed> {
        if let Some(closed) = self.closed {
            return Err(closed);
        }
        let to = self.theirs.load();
        if to.wrapping_sub(self.value) > limit {
            let closed = Closed {
                index: self.name,
                from: self.value,
                to,
                limit,
            };
            self.closed = Some(closed);
            return Err(closed);
        }
        self.value = to;
        Ok(())
    }
}

/// The end that fills slots.
#[derive(Debug)]
pub(crate) struct Filler {
    ours: OurIndex,
    emptied: Seen,
    slots: u32,
    next: u32,
    published: u32,
}

impl Filler {
    /// Goes on where the shared indices stand.
    ///
    /// # Errors
    /// If they are further apart than the ring is long.
    pub(crate) fn new(
        ours: OurIndex,
        theirs: TheirIndex,
        name: SharedIndex,
        slots: u32,
    ) -> Result<Self, Closed> {
        let published = ours.load();
        let mut emptied = Seen {
            theirs,
            name,
            value: published.wrapping_sub(slots),
            closed: None,
        };
        emptied.refresh(slots)?;
        Ok(Self {
            ours,
            emptied,
            slots,
            next: published,
            published,
        })
    }

    /// Free slots; looks at the shared index.
    pub(crate) fn free(&mut self) -> Result<u32, Closed> {
        let limit = self.published.wrapping_sub(self.emptied.value);
        if let Err(closed) = self.emptied.refresh(limit) {
            // Seen as full from now on, so that the fast path needs no check of its own.
            self.emptied.value = self.next.wrapping_sub(self.slots);
            return Err(closed);
        }
        Ok(self.known_free())
    }

    /// The next free slot; looks at the shared index only if there seems to be none.
    #[inline]
    pub(crate) fn slot(&mut self) -> Option<u32> {
        if self.known_free() > 0 || self.free().is_ok_and(|free| free > 0) {
            return Some(self.next);
        }
        None
    }

    /// Steps past the slot that [`Filler::slot`] gave; the other side sees nothing yet.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// Shows the other side every slot passed so far.
    #[inline]
    pub(crate) fn publish(&mut self) {
        if self.next != self.published {
            self.published = self.next;
            self.ours.store(self.next);
        }
    }

    fn known_free(&self) -> u32 {
        self.slots - self.next.wrapping_sub(self.emptied.value)
    }
}

/// The end that empties slots.
#[derive(Debug)]
pub(crate) struct Drainer {
    ours: OurIndex,
    filled: Seen,
    slots: u32,
    next: u32,
    released: u32,
}

impl Drainer {
    /// Goes on where the shared indices stand.
    ///
    /// # Errors
    /// If they are further apart than the ring is long.
    pub(crate) fn new(
        ours: OurIndex,
        theirs: TheirIndex,
        name: SharedIndex,
        slots: u32,
    ) -> Result<Self, Closed> {
        let released = ours.load();
        let mut filled = Seen {
            theirs,
            name,
            value: released,
            closed: None,
        };
        filled.refresh(slots)?;
        Ok(Self {
            ours,
            filled,
            slots,
            next: released,
            released,
        })
    }

    /// Frames that wait; looks at the shared index.
    pub(crate) fn available(&mut self) -> Result<u32, Closed> {
        let limit = self.slots - self.filled.value.wrapping_sub(self.released);
        if let Err(closed) = self.filled.refresh(limit) {
            // Seen as empty from now on, for the same reason as in `Filler::free`.
            self.next = self.filled.value;
            return Err(closed);
        }
        Ok(self.known_available())
    }

    /// The next frame's slot; looks at the shared index only if there seems to be none.
    #[inline]
    pub(crate) fn slot(&mut self) -> Option<u32> {
        if self.known_available() > 0 || self.available().is_ok_and(|frames| frames > 0) {
            return Some(self.next);
        }
        None
    }

    /// Steps past the next frame, if one is known; its slot is not given back yet.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if self.known_available() > 0 {
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Gives every slot passed so far back to the other side.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.next != self.released {
            self.released = self.next;
            self.ours.store(self.next);
        }
    }

    fn known_available(&self) -> u32 {
        self.filled.value.wrapping_sub(self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::memory::{Mapping, create_up};

    const FILLED: usize = 0;
    const EMPTIED: usize = 64;

    /// Both ends of a ring of `slots` whose indices start at `start`.
    fn ring(start: u32, slots: u32) -> (Filler, Drainer) {
        let (file, _) = create_up("ring", 4096).unwrap();
        let memory = Mapping::writable(&file, 4096).unwrap();
        let ours = |offset| OurIndex::new(&memory, offset);
        let theirs = |offset| TheirIndex::new(&memory, offset);
        ours(FILLED).store(start);
        ours(EMPTIED).store(start);
        let name = SharedIndex::ReceiveEmptied(0);
        let filler = Filler::new(ours(FILLED), theirs(EMPTIED), name, slots).unwrap();
        let name = SharedIndex::ReceiveFilled(0);
        let drainer = Drainer::new(ours(EMPTIED), theirs(FILLED), name, slots).unwrap();
        (filler, drainer)
    }

    #[test]
    fn ends_that_start_too_far_apart_are_refused() {
        for (filled, fits) in [(8, true), (9, false), (u32::MAX, false)] {
            let (file, _) = create_up("apart", 4096).unwrap();
            let memory = Mapping::writable(&file, 4096).unwrap();
            let index = |offset| OurIndex::new(&memory, offset);
            let seen = |offset| TheirIndex::new(&memory, offset);
            index(FILLED).store(filled);
            let name = SharedIndex::TransmitEmptied;
            let filler = Filler::new(index(FILLED), seen(EMPTIED), name, 8);
            assert_eq!(filler.is_ok(), fits);
            let name = SharedIndex::TransmitFilled;
            let drainer = Drainer::new(index(EMPTIED), seen(FILLED), name, 8);
            assert_eq!(drainer.is_ok(), fits);
        }
    }

    #[test]
    fn ring_closes_for_good_on_either_end() {
        let (mut filler, mut drainer) = ring(u32::MAX, 4);
        assert_eq!(filler.slot(), Some(u32::MAX));
        filler.ours.store(5);
        drainer.ours.store(0);
        let closed = filler.free().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 0, 0));
        assert_eq!(filler.slot(), None);
        let closed = drainer.available().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 5, 4));
        assert_eq!(drainer.slot(), None);
        filler.ours.store(u32::MAX);
        drainer.ours.store(u32::MAX);
        assert!(filler.free().is_err() && filler.slot().is_none());
        assert!(drainer.available().is_err() && drainer.slot().is_none());
    }

    proptest! {
        /// Numbers go through slots that the indices name, against a plain queue.
        #[test]
        fn ring_is_a_queue_wherever_its_indices_start(
            start in prop_oneof![u32::MAX - 40..=u32::MAX, any::<u32>()],
            power in 1..5_u32,
            steps in proptest::collection::vec((0..20_u32, 0..20_u32), 1..20),
        ) {
            let slots = 1 << power;
            let (mut filler, mut drainer) = ring(start, slots);
            let place = |index: u32| (index & (slots - 1)) as usize;
            let mut memory = vec![0; slots as usize];
            let (mut oracle, mut number) = (VecDeque::new(), 0_u32);
            for (fill, drain) in steps {
                for _ in 0..fill {
                    let slot = filler.slot();
                    prop_assert_eq!(slot.is_some(), oracle.len() < slots as usize);
                    if let Some(slot) = slot {
                        number += 1;
                        memory[place(slot)] = number;
                        oracle.push_back(number);
                        filler.advance();
                    }
                }
                filler.publish();
                prop_assert_eq!(drainer.available(), Ok(oracle.len() as u32));
                for _ in 0..drain {
                    let found = drainer.slot().map(|slot| memory[place(slot)]);
                    prop_assert_eq!(found, oracle.pop_front());
                    drainer.advance();
                }
                drainer.release();
                prop_assert_eq!(filler.free(), Ok(slots - oracle.len() as u32));
            }
        }
    }
}
