//! Where one end of a ring stands: its own index, and how far it may go.
//!
//! Indices count frames since the lane was made, wrap only where 64 bits do, and name a slot
//! modulo the ring. Each end keeps its own index in private, publishes it once per burst, and
//! remembers how far it may go, so that a burst costs one read and one write of shared memory.
//! Producing and consuming differ by a constant: a producer may run as far ahead of the other
//! side as the ring has slots, a consumer may catch up with it.
//!
//! The invariant: `published <= next <= bound` and `bound - published <= slots`, all modulo
//! 2^64.
//!
//! Not here: shared memory, and what is in the slots.

/// What an end does with the slots of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It fills them.
    Producer,
    /// It empties them.
    Consumer,
}

/// The other side moved its index further than it can have, or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The last good value of the index.
    pub(crate) from: u64,
    /// How far it might have moved.
    pub(crate) limit: u64,
}

/// The indices of one end of a ring.
#[derive(Debug)]
pub(crate) struct Cursor {
    slots: u64,
    /// How far this end may run ahead of the other: all slots or none.
    lead: u64,
    /// The slot that is used next.
    next: u64,
    /// What the other side was told of `next` last.
    published: u64,
    /// Where this end must stop, as far as it knows.
    bound: u64,
}

impl Cursor {
    /// Goes on where the shared indices stand.
    ///
    /// # Errors
    /// They are further apart than the ring is long.
    pub(crate) fn resume(role: Role, slots: u32, ours: u64, theirs: u64) -> Result<Self, Jump> {
        let slots = slots.into();
        let mut cursor = Self {
            slots,
            lead: match role {
                Role::Producer => slots,
                Role::Consumer => 0,
            },
            next: ours,
            published: ours,
            bound: ours,
        };
        cursor.observe(theirs)?;
        Ok(cursor)
    }

    /// How many slots this end may use before it has to look again.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.bound.wrapping_sub(self.next) as usize
    }

    /// The index of the slot `ahead` of the next; a slot is that modulo the ring.
    #[inline(always)]
    pub(crate) fn slot(&self, ahead: usize) -> usize {
        (self.next as usize).wrapping_add(ahead)
    }

    /// The index of the slot that is used next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The other side's index as last seen.
    pub(crate) fn theirs(&self) -> u64 {
        self.bound.wrapping_sub(self.lead)
    }

    /// Steps past the next `count` slots, or as many as are left.
    #[inline(always)]
    pub(crate) fn advance(&mut self, count: usize) {
        let count = count.min(self.left());
        self.next = self.next.wrapping_add(count as u64);
    }

    /// Steps past the next slot; the caller knows that there is one.
    #[inline(always)]
    pub(crate) fn step(&mut self) {
        debug_assert!(self.left() > 0);
        self.next = self.next.wrapping_add(1);
    }

    /// What the other side has to be told, if this end moved since it was told last; the caller
    /// tells it.
    #[inline(always)]
    pub(crate) fn publish(&mut self) -> Option<u64> {
        let moved = self.next != self.published;
        self.published = self.next;
        moved.then_some(self.next)
    }

    /// Takes note of the other side's index.
    ///
    /// # Errors
    /// It moved further than it can have; nothing is noted.
    pub(crate) fn observe(&mut self, theirs: u64) -> Result<(), Jump> {
        let bound = theirs.wrapping_add(self.lead);
        // A producer's peer consumes at most what it was shown, a consumer's peer fills at most
        // the slots that it was given back.
        let limit = self.slots - self.bound.wrapping_sub(self.published);
        if bound.wrapping_sub(self.bound) > limit {
            return Err(Jump {
                from: self.bound.wrapping_sub(self.lead),
                limit,
            });
        }
        self.bound = bound;
        Ok(())
    }

    /// Leaves nothing to this end, so that the fast path needs no question whether a ring is
    /// closed.
    pub(crate) fn halt(&mut self) {
        self.bound = self.next;
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ends_that_start_too_far_apart_are_refused() {
        for (produced, fits) in [(8, true), (9, false), (u64::MAX, false)] {
            let producer = Cursor::resume(Role::Producer, 8, produced, 0);
            let consumer = Cursor::resume(Role::Consumer, 8, 0, produced);
            assert_eq!(producer.is_ok(), fits, "{produced}");
            assert_eq!(consumer.is_ok(), fits, "{produced}");
        }
    }

    #[test]
    fn a_jump_is_told_with_the_last_good_index_and_how_far_it_might_have_moved() {
        let mut producer = Cursor::resume(Role::Producer, 4, u64::MAX, u64::MAX).unwrap();
        let mut consumer = Cursor::resume(Role::Consumer, 4, u64::MAX, u64::MAX).unwrap();
        let jump = |from, limit| Err(Jump { from, limit });
        assert_eq!(producer.observe(0), jump(u64::MAX, 0));
        assert_eq!(consumer.observe(4), jump(u64::MAX, 4));
        assert_eq!(consumer.observe(3), Ok(()));
        assert_eq!(consumer.observe(2), jump(3, 0));
        producer.advance(3);
        assert_eq!(producer.publish(), Some(2));
        assert_eq!(producer.observe(3), jump(u64::MAX, 3));
        assert_eq!(producer.observe(2), Ok(()));
    }

    #[test]
    fn nobody_steps_further_than_is_left_and_a_halted_end_not_at_all() {
        let mut producer = Cursor::resume(Role::Producer, 4, 0, 0).unwrap();
        producer.advance(9);
        assert_eq!((producer.left(), producer.slot(0)), (0, 4));
        assert_eq!((producer.publish(), producer.publish()), (Some(4), None));
        producer.observe(3).unwrap();
        assert_eq!(producer.left(), 3);
        producer.halt();
        producer.advance(1);
        assert_eq!((producer.left(), producer.publish()), (0, None));
    }

    proptest! {
        /// Numbers go through slots that the indices name, against a plain queue.
        #[test]
        fn ring_is_a_queue_wherever_its_indices_start(
            start in prop_oneof![u64::MAX - 40..=u64::MAX, any::<u64>()],
            power in 1..5_u32,
            steps in proptest::collection::vec((0..20_u32, 0..20_u32), 1..20),
        ) {
            let slots = 1_u32 << power;
            let mut producer = Cursor::resume(Role::Producer, slots, start, start).unwrap();
            let mut consumer = Cursor::resume(Role::Consumer, slots, start, start).unwrap();
            let (mut produced, mut consumed) = (start, start);
            let place = |slot: usize| slot & (slots as usize - 1);
            let mut memory = vec![0; slots as usize];
            let (mut oracle, mut number) = (VecDeque::new(), 0_u32);
            for (fill, drain) in steps {
                producer.observe(consumed).unwrap();
                for _ in 0..fill {
                    prop_assert_eq!(producer.left() > 0, oracle.len() < slots as usize);
                    if producer.left() > 0 {
                        number += 1;
                        memory[place(producer.slot(0))] = number;
                        oracle.push_back(number);
                        producer.advance(1);
                    }
                }
                produced = producer.publish().unwrap_or(produced);
                consumer.observe(produced).unwrap();
                prop_assert_eq!(consumer.left(), oracle.len());
                for _ in 0..drain {
                    let found = (consumer.left() > 0).then(|| memory[place(consumer.slot(0))]);
                    prop_assert_eq!(found, oracle.pop_front());
                    consumer.advance(1);
                }
                consumed = consumer.publish().unwrap_or(consumed);
                producer.observe(consumed).unwrap();
                prop_assert_eq!(producer.left(), slots as usize - oracle.len());
            }
        }
    }
}
