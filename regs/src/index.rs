//! Checked numbers: which queue, pool or table entry of a card.
//!
//! A value exists only if the card has it; [`Index::all`] lists them.
//!
//! Not here: what is queued or filtered there.

/// A number that is known to be below the count of what it selects.
pub trait Index: Copy {
    /// How many there are.
    const COUNT: u32;

    /// Number `number`, if the card has it.
    fn new(number: u32) -> Option<Self>;

    /// The number, below [`Index::COUNT`].
    fn number(self) -> u32;

    /// Every one, in order.
    fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(Self::new)
    }
}

/// The index of a register of which there is one.
impl Index for () {
    const COUNT: u32 = 1;

    fn new(number: u32) -> Option<Self> {
        (number == 0).then_some(())
    }

    fn number(self) -> u32 {
        0
    }
}

/// Declares index types: `indices! { /// doc  Name, count; }`.
macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident, $count:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $crate::Index for $name {
            const COUNT: u32 = $count;

            fn new(number: u32) -> Option<Self> {
                (number < $count).then_some(Self(number))
            }

            fn number(self) -> u32 {
                self.0
            }
        }
    )+};
}

pub(crate) use indices;

indices! {
    /// A 32-bit word of a 4096-bit filter table (MTA, VFTA, UTA), 0 to 127.
    TableWord, 128;
}

impl TableWord {
    /// The word that holds bit `bit` of the table; the top bits are ignored.
    pub const fn of_bit(bit: u16) -> Self {
        Self(((bit >> 5) & 0x7F) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, TableWord};

    #[test]
    fn an_index_stops_below_its_count() {
        assert_eq!(TableWord::new(127).map(TableWord::number), Some(127));
        assert_eq!(TableWord::new(128), None);
        assert_eq!(TableWord::all().count(), 128);
        assert_eq!(<() as Index>::all().count(), 1);
    }

    #[test]
    fn the_last_bit_of_a_table_is_in_its_last_word() {
        assert_eq!(TableWord::of_bit(4095).number(), 127);
        assert_eq!(TableWord::of_bit(32).number(), 1);
        assert_eq!(TableWord::of_bit(31).number(), 0);
    }
}
