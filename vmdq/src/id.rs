//! What a plan is numbered by: partitions, and the pools of its card.
//!
//! The rule: the two are different types. A partition keeps its number for as long as it keeps
//! its name, over every change of the policy; which pool it has is a fact of one plan on one
//! card, and [`Plan::pool_of`](crate::Plan::pool_of) and
//! [`Plan::partition_of`](crate::Plan::partition_of) alone translate.
//!
//! Not here: who gets which number.

use crate::prelude::*;

/// The most partitions one plan holds: the pools of the largest card.
pub const MAX_PARTITIONS: usize = 64;

/// One partition, by a stable number below [`MAX_PARTITIONS`].
///
/// It is not a position: a plan whose first partition was removed has no partition 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(u8);

impl PartitionId {
    /// The partition with this number; `None` from [`MAX_PARTITIONS`] on.
    pub const fn new(number: usize) -> Option<Self> {
        if number < MAX_PARTITIONS {
            Some(Self(number as u8))
        } else {
            None
        }
    }

    /// Its number, below [`MAX_PARTITIONS`]: an index into tables with a place for every
    /// partition that there can be.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every number, lowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..MAX_PARTITIONS as u8).map(Self)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One pool of a card, by the card's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(u8);

impl PoolId {
    /// The pool with this number; whether the card has it, its plan says.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number, as registers have it: the index into
    /// [`HardwarePlan::pools`](crate::HardwarePlan::pools).
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its bit in the pool masks of a [`HardwarePlan`](crate::HardwarePlan); no bit from 64 on.
    pub const fn bit(self) -> u64 {
        match 1_u64.checked_shl(self.0 as u32) {
            Some(bit) => bit,
            None => 0,
        }
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PartitionSet(pub(crate) u64);

impl PartitionSet {
    /// Adds `partition`.
    pub const fn insert(&mut self, partition: PartitionId) {
        self.0 |= Self::bit(partition);
    }

    /// Takes `partition` out.
    pub const fn remove(&mut self, partition: PartitionId) {
        self.0 &= !Self::bit(partition);
    }

    /// Whether `partition` is a member.
    pub const fn contains(self, partition: PartitionId) -> bool {
        self.0 & Self::bit(partition) != 0
    }

    /// Whether nobody is a member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number of members.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The member with the lowest number; `None` of an empty set.
    pub fn first(self) -> Option<PartitionId> {
        self.iter().next()
    }

    /// The members, lowest number first.
    pub fn iter(self) -> impl Iterator<Item = PartitionId> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let next = (rest != 0).then(|| PartitionId(rest.trailing_zeros() as u8));
            rest &= rest.wrapping_sub(1);
            next
        })
    }

    /// The bit of `partition` in a set.
    pub(crate) const fn bit(partition: PartitionId) -> u64 {
        1 << partition.0
    }
}

impl FromIterator<PartitionId> for PartitionSet {
    fn from_iter<I: IntoIterator<Item = PartitionId>>(members: I) -> Self {
        let mut set = Self::default();
        for member in members {
            set.insert(member);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_its_members_in_order_and_nobody_else() {
        let members: Vec<_> = [63, 0, 7, 7]
            .into_iter()
            .filter_map(PartitionId::new)
            .collect();
        let set: PartitionSet = members.iter().copied().collect();
        assert!(set.iter().map(PartitionId::index).eq([0, 7, 63]));
        assert_eq!((set.len(), set.first()), (3, PartitionId::new(0)));
        assert!(!set.contains(PartitionId::new(1).unwrap()));
        assert_eq!(PartitionSet::default().first(), None);
    }

    #[test]
    fn numbers_end_where_the_bits_of_a_set_do() {
        assert_eq!(PartitionId::new(64), None);
        assert!(PartitionId::all().map(PartitionId::index).eq(0..64));
        assert_eq!((PoolId::new(63).bit(), PoolId::new(64).bit()), (1 << 63, 0));
    }
}
