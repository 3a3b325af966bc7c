//! A descriptor ring as the card sees it: base, length, head and tail.
//!
//! The card owns the descriptors from head to before tail. A tail beyond the
//! ring, or a ring without length, leaves it none.

use lockgate_regs::descriptor::{BYTES, ring};

use crate::registers::Registers;

/// One ring, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    base: u64,
    descriptors: u32,
    head: u32,
    tail: u32,
}

impl Ring {
    /// The ring whose registers begin at byte `at`, with RDBAL or TDBAL; its tail was
    /// last announced as `tail`.
    pub(crate) fn new(registers: &Registers, at: u32, tail: u32) -> Self {
        let high = registers.word(at + ring::BASE_HIGH);
        Self {
            base: u64::from(registers.word(at)) | (u64::from(high) << 32),
            descriptors: registers.word(at + ring::LENGTH) / BYTES as u32,
            head: registers.word(at + ring::HEAD),
            tail,
        }
    }

    /// The ring whose registers begin at byte `at`, with the tail that is written there.
    pub(crate) fn announced(registers: &Registers, at: u32) -> Self {
        Self::new(registers, at, registers.word(at + ring::TAIL))
    }

    /// How many descriptors the card owns.
    pub(crate) fn owned(&self) -> u32 {
        if self.head >= self.descriptors || self.tail >= self.descriptors {
            return 0;
        }
        match self.tail.checked_sub(self.head) {
            Some(owned) => owned,
            None => self.tail + self.descriptors - self.head,
        }
    }

    /// The tail.
    pub(crate) fn tail(&self) -> u32 {
        self.tail
    }

    /// Whether the tail is in the ring.
    pub(crate) fn tail_fits(&self) -> bool {
        self.tail < self.descriptors || (self.tail == 0 && self.descriptors == 0)
    }

    /// Where the descriptor at the head is.
    pub(crate) fn address(&self) -> u64 {
        self.base.wrapping_add(u64::from(self.head) * BYTES as u64)
    }

    /// Moves on to the next descriptor; gives its number.
    pub(crate) fn advance(&mut self) -> u32 {
        self.head = match self.head + 1 {
            next if next < self.descriptors => next,
            _ => 0,
        };
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    fn ring(head: u32, tail: u32) -> Ring {
        Ring {
            base: 0x1000,
            descriptors: 8,
            head,
            tail,
        }
    }

    #[test]
    fn the_card_owns_from_head_to_before_tail() {
        assert_eq!(ring(2, 2).owned(), 0);
        assert_eq!(ring(2, 7).owned(), 5);
        assert_eq!(ring(7, 2).owned(), 3);
        assert_eq!(ring(0, 7).owned(), 7);
    }

    #[test]
    fn a_head_or_tail_beyond_the_ring_leaves_it_nothing() {
        assert_eq!(ring(0, 8).owned(), 0);
        assert_eq!(ring(8, 3).owned(), 0);
        assert!(!ring(0, 8).tail_fits());
    }

    #[test]
    fn the_head_wraps_at_the_end() {
        let mut ring = ring(7, 2);
        assert_eq!(ring.address(), 0x1070);
        assert_eq!(ring.advance(), 0);
        assert_eq!(ring.address(), 0x1000);
    }
}
