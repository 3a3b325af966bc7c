//! One end of a ring: its private index and its view of the other side's.
//!
//! Both indices run freely through all 32 bits and a slot is an index modulo the
//! ring. Each end keeps its own index in private, publishes it once per burst, and
//! remembers how far it may go, so a burst costs one read and one write of shared
//! memory. Filling and emptying differ by a constant: who fills may run `slots` ahead
//! of the other side, who empties may catch up with it.
//!
//! Not here: what is in the slots.

use std::sync::atomic::Ordering::{Acquire, Release};

use crate::layout::{DOWN, EMPTIES, FILLS};
use crate::memory::{Slots, View};
use crate::meta::Words;

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

/// One end of a ring, which fills slots or empties them: `END`, of the file `FILE`.
///
/// The four that there are have names: [`DownWriter`](crate::DownWriter),
/// [`DownReader`](crate::DownReader), [`UpWriter`](crate::UpWriter) and
/// [`UpReader`](crate::UpReader).
#[derive(Debug)]
pub struct End<const END: bool, const FILE: bool> {
    pub(crate) view: View<END, FILE>,
    /// Where this end must stop, as last seen.
    bound: u32,
    next: u32,
    published: u32,
    closed: Option<Closed>,
}

impl<const END: bool, const FILE: bool> End<END, FILE> {
    /// Goes on where the shared indices stand.
    ///
    /// # Errors
    /// If they are further apart than the ring is long.
    pub(crate) fn new(view: View<END, FILE>) -> Result<Self, Closed> {
        let start = view.ours().load(Acquire);
        let mut end = Self {
            view,
            bound: start,
            next: start,
            published: start,
            closed: None,
        };
        end.refresh()?;
        Ok(end)
    }

    /// Slots that this end may take, after one look at the shared index.
    #[cold]
    fn refresh(&mut self) -> Result<u32, Closed> {
        if let Some(closed) = self.closed {
            return Err(closed);
        }
        let lead = if END == FILLS { self.view.slots() } else { 0 };
        let to = self.view.theirs();
        let bound = to.wrapping_add(lead);
        let limit = self.view.slots() - self.bound.wrapping_sub(self.published);
        if bound.wrapping_sub(self.bound) > limit {
            let ring = if FILE == DOWN { "receive" } else { "transmit" };
            let from = self.bound.wrapping_sub(lead);
            // At its bound for ever, so that the fast path needs no check of its own.
            self.next = self.bound;
            return Err(*self.closed.insert(Closed {
                ring,
                from,
                to,
                limit,
            }));
        }
        self.bound = bound;
        Ok(self.known())
    }

    /// The next slots that are known of, as far as they lie in a row.
    #[inline(always)]
    pub(crate) fn ahead(&self) -> Slots<'_, END, FILE> {
        self.view.slots_from(self.next, self.known())
    }

    /// Lends the next slots that are known of to `with`, as far as they lie in a row; this end
    /// goes on behind those that it advances past, and says how many.
    #[inline(always)]
    pub fn slots(&mut self, with: impl FnOnce(&mut Slots<'_, END, FILE>)) -> usize {
        let mut slots = self.ahead();
        let known = slots.left();
        with(&mut slots);
        let passed = known - slots.left();
        self.next = self.next.wrapping_add(passed as u32);
        passed
    }

    /// Closes this ring too, since another of its lane has closed for `reason`.
    pub fn close(&mut self, reason: Closed) {
        self.closed.get_or_insert(reason);
        self.next = self.bound;
    }

    /// Shows the other side every slot passed so far.
    fn show(&mut self) {
        if self.next != self.published && self.closed.is_none() {
            self.published = self.next;
            self.view.ours().store(self.next, Release);
        }
    }

    #[inline(always)]
    fn known(&self) -> u32 {
        self.bound.wrapping_sub(self.next)
    }
}

impl<const FILE: bool> End<FILLS, FILE> {
    /// Free slots, after a look at how far the other side has read.
    ///
    /// # Errors
    /// It claims to have read what it was never given; from then on always.
    pub fn free(&mut self) -> Result<u32, Closed> {
        self.refresh()
    }

    /// Puts `frame`, of which `meta` tells ([`Meta::pack`](crate::Meta::pack)), into the next
    /// slot; false, and nothing done, if no free one is known of ([`End::free`] looks) or the
    /// frame is longer than the lane's longest.
    #[inline(always)]
    pub fn put(&mut self, frame: &[u8], meta: Words) -> bool {
        self.slots(|slots| slots.advance(slots.put(0, frame, meta).into())) > 0
    }

