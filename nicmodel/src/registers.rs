//! Storage of a card's registers, and which of them it has.
//!
//! A [`Map`] says for every word of the BAR which bits a driver can write and
//! whether reading clears it; [`Registers`] holds the values. Words that are not
//! in the map read 0 and swallow writes, as on the card.
//!
//! Not here: side effects of an access (each card).

use std::sync::Arc;

use lockgate_regs::{ClearsOnRead, Index, Register, Stable};

/// What a driver can do to one word of the BAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// No register is there.
    Absent,
    /// Holds the bits of the mask that are written.
    Stored { mask: u32 },
    /// Returns to 0 when read.
    Clears,
}

/// Every word of a BAR.
#[derive(Debug)]
pub(crate) struct Map(Vec<Access>);

impl Map {
    /// The map of a BAR of `bytes` bytes without any register.
    pub(crate) fn new(bytes: u32) -> Self {
        Self(vec![Access::Absent; bytes as usize / 4])
    }

    /// Adds registers of which the bits of `mask` can be written; 0 for
    /// read-only ones.
    pub(crate) fn stored<R: Stable>(mut self, mask: u32) -> Self {
        self.place::<R>(Access::Stored { mask });
        self
    }

    /// Adds registers that reading clears.
    pub(crate) fn clears<R: ClearsOnRead>(mut self) -> Self {
        self.place::<R>(Access::Clears);
        self
    }

    /// Adds a register `distance` bytes behind each `R`.
    pub(crate) fn beside<R: Register>(mut self, distance: u32, mask: u32) -> Self {
        for index in R::Index::all() {
            self.put(R::offset(index) + distance, Access::Stored { mask });
        }
        self
    }

    /// Adds `count` registers that only need to exist, `stride` bytes apart.
    pub(crate) fn words(mut self, first: u32, count: u32, stride: u32) -> Self {
        for n in 0..count {
            self.put(first + stride * n, Access::Stored { mask: u32::MAX });
        }
        self
    }

    /// Adds a word that a driver can only read.
    pub(crate) fn read_only(mut self, offset: u32) -> Self {
        self.put(offset, Access::Stored { mask: 0 });
        self
    }

    /// Adds counters wherever `first` to `last` has no register yet.
    pub(crate) fn absent_to_cleared(mut self, first: u32, last: u32) -> Self {
        for offset in (first..=last).step_by(4) {
            if self.access(offset) == Access::Absent {
                self.put(offset, Access::Clears);
            }
        }
        self
    }

    /// What a driver can do at byte `offset`.
    pub(crate) fn access(&self, offset: u32) -> Access {
        let word = self.0.get(offset as usize / 4);
        word.copied().unwrap_or(Access::Absent)
    }

    fn place<R: Register>(&mut self, access: Access) {
        for index in R::Index::all() {
            self.put(R::offset(index), access);
        }
    }

    fn put(&mut self, offset: u32, access: Access) {
        if let Some(word) = self.0.get_mut(offset as usize / 4) {
            *word = access;
        }
    }
}

/// The values of a card's registers.
#[derive(Debug)]
pub(crate) struct Registers {
    map: Arc<Map>,
    words: Vec<u32>,
}

impl Registers {
    /// All registers of `map`, at 0.
    pub(crate) fn new(map: &Arc<Map>) -> Self {
        Self {
            map: Arc::clone(map),
            words: vec![0; map.0.len()],
        }
    }

    /// What the driver can do at byte `offset`.
    pub(crate) fn access(&self, offset: u32) -> Access {
        self.map.access(offset)
    }

    /// Whether a 32-bit access at byte `offset` is inside the BAR.
    pub(crate) fn contains(&self, offset: u32) -> bool {
        offset.is_multiple_of(4) && (offset as usize / 4) < self.words.len()
    }

    /// Forgets every value.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The word at byte `offset`.
    pub(crate) fn word(&self, offset: u32) -> u32 {
        self.words.get(offset as usize / 4).copied().unwrap_or(0)
    }

    /// Puts a word at byte `offset`, whatever the map says.
    pub(crate) fn put(&mut self, offset: u32, value: u32) {
        if let Some(word) = self.words.get_mut(offset as usize / 4) {
            *word = value;
        }
    }

    /// Two words that hold one value, the low one at `R`.
    pub(crate) fn wide<R: Register>(&self, index: R::Index) -> u64 {
        let low = R::offset(index);
        u64::from(self.word(low)) | (u64::from(self.word(low + 4)) << 32)
    }

    /// Puts a value into two words, the low one at `R`.
    pub(crate) fn put_wide<R: Register>(&mut self, index: R::Index, value: u64) {
        let low = R::offset(index);
        self.put(low, (value & u64::from(u32::MAX)) as u32);
        self.put(low + 4, (value >> 32) as u32);
    }

    pub(crate) fn get<R: Register>(&self, index: R::Index) -> R {
        R::from(self.word(R::offset(index)))
    }

    pub(crate) fn set<R: Register>(&mut self, index: R::Index, register: R) {
        self.put(R::offset(index), register.into());
    }

    /// Adds to a 32-bit counter, which sticks at its end.
    pub(crate) fn count<R: Register>(&mut self, index: R::Index, by: u32) {
        let offset = R::offset(index);
        self.put(offset, self.word(offset).saturating_add(by));
    }

    /// Adds to a 64-bit counter whose high half is in the next word.
    pub(crate) fn count_wide<R: Register>(&mut self, index: R::Index, by: u64) {
        let sum = self.wide::<R>(index).saturating_add(by);
        self.put_wide::<R>(index, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_regs::igb::{Gorcl, Gprc, Rdbal};

    #[test]
    fn a_counter_sticks_at_its_end_and_a_wide_one_carries() {
        let map = Arc::new(Map::new(0x2_0000).clears::<Gprc>().stored::<Rdbal>(!0x7F));
        let mut registers = Registers::new(&map);
        registers.put(Gprc::BASE, u32::MAX - 1);
        registers.count::<Gprc>((), 5);
        assert_eq!(registers.word(0x4074), u32::MAX);

        registers.put(Gorcl::BASE, u32::MAX);
        registers.count_wide::<Gorcl>((), 2);
        assert_eq!((registers.word(0x4088), registers.word(0x408C)), (1, 1));
    }

    #[test]
    fn the_map_knows_every_queue_and_nothing_between() {
        let map = Map::new(0x2_0000).stored::<Rdbal>(!0x7F);
        assert_eq!(map.access(0xC3C0), Access::Stored { mask: !0x7F });
        assert_eq!(map.access(0xC3C4), Access::Absent);
        assert_eq!(map.access(u32::MAX), Access::Absent);
    }
}
