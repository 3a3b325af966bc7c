//! What each card can hold, and what the machine has.
//!
//! Numbers as Intel's own drivers for these controllers use them, a file for each
//! family. Not here: whether a policy fits them (`fit`).

mod e1000e;
mod igb;
mod ixgbe;

use crate::BitRate;
use crate::prelude::*;

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

/// What the machine has for Lockgate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Numbers of the cores that may be used, ascending.
    pub cores: Vec<u16>,
}
