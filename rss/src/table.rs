//! The indirection table: hash to queue.
//!
//! Its size is the card's, a power of two, so that the low bits of the hash are
//! the index.

/// An indirection table of at most [`Table::MAX`] entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    entries: [u8; Self::MAX],
    mask: u32,
}

impl Table {
    /// The largest table of any supported card, in entries.
    pub const MAX: usize = 512;

    /// The table of `size` entries in which entry i is queue i mod `queues`.
    ///
    /// # Panics
    /// If `size` is no power of two up to [`Table::MAX`], or `queues` is 0: the
    /// first is a constant of the card, the second has passed the policy check.
    pub fn round_robin(size: usize, queues: u8) -> Self {
        assert!(
            size.is_power_of_two() && size <= Self::MAX,
            "a table of {size} entries"
        );
        assert!(queues > 0, "a table for no queue");
        let entries = core::array::from_fn(|i| (i % usize::from(queues)) as u8);
        Self {
            entries,
            mask: (size - 1) as u32,
        }
    }

    /// The queue of a packet with this hash.
    pub fn queue(&self, hash: u32) -> u8 {
        // The remainder never changes the index; it spares the bounds check.
        self.entries[(hash & self.mask) as usize % Self::MAX]
    }

    /// The queue in each entry.
    pub fn entries(&self) -> &[u8] {
        &self.entries[..self.len()]
    }

    /// Number of entries.
    #[expect(clippy::len_without_is_empty, reason = "no table is empty")]
    pub fn len(&self) -> usize {
        self.mask as usize + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_i_is_queue_i_mod_queues() {
        let table = Table::round_robin(128, 3);
        assert_eq!(table.len(), 128);
        assert_eq!(&table.entries()[..7], &[0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(table.entries()[127], 1);
    }

    #[test]
    fn low_bits_of_the_hash_are_the_index() {
        let table = Table::round_robin(128, 16);
        assert_eq!(table.queue(0x51cc_c178), 8);
        assert_eq!(table.queue(0xffff_ff80), 0);
        assert_eq!(table.queue(u32::MAX), 15);
        let largest = Table::round_robin(512, 255);
        assert_eq!(largest.queue(u32::MAX), 1);
    }

    #[test]
    fn single_queue_takes_everything() {
        let table = Table::round_robin(1, 1);
        assert_eq!(table.entries(), &[0]);
        assert_eq!(table.queue(u32::MAX), 0);
    }

    #[test]
    #[should_panic(expected = "a table of 100 entries")]
    fn table_that_is_no_power_of_two_is_our_own_bug() {
        Table::round_robin(100, 2);
    }
}
