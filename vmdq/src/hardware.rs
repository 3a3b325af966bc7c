//! What a card is told: filters, pools, RSS.
//!
//! Plain data in the card's terms, so that the same value can be programmed, read
//! back from the registers and compared. A pool never takes less than the verdict
//! allows; where a card can only say it coarsely (multicast by hash) the worker's
//! check is the exact one. Not here: registers (`regs`, `drivers`).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use lockgate_rss::{HashKinds, Key, Table};

use crate::capabilities::Capabilities;
use crate::fit::Fit;
use crate::frame::{FCS, HEADER, Segment, TAG};
use crate::mac::Mac;
use crate::partition::Multicast;
use crate::plan::PartitionPlan;
use crate::policy::Rss;
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

impl HardwarePlan {
    /// What the card is told; without pools it is a single one that takes whatever
    /// some partition may get.
    pub(crate) fn new(partitions: &[PartitionPlan], fit: &Fit, mtu: u16) -> Self {
        let pools = partitions.iter().map(|p| PoolPlan::new(p, fit.card, mtu));
        let mut plan = Self {
            mode: Mode::Pools,
            rss: None,
            macs: Vec::new(),
            vlans: Vec::new(),
            multicast: Box::new([0; 128]),
            pools: pools.collect(),
        };
        if let Some(layout) = fit.layout {
            plan.filter(partitions, |p| 1 << p);
            plan.pools.resize(layout.pools.into(), PoolPlan::default());
            let spread = partitions.iter().filter(|p| p.wire.receives() && p.queues > 1);
            let widest = spread.max_by_key(|p| p.queues);
            plan.rss = widest.map(|p| RssPlan::new(p.rss, &p.table));
        } else {
            plan.filter(partitions, |_| 1);
            let queues = fit.workers.len().min(fit.card.rx_queues.into()) as u8;
            let table = Table::round_robin(fit.card.reta.into(), queues);
            plan.mode = Mode::Software { queues };
            plan.rss = (queues > 1).then(|| RssPlan::new(Rss::default(), &table));
            plan.pools = vec![PoolPlan::whole(&plan.pools, queues)];
        }
        plan
    }

    /// Fills the filters with what `partitions` receive; `bit` is a partition's pool.
    fn filter(&mut self, partitions: &[PartitionPlan], bit: impl Fn(usize) -> u64) {
        let (mut macs, mut vlans) = (BTreeMap::new(), BTreeMap::new());
        let receives = |(_, p): &(usize, &PartitionPlan)| p.wire.receives();
        for (p, partition) in partitions.iter().enumerate().filter(receives) {
            for mac in &partition.macs {
                *macs.entry(*mac).or_default() |= bit(p);
            }
            for segment in &partition.vlans {
                *vlans.entry(segment.vid()).or_default() |= bit(p);
            }
            match &partition.multicast {
                Multicast::All => *self.multicast = [u32::MAX; 128],
                Multicast::List(macs) => {
                    for index in macs.iter().copied().map(multicast_index) {
                        self.multicast[index >> 5] |= 1 << (index & 31);
                    }
                }
            }
        }
        let mac = |(mac, pools)| MacFilter { mac, pools };
        self.macs = macs.into_iter().map(mac).collect();
        let vlan = |(vid, pools)| VlanFilter { vid, pools };
        self.vlans = vlans.into_iter().map(vlan).collect();
    }
}

impl RssPlan {
    fn new(Rss { key, hash: kinds }: Rss, table: &Table) -> Self {
        let table = table.entries().to_vec();
        Self { key, kinds, table }
    }
}

impl PoolPlan {
    fn new(partition: &PartitionPlan, card: &Capabilities, mtu: u16) -> Self {
        let transmit = partition.wire.sends();
        let limited = transmit && card.min_rate.is_some();
        let rate = partition.rate.filter(|_| limited);
        let off = Self::default();
        if !partition.wire.receives() {
            return Self { transmit, rate, ..off };
        }
        Self {
            receive: true,
            transmit,
            broadcast: partition.broadcast,
            untagged: partition.vlans.contains(&Segment::UNTAGGED),
            multicast: partition.multicast != Multicast::List(Vec::new()),
            rss: partition.queues > 1,
            queues: partition.queues,
            anti_spoof: transmit,
            // A priority tag can come on any segment, so there is always room for one.
            max_frame: mtu + (HEADER + TAG + FCS) as u16,
            rate,
        }
    }

    /// The pool that is a whole card and does what any of `pools` does.
    fn whole(pools: &[Self], queues: u8) -> Self {
        let any = |does: fn(&Self) -> bool| pools.iter().any(does);
        let receive = any(|pool| pool.receive);
        Self {
            receive,
            transmit: any(|pool| pool.transmit),
            broadcast: any(|pool| pool.broadcast),
            untagged: any(|pool| pool.untagged),
            multicast: any(|pool| pool.multicast),
            rss: receive && queues > 1,
            queues: if receive { queues } else { 0 },
            max_frame: pools.iter().map(|pool| pool.max_frame).max().unwrap_or(0),
            ..Self::default()
        }
    }
}
