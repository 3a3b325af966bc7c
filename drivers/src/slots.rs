//! Which filter register holds which key.
//!
//! The rule: a key that stays in force stays in its register. So a filter of a partition that a
//! change does not concern is never written while frames arrive.
//!
//! Not here: what a filter register looks like (the families).

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use lockgate_vmdq::{HardwarePlan, Mac};

/// The registers of one kind of filter, with the key that each holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slots<Key>(Vec<Option<Key>>);

impl<Key: Ord + Copy> Slots<Key> {
    /// `count` registers that hold nothing.
    pub(crate) fn new(count: u32) -> Self {
        Self(vec![None; count as usize])
    }

    /// Empties the registers of keys that are not in `filters`, and gives those of `filters` that
    /// have none an empty one, in order. Others stay where they are.
    pub(crate) fn assign(&mut self, filters: &BTreeMap<Key, u64>) {
        for slot in &mut self.0 {
            *slot = slot.filter(|key| filters.contains_key(key));
        }
        for key in filters.keys() {
            if !self.0.contains(&Some(*key))
                && let Some(empty) = self.0.iter_mut().find(|slot| slot.is_none())
            {
                *empty = Some(*key);
            }
        }
    }

    /// Has register `at` hold `key`; `false`, and nothing changed, where another one does, or
    /// there is no such register.
    pub(crate) fn hold(&mut self, at: usize, key: Key) -> bool {
        let free = !self.0.contains(&Some(key));
        match self.0.get_mut(at).filter(|_| free) {
            Some(slot) => {
                *slot = Some(key);
                true
            }
            None => false,
        }
    }

    /// Every register in order: its key, and the pools that `filters` gives it.
    pub(crate) fn with<'s>(
        &'s self,
        filters: &'s BTreeMap<Key, u64>,
    ) -> impl Iterator<Item = Option<(Key, u64)>> + 's {
        let pools = |key: Key| filters.get(&key).map(|pools| (key, *pools));
        self.0.iter().map(move |slot| slot.and_then(pools))
    }
}

/// The filter registers of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterSlots {
    pub(crate) macs: Slots<Mac>,
    pub(crate) vlans: Slots<u16>,
}

impl FilterSlots {
    /// `macs` and `vlans` registers that hold nothing.
    pub(crate) fn new(macs: u32, vlans: u32) -> Self {
        Self {
            macs: Slots::new(macs),
            vlans: Slots::new(vlans),
        }
    }

    /// Gives every filter of `plan` a register, and others none.
    pub(crate) fn assign(&mut self, plan: &HardwarePlan) {
        self.macs.assign(&plan.macs);
        self.vlans.assign(&plan.vlans);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stays_is_never_moved_and_new_ones_fill_the_gaps() {
        let filters = |keys: &[u16]| keys.iter().map(|&key| (key, 1)).collect();
        let mut slots = Slots::new(4);
        slots.assign(&filters(&[10, 20, 30]));
        assert_eq!(slots.0, [Some(10), Some(20), Some(30), None]);
        slots.assign(&filters(&[5, 30, 40]));
        assert_eq!(slots.0, [Some(5), Some(40), Some(30), None]);
        assert!(!slots.hold(3, 30) && slots.hold(3, 7) && !slots.hold(4, 8));
        slots.assign(&filters(&[]));
        assert_eq!(slots, Slots::new(4));
    }
}
