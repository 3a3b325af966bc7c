//! What each card can hold, and what the machine has.
//!
//! Numbers as Intel's own drivers for these controllers use them, a file for each
//! family. Not here: whether a policy fits them (`check`).

mod e1000e;
mod igb;
mod ixgbe;

use crate::prelude::*;
use crate::{BitRate, MAX_PARTITIONS};

/// One way to cut a card into pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLayout {
    /// Number of pools.
    pub pools: u8,
    /// The most receive queues that RSS spreads over in each.
    pub queues: u8,
}

/// What a card can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Name of the controller, `"82576"`.
    pub card: &'static str,
    /// Its driver family.
    pub family: &'static str,
    /// Its pool layouts, most pools first; empty: steering is by software.
    pub layouts: &'static [PoolLayout],
    /// Receive queues.
    pub rx_queues: u8,
    /// Exact MAC address filters.
    pub macs: u16,
    /// VLAN filters; the untagged segment needs one for priority tags.
    pub vlans: u16,
    /// Entries of the RSS indirection table, one for all pools.
    pub reta: u16,
    /// Fastest link in Mbit/s.
    pub link_mbit: u32,
    /// Largest `nic.mtu`, in bytes.
    pub max_mtu: u16,
    /// Slowest rate that its transmit limiters hold; `None`: it has none, and the
    /// worker alone limits.
    pub min_rate: Option<BitRate>,
    /// Whether it weighs pools on transmit; if not, the worker alone does.
    pub weighs: bool,
}

impl Capabilities {
    /// Every card that there is a driver for.
    pub const ALL: &'static [&'static Self] = &[&Self::I82574, &Self::I82576, &Self::I82599];

    /// The card of this name; `None` if there is none.
    pub fn of(card: &str) -> Option<&'static Self> {
        Self::ALL.iter().copied().find(|known| known.card == card)
    }

    /// The most partitions that one plan can have on it.
    pub fn most_partitions(&self) -> usize {
        let most = self.layouts.iter().map(|layout| layout.pools.into()).max();
        most.unwrap_or(MAX_PARTITIONS)
    }

    /// The first layout with a pool for each of `partitions` and `queues` queues in each;
    /// `None` if there is none, as on a card without pools.
    pub fn layout_for(&self, partitions: usize, queues: u8) -> Option<PoolLayout> {
        let mut layouts = self.layouts_for(partitions);
        layouts.find(|layout| layout.queues >= queues)
    }

    /// The most queues that a pool can have if there are so many partitions; `None` without
    /// pools.
    pub(crate) fn most_queues(&self, partitions: usize) -> Option<u8> {
        self.layouts_for(partitions)
            .map(|layout| layout.queues)
            .max()
    }

    fn layouts_for(&self, partitions: usize) -> impl Iterator<Item = PoolLayout> {
        let layouts = self.layouts.iter().copied();
        layouts.filter(move |layout| usize::from(layout.pools) >= partitions)
    }

    /// A number that changes when what the card can hold changes, so that a plan which was
    /// made for other limits is known. No secret, and no proof against a forger: what is
    /// decoded is checked against the limits themselves.
    pub fn fingerprint(&self) -> u64 {
        let mut words: Vec<u64> = self.family.bytes().map(u64::from).collect();
        for layout in self.layouts {
            words.extend([u64::from(layout.pools), layout.queues.into()]);
        }
        words.extend([
            u64::from(self.rx_queues),
            self.macs.into(),
            self.vlans.into(),
            self.reta.into(),
            self.link_mbit.into(),
            self.max_mtu.into(),
            self.min_rate.map_or(0, BitRate::bits_per_second),
            self.weighs.into(),
        ]);
        words.iter().fold(FNV_OFFSET, |hash, word| {
            (hash ^ word).wrapping_mul(FNV_PRIME)
        })
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), over words instead of bytes.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What the machine has for Lockgate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Numbers of the cores that may be used, ascending.
    pub cores: Vec<u16>,
}
