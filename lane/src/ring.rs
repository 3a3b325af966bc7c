//! One end of a ring: its private index and its view of the other side's.
//!
//! Both indices run freely through all 32 bits and a slot is an index modulo the
//! ring. Each end keeps its own index in private, publishes it once per burst, and
//! remembers how far it may go, so a burst costs one read and one write of shared
//! memory. Filling and emptying differ by a constant: who fills may run `slots` ahead
//! of the other side, who empties may catch up with it.
//!
//! Not here: what is in the slots.

use crate::memory::{OurIndex, TheirIndex};

/// The other side moved an index where no frame could have taken it: nothing more
/// goes through this ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the other side moved its index of the {ring} ring from {from} to {to}, at most \
     {limit} was possible: restart the partition's endpoint with a new lane"
)]
pub struct Closed {
    /// `"transmit"` or `"receive"`, as the partition sees it.
    pub ring: &'static str,
    /// The last good value of the index.
    pub from: u32,
    /// What it holds now.
    pub to: u32,
    /// How far it might have moved.
    pub limit: u32,
}

/// One end of a ring.
#[derive(Debug)]
pub(crate) struct End {
    name: &'static str,
    ours: OurIndex,
    theirs: TheirIndex,
    slots: u32,
    /// What the end may be ahead of the other side's index.
    lead: u32,
    /// Where this end must stop, as last seen.
    bound: u32,
    next: u32,
    published: u32,
    closed: Option<Closed>,
}

impl End {
    /// The end that fills; goes on where the shared indices stand.
    ///
    /// # Errors
    /// If they are further apart than the ring is long.
    pub(crate) fn filling(
        name: &'static str,
        ours: OurIndex,
        theirs: TheirIndex,
        slots: u32,
    ) -> Result<Self, Closed> {
        Self::new(name, ours, theirs, slots, slots)
    }

    /// The end that empties, otherwise as [`End::filling`].
    pub(crate) fn emptying(
        name: &'static str,
        ours: OurIndex,
        theirs: TheirIndex,
        slots: u32,
    ) -> Result<Self, Closed> {
        Self::new(name, ours, theirs, slots, 0)
    }

    fn new(
        name: &'static str,
        ours: OurIndex,
        theirs: TheirIndex,
        slots: u32,
        lead: u32,
    ) -> Result<Self, Closed> {
        let start = ours.load();
        let mut end = Self {
            name,
            ours,
            theirs,
            slots,
            lead,
            bound: start,
            next: start,
            published: start,
            closed: None,
        };
        end.refresh()?;
        Ok(end)
    }

    /// Slots that this end may take, after one look at the shared index.
    ///
    /// # Errors
    /// The index went back, or further than the other side could have come; from then
    /// on always.
    pub(crate) fn refresh(&mut self) -> Result<u32, Closed> {
        if let Some(closed) = self.closed {
            return Err(closed);
        }
        let seen = self.theirs.load();
        let bound = seen.wrapping_add(self.lead);
        let limit = self.slots - self.bound.wrapping_sub(self.published);
        if bound.wrapping_sub(self.bound) > limit {
            return Err(self.close(seen, limit));
        }
        self.bound = bound;
        Ok(self.known())
    }

    #[cold]
    fn close(&mut self, to: u32, limit: u32) -> Closed {
        let closed =
            Closed { ring: self.name, from: self.bound.wrapping_sub(self.lead), to, limit };
        self.closed = Some(closed);
        // At its bound for ever, so that the fast path needs no check of its own.
        self.next = self.bound;
        closed
    }

    /// The next slot; looks at the shared index only if there seems to be none.
    #[inline]
    pub(crate) fn slot(&mut self) -> Option<u32> {
        if self.known() > 0 || self.refresh().is_ok_and(|slots| slots > 0) {
            return Some(self.next);
        }
        None
    }

    /// Steps past the next slot, if one is known; the other side sees nothing yet.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if self.known() > 0 {
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Shows the other side every slot passed so far.
    #[inline]
    pub(crate) fn publish(&mut self) {
        if self.next != self.published && self.closed.is_none() {
            self.published = self.next;
            self.ours.store(self.next);
        }
    }

    fn known(&self) -> u32 {
        self.bound.wrapping_sub(self.next)
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
    fn ring(start: u32, slots: u32) -> (End, End) {
        let (file, _) = create_up("ring", 4096).unwrap();
        let memory = Mapping::writable(&file, 4096).unwrap();
        let ours = |offset| OurIndex::new(&memory, offset);
        let theirs = |offset| TheirIndex::new(&memory, offset);
        ours(FILLED).store(start);
        ours(EMPTIED).store(start);
        let fill_end = End::filling("receive", ours(FILLED), theirs(EMPTIED), slots).unwrap();
        let empty_end = End::emptying("receive", ours(EMPTIED), theirs(FILLED), slots).unwrap();
        (fill_end, empty_end)
    }

    #[test]
    fn ends_that_start_too_far_apart_are_refused() {
        for (filled, fits) in [(8, true), (9, false), (u32::MAX, false)] {
            let (file, _) = create_up("apart", 4096).unwrap();
            let memory = Mapping::writable(&file, 4096).unwrap();
            let index = |offset| OurIndex::new(&memory, offset);
            let seen = |offset| TheirIndex::new(&memory, offset);
            index(FILLED).store(filled);
            let fill_end = End::filling("receive", index(FILLED), seen(EMPTIED), 8);
            assert_eq!(fill_end.is_ok(), fits);
            let empty_end = End::emptying("receive", index(EMPTIED), seen(FILLED), 8);
            assert_eq!(empty_end.is_ok(), fits);
        }
    }

    #[test]
    fn ring_closes_for_good_on_either_end() {
        let (mut fill_end, mut empty_end) = ring(u32::MAX, 4);
        assert_eq!(fill_end.slot(), Some(u32::MAX));
        fill_end.ours.store(5);
        empty_end.ours.store(0);
        let closed = fill_end.refresh().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 0, 0));
        assert_eq!(fill_end.slot(), None);
        fill_end.publish();
        assert_eq!(fill_end.ours.load(), 5, "a closed ring shows nothing more");
        let closed = empty_end.refresh().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 5, 4));
        assert_eq!(empty_end.slot(), None);
        fill_end.ours.store(u32::MAX);
        empty_end.ours.store(u32::MAX);
        assert!(fill_end.refresh().is_err() && fill_end.slot().is_none());
        assert!(empty_end.refresh().is_err() && empty_end.slot().is_none());
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
            let (mut fill_end, mut empty_end) = ring(start, slots);
            let place = |index: u32| (index & (slots - 1)) as usize;
            let mut memory = vec![0; slots as usize];
            let (mut oracle, mut number) = (VecDeque::new(), 0_u32);
            for (fill, drain) in steps {
                for _ in 0..fill {
                    let slot = fill_end.slot();
                    prop_assert_eq!(slot.is_some(), oracle.len() < slots as usize);
                    if let Some(slot) = slot {
                        number += 1;
                        memory[place(slot)] = number;
                        oracle.push_back(number);
                        fill_end.advance();
                    }
                }
                fill_end.publish();
                prop_assert_eq!(empty_end.refresh(), Ok(oracle.len() as u32));
                for _ in 0..drain {
                    let found = empty_end.slot().map(|slot| memory[place(slot)]);
                    prop_assert_eq!(found, oracle.pop_front());
                    empty_end.advance();
                }
                empty_end.publish();
                prop_assert_eq!(fill_end.refresh(), Ok(slots - oracle.len() as u32));
            }
        }
    }
}