    /// Shows the other side every frame put in so far, with one store.
    pub fn publish(&mut self) {
        self.show();
    }
}

impl<const FILE: bool> End<EMPTIES, FILE> {
    /// Frames that wait, after a look at how far the other side has written.
    ///
    /// # Errors
    /// It claims more frames than there are slots; from then on always.
    pub fn available(&mut self) -> Result<u32, Closed> {
        self.refresh()
    }

    /// Gives the slots of all consumed frames back, with one store.
    pub fn release(&mut self) {
        self.show();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::Geometry;
    use crate::memory::{attach, create};

    /// Two views of one receive ring of `slots`, whose shared indices are as given.
    fn views([filled, emptied]: [u32; 2], slots: u32) -> (View<FILLS, DOWN>, View<EMPTIES, DOWN>) {
        let geometry = Geometry {
            rings: 1,
            slots,
            frame_bytes: 64,
        };
        let (files, (mut core, _)) = create("ring", geometry).unwrap();
        let (mut endpoint, _) = attach(&files, geometry).unwrap();
        let (core, endpoint) = (core.remove(0), endpoint.remove(0));
        core.ours().store(filled, Release);
        endpoint.ours().store(emptied, Release);
        (core, endpoint)
    }

    /// Both ends of a ring of `slots` whose indices start at `start`.
    fn ring(start: u32, slots: u32) -> (End<FILLS, DOWN>, End<EMPTIES, DOWN>) {
        let (core, endpoint) = views([start; 2], slots);
        (End::new(core).unwrap(), End::new(endpoint).unwrap())
    }

    /// The next slot, after a look if there seems to be none.
    fn slot<const END: bool>(end: &mut End<END, DOWN>) -> Option<u32> {
        if end.known() == 0 {
            end.refresh().ok()?;
        }
        (end.ahead().left() > 0).then_some(end.next)
    }

    #[test]
    fn ends_that_start_too_far_apart_are_refused() {
        for (filled, fits) in [(8, true), (9, false), (u32::MAX, false)] {
            let (core, endpoint) = views([filled, 0], 8);
            assert_eq!(End::new(core).is_ok(), fits);
            assert_eq!(End::new(endpoint).is_ok(), fits);
        }
    }

    #[test]
    fn ring_closes_for_good_on_either_end() {
        let (mut fill_end, mut empty_end) = ring(u32::MAX, 4);
        assert_eq!(slot(&mut fill_end), Some(u32::MAX));
        assert_eq!((fill_end.closed, empty_end.closed), (None, None));
        fill_end.view.ours().store(5, Release);
        empty_end.view.ours().store(0, Release);
        let closed = fill_end.refresh().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 0, 0));
        assert_eq!(slot(&mut fill_end), None);
        fill_end.show();
        assert_eq!(
            fill_end.view.ours().load(Acquire),
            5,
            "a closed ring shows nothing more"
        );
        let closed = empty_end.refresh().unwrap_err();
        assert_eq!((closed.from, closed.to, closed.limit), (u32::MAX, 5, 4));
        assert_eq!(slot(&mut empty_end), None);
        fill_end.view.ours().store(u32::MAX, Release);
        empty_end.view.ours().store(u32::MAX, Release);
        assert_eq!(empty_end.closed.as_ref(), Some(&closed));
        assert!(fill_end.refresh().is_err() && slot(&mut fill_end).is_none());
        assert!(empty_end.refresh().is_err() && slot(&mut empty_end).is_none());
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
                    let slot = slot(&mut fill_end);
                    prop_assert_eq!(slot.is_some(), oracle.len() < slots as usize);
                    if let Some(slot) = slot {
                        number += 1;
                        memory[place(slot)] = number;
                        oracle.push_back(number);
                        fill_end.next = slot.wrapping_add(1);
                    }
                }
                fill_end.show();
                prop_assert_eq!(empty_end.refresh(), Ok(oracle.len() as u32));
                for _ in 0..drain {
                    let found = slot(&mut empty_end).map(|slot| memory[place(slot)]);
                    prop_assert_eq!(found, oracle.pop_front());
                    empty_end.consume();
                }
                empty_end.show();
                prop_assert_eq!(fill_end.refresh(), Ok(slots - oracle.len() as u32));
            }
        }
    }
}
