//! What a card is told: filters, pools, RSS.
//!
//! Plain data in the card's terms, so that the same value can be programmed, read
//! back from the registers and compared. A pool never takes less than the verdict
//! allows; where a card can only say it coarsely (multicast by hash) the worker's
//! check is the exact one. Not here: registers (`regs`, `drivers`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use lockgate_rss::{HashKinds, Key};

use crate::mac::Mac;
use crate::rate::BitRate;

/// How frames find their partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The worker looks it up; the card spreads over `queues` with RSS. The plan
    /// has one pool, which is the whole card.
    Software {
        /// Receive queues in use, one per worker as far as they go.
        queues: u8,
    },
    /// The card's pools, pool `p` for partition `p`.
    Pools,
}

/// RSS as the whole card has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RssPlan {
    /// Key of the hash.
    pub key: Key,
    /// Kinds of packet that are hashed.
    pub kinds: HashKinds,
    /// Queue within the pool for each table entry; a pool with fewer queues uses
    /// the low bits.
    pub table: Vec<u8>,
}

/// One exact address filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacFilter {
    /// The destination address.
    pub mac: Mac,
    /// The pools it selects, bit `p` for pool `p`.
    pub pools: u64,
}

/// One VLAN filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VlanFilter {
    /// The VID; 0 lets priority-tagged frames into pools of the untagged segment.
    pub vid: u16,
    /// The pools that are on it, bit `p` for pool `p`.
    pub pools: u64,
}

/// One pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolPlan {
    /// Whether it receives; without, it is in no filter and all below but
    /// `transmit` and `rate` is off.
    pub receive: bool,
    /// Whether it transmits.
    pub transmit: bool,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Whether it takes frames without a tag.
    pub untagged: bool,
    /// Whether it takes what the multicast table hits.
    pub multicast: bool,
    /// Whether RSS spreads over its queues.
    pub rss: bool,
    /// Its receive queues, 0 where it does not receive.
    pub queues: u8,
    /// Whether the card drops frames from another's address or VLAN. It judges by
    /// the receive filters, so only pools that do both can have it.
    pub anti_spoof: bool,
    /// Largest frame it receives, tag and FCS included, in bytes.
    pub max_frame: u16,
    /// The card's transmit limit; the token bucket of the worker comes first.
    pub rate: Option<BitRate>,
}

/// Everything a card is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardwarePlan {
    /// Who steers.
    pub mode: Mode,
    /// RSS; `None` where every pool has one queue.
    pub rss: Option<RssPlan>,
    /// Unicast filters, by address.
    pub macs: Vec<MacFilter>,
    /// VLAN filters, by VID.
    pub vlans: Vec<VlanFilter>,
    /// Multicast hash table: bit `i & 31` of word `i >> 5`, where `i` is address
    /// bits 47:36 in Intel's count (last octet and upper half of the one before).
    pub multicast: Box<[u32; 128]>,
    /// Every pool of the card's layout, those without a partition all off.
    pub pools: Vec<PoolPlan>,
}

/// Index of `mac` in the multicast table, with RCTL.MO = 0 (MCSTCTRL.MO on ixgbe).
pub fn multicast_index(mac: Mac) -> usize {
    let [.., fifth, sixth] = mac.octets();
    usize::from(sixth) << 4 | usize::from(fifth >> 4)
}
