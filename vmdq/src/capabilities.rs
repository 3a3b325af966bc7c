//! What each card can hold, and what the machine has.
//!
//! Numbers as Intel's own drivers for these controllers use them. Not here: whether a
//! policy fits them (`check`).

use alloc::vec::Vec;

use crate::rate::BitRate;

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
    /// Transmit queues.
    pub tx_queues: u8,
    /// Exact MAC address filters.
    pub macs: u16,
    /// VLAN filters; the untagged segment needs one for priority tags.
    pub vlans: u16,
    /// Entries of the RSS indirection table.
    pub reta: u16,
    /// Whether each pool has an RSS key, hash kinds and table of its own.
    pub rss_per_pool: bool,
    /// Fastest link in Mbit/s.
    pub link_mbit: u32,
    /// Largest `nic.mtu`, in bytes.
    pub max_mtu: u16,
    /// Slowest rate that its transmit limiters hold; `None`: it has none, and the
    /// worker alone limits.
    pub min_rate: Option<BitRate>,
}

impl Capabilities {
    /// 82574: two queues, no pools. 15 of its 16 address registers, one of which
    /// manageability may take; jumbo frames end at 9,018 bytes.
    pub const I82574: Self = Self {
        card: "82574",
        family: "e1000e",
        layouts: &[],
        rx_queues: 2,
        tx_queues: 2,
        macs: 15,
        vlans: 4095,
        reta: 128,
        rss_per_pool: false,
        link_mbit: 1_000,
        max_mtu: 9_000,
        min_rate: None,
    };

    /// 82576: eight pools of two queues. Frames end at 9.5 KiB (RLPML 0x2600); the
    /// rate factor has 14 integer bits, so no limit is under 1 Gbit/s / 16,383.
    pub const I82576: Self = Self {
        card: "82576",
        family: "igb",
        layouts: &[PoolLayout { pools: 8, queues: 2 }],
        rx_queues: 16,
        tx_queues: 16,
        macs: 24,
        vlans: 32,
        reta: 128,
        rss_per_pool: false,
        link_mbit: 1_000,
        max_mtu: 9_706,
        min_rate: BitRate::new(62_000),
    };

    /// 82599: 64 pools of two queues or 32 of four. The rate factor is as on the
    /// 82576, at ten times the link; Intel supports no limit under 10 Mbit/s.
    pub const I82599: Self = Self {
        card: "82599",
        family: "ixgbe",
        layouts: &[PoolLayout { pools: 64, queues: 2 }, PoolLayout { pools: 32, queues: 4 }],
        rx_queues: 128,
        tx_queues: 128,
        macs: 128,
        vlans: 64,
        reta: 128,
        rss_per_pool: false,
        link_mbit: 10_000,
        max_mtu: 9_706,
        min_rate: BitRate::new(10_000_000),
    };

    /// The most pools of any layout, 0 where steering is by software.
    pub fn pools(&self) -> u8 {
        self.layouts.iter().map(|layout| layout.pools).max().unwrap_or(0)
    }
}

/// What the machine has for Lockgate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Numbers of the cores that may be used, ascending.
    pub cores: Vec<u16>,
}
