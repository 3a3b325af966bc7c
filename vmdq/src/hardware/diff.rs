//! What differs between two settings of one card.
//!
//! Plain data, in the order in which it is safe to apply is the driver's affair: the rule here
//! is that a difference is complete. Whoever makes every change of it to a card that is set up
//! as `before` has a card that is set up as `after`; what no live card can change is a
//! [`ResetReason`] and nothing else.
//!
//! Not here: register writes and their order (`lockgate-drivers`).

use alloc::collections::{BTreeMap, BTreeSet};

use super::{HardwarePlan, PoolPlan, RssPlan};
use crate::prelude::*;
use crate::{Mac, PoolId};

/// A filter whose pools change. A mask of no pool means that the filter is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterChange<Key> {
    /// What it matches.
    pub key: Key,
    /// Its pools until now, bit `p` for pool `p`; 0: it is new.
    pub before: u64,
    /// Its pools from now on; 0: it goes.
    pub after: u64,
}

impl<Key> FilterChange<Key> {
    /// The pools that lose it.
    pub const fn removed(&self) -> u64 {
        self.before & !self.after
    }

    /// The pools that gain it.
    pub const fn added(&self) -> u64 {
        self.after & !self.before
    }
}

/// One word of the multicast table that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MulticastChange {
    /// Index of the word, below 128.
    pub word: usize,
    /// What it is until now.
    pub before: u32,
    /// What it is from now on.
    pub after: u32,
}

/// One pool that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolChange {
    /// Which.
    pub pool: PoolId,
    /// How it is set up until now.
    pub before: PoolPlan,
    /// How it is set up from now on.
    pub after: PoolPlan,
}

/// Everything that changes on a card that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HardwareChanges {
    /// Address filters, by address.
    pub macs: Vec<FilterChange<Mac>>,
    /// VLAN filters, by VID.
    pub vlans: Vec<FilterChange<u16>>,
    /// Words of the multicast table, by index.
    pub multicast: Vec<MulticastChange>,
    /// Pools, by number.
    pub pools: Vec<PoolChange>,
    /// Key, kinds and table of RSS from now on; `None`: as they are.
    pub rss: Option<RssPlan>,
}

impl HardwareChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a card has to be reset and set up anew to come to another plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// The card steers in one plan and the worker in the other.
    Steering,
    /// The card is cut into another number of pools.
    PoolLayout,
    /// RSS is on in one plan and off in the other, which the cards choose with the mode of
    /// their receive unit, while it is disabled (MRQC).
    RssMode,
    /// The longest frame differs, and with it the size of every buffer.
    FrameLength,
}

/// The difference of two plans for one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HardwareDiff {
    /// These changes, while traffic runs.
    Changes(HardwareChanges),
    /// The card must be reset.
    NeedsReset(ResetReason),
}

impl HardwarePlan {
    /// What has to change on a card that is set up as `self` for it to be set up as `after`.
    pub fn diff(&self, after: &Self) -> HardwareDiff {
        if let Some(reason) = self.reset_reason(after) {
            return HardwareDiff::NeedsReset(reason);
        }
        HardwareDiff::Changes(HardwareChanges {
            macs: filters(&self.macs, &after.macs),
            vlans: filters(&self.vlans, &after.vlans),
            multicast: self.multicast_changes(after),
            pools: self.pool_changes(after),
            rss: after.rss.clone().filter(|_| self.rss != after.rss),
        })
    }

    fn reset_reason(&self, after: &Self) -> Option<ResetReason> {
        if self.mode != after.mode {
            Some(ResetReason::Steering)
        } else if self.pools.len() != after.pools.len() {
            Some(ResetReason::PoolLayout)
        } else if self.rss.is_some() != after.rss.is_some() {
            Some(ResetReason::RssMode)
        } else if self.max_frame() != after.max_frame() {
            Some(ResetReason::FrameLength)
        } else {
            None
        }
    }

    fn multicast_changes(&self, after: &Self) -> Vec<MulticastChange> {
        let words = self.multicast.iter().zip(after.multicast.iter());
        words
            .enumerate()
            .filter(|(_, (before, after))| before != after)
            .map(|(word, (&before, &after))| MulticastChange {
                word,
                before,
                after,
            })
            .collect()
    }

    fn pool_changes(&self, after: &Self) -> Vec<PoolChange> {
        let pools = self.pools.iter().zip(&after.pools);
        (0..=u8::MAX)
            .map(PoolId::new)
            .zip(pools)
            .filter(|(_, (before, after))| before != after)
            .map(|(pool, (&before, &after))| PoolChange {
                pool,
                before,
                after,
            })
            .collect()
    }
}

/// The filters whose pools differ.
fn filters<Key: Ord + Copy>(
    before: &BTreeMap<Key, u64>,
    after: &BTreeMap<Key, u64>,
) -> Vec<FilterChange<Key>> {
    let keys: BTreeSet<Key> = before.keys().chain(after.keys()).copied().collect();
    let pools = |filters: &BTreeMap<Key, u64>, key| filters.get(&key).copied().unwrap_or(0);
    keys.into_iter()
        .map(|key| FilterChange {
            key,
            before: pools(before, key),
            after: pools(after, key),
        })
        .filter(|change| change.before != change.after)
        .collect()
}
