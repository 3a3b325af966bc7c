//! What a card is told: filters, pools, RSS.
//!
//! Plain data in the card's terms, so that the same value can be programmed, read
//! back from the registers and compared. A pool never takes less than the verdict
//! allows; where a card can only say it coarsely (multicast by hash) the worker's
//! check is the exact one. Not here: registers (`regs`, `drivers`).

mod diff;
mod e1000e;

use alloc::collections::{BTreeMap, BTreeSet};

use lockgate_rss::{HashKinds, Key, Table};

pub use diff::{
    FilterChange, HardwareChanges, HardwareDiff, MulticastChange, PoolChange, ResetReason,
};

use crate::check::Fit;
use crate::prelude::*;
use crate::{
    BitRate, Capabilities, FrameLimits, Mac, Multicast, PartitionPart, PartitionSpec, PlanError,
    PlanErrorKind as Kind, PlanSpec, Rss, Segment,
};

/// Who finds the partition of a frame from the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteeringMode {
    /// The worker, by look-up. The plan has one pool, which is the whole card, with a
    /// queue per worker as far as they go.
    Software,
    /// The card, by pool ([`Plan::partition_of`](crate::Plan::partition_of)); the worker
    /// checks.
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

/// One pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolPlan {
    /// Whether it receives; without, it is in no filter and all below but
    /// `transmit`, `rate` and `weight` is off.
    pub receive: bool,
    /// Whether it transmits.
    pub transmit: bool,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Whether it takes frames without a tag; a card without pools always does.
    pub untagged: bool,
    /// Whether it takes what the multicast table hits.
    pub multicast: bool,
    /// Its receive queues, 0 where it does not receive; RSS spreads over more than one.
    pub queues: u8,
    /// Whether the card drops frames from another's address or VLAN. It judges by
    /// the receive filters, so only pools that do both can have it.
    pub anti_spoof: bool,
    /// Largest frame it receives, tag and FCS included, in bytes.
    pub max_frame: u16,
    /// The card's transmit limit; the token bucket of the worker comes first.
    pub rate: Option<BitRate>,
    /// Its weight on transmit, as far as the card weighs pools; 0 otherwise.
    pub weight: u16,
}

/// Everything a card is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardwarePlan {
    /// Who steers.
    pub mode: SteeringMode,
    /// RSS; `None` where every pool has one queue.
    pub rss: Option<RssPlan>,
    /// The pools that each unicast address selects, bit `p` for pool `p`.
    pub macs: BTreeMap<Mac, u64>,
    /// The pools on each VLAN, by VID; VID 0 lets priority-tagged frames into pools
    /// of the untagged segment.
    pub vlans: BTreeMap<u16, u64>,
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
    /// The longest frame of any pool, tag and FCS included, in bytes; 0 if none receives.
    pub fn max_frame(&self) -> u16 {
        let longest = self.pools.iter().map(|pool| pool.max_frame);
        longest.max().unwrap_or(0)
    }

    /// What `card` is told for a specification that fits it.
    ///
    /// # Errors
    /// The first filter of each kind more than the card has; only pools that receive need any.
    pub(crate) fn new(spec: &PlanSpec, fit: &Fit) -> Result<Self, Vec<PlanError>> {
        let mut plan = Self {
            mode: SteeringMode::Pools,
            rss: None,
            macs: BTreeMap::new(),
            vlans: BTreeMap::new(),
            multicast: Box::new([0; 128]),
            pools: vec![PoolPlan::default(); fit.layout.map_or(0, |layout| layout.pools.into())],
        };
        for partition in &spec.partitions {
            plan.add(partition, &fit.card, spec.mtu);
        }
        plan.check_filters(spec, &fit.card)?;
        if fit.layout.is_none() {
            return Ok(plan.without_pools(spec, &fit.card));
        }
        let spread = spec.partitions.iter().filter(|p| p.spreads());
        let widest = spread.max_by_key(|p| p.queues);
        plan.rss = widest.map(|p| RssPlan::new(p.rss, p.queues, &fit.card));
        Ok(plan)
    }

    /// Adds a partition: its pool and what it receives. Without pools every partition has an
    /// entry of its own for now.
    fn add(&mut self, partition: &PartitionSpec, card: &Capabilities, mtu: u16) {
        let pool = PoolPlan::new(partition, card, mtu);
        let own = partition
            .pool
            .and_then(|own| self.pools.get_mut(own.index()));
        match own {
            Some(own) => *own = pool,
            None => self.pools.push(pool),
        }
        if !partition.wire.receives() {
            return;
        }
        let bit = partition.pool.map_or(1, |own| own.bit());
        for mac in &partition.macs {
            *self.macs.entry(*mac).or_default() |= bit;
        }
        for segment in &partition.segments {
            *self.vlans.entry(segment.vid()).or_default() |= bit;
        }
        for mac in partition.multicast.listed() {
            let index = multicast_index(*mac);
            self.multicast[index >> 5] |= 1 << (index & 31);
        }
        if partition.multicast == Multicast::All {
            *self.multicast = [u32::MAX; 128];
        }
    }

    /// Refuses filters that the card does not have room for.
    fn check_filters(&self, spec: &PlanSpec, card: &Capabilities) -> Result<(), Vec<PlanError>> {
        let mut refusals = Vec::new();
        if self.macs.len() > card.macs.into() {
            refusals.extend(surplus_mac(spec, card));
        }
        if self.vlans.len() > card.vlans.into() {
            refusals.extend(surplus_vlan(spec, card));
        }
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(refusals)
        }
    }
}

/// The partitions that need filters, with their positions.
fn receiving(spec: &PlanSpec) -> impl Iterator<Item = (usize, &PartitionSpec)> {
    let all = spec.partitions.iter().enumerate();
    all.filter(|(_, partition)| partition.wire.receives())
}

/// The first address of `spec` that `card` has no filter for.
fn surplus_mac(spec: &PlanSpec, card: &Capabilities) -> Option<PlanError> {
    let mut seen = BTreeSet::new();
    for (at, partition) in receiving(spec) {
        for (i, mac) in partition.macs.iter().enumerate() {
            seen.insert(*mac);
            if seen.len() > card.macs.into() {
                let kind = Kind::TooManyMacs {
                    name: partition.name.clone(),
                    mac: *mac,
                    card: card.card,
                    limit: card.macs,
                };
                return Some(kind.of(at, PartitionPart::Mac(i)));
            }
        }
    }
    None
}

/// The first segment of `spec` that `card` has no filter for.
fn surplus_vlan(spec: &PlanSpec, card: &Capabilities) -> Option<PlanError> {
    let mut seen = BTreeSet::new();
    for (at, partition) in receiving(spec) {
        for (i, segment) in partition.segments.iter().enumerate() {
            seen.insert(*segment);
            if seen.len() > card.vlans.into() {
                let kind = Kind::TooManyVlans {
                    name: partition.name.clone(),
                    segment: *segment,
                    card: card.card,
                    limit: card.vlans,
                };
                return Some(kind.of(at, PartitionPart::Segment(i)));
            }
        }
    }
    None
}

impl RssPlan {
    fn new(Rss { key, hash: kinds }: Rss, queues: u8, card: &Capabilities) -> Self {
        let table = Table::round_robin(card.reta.into(), queues)
            .entries()
            .to_vec();
        Self { key, kinds, table }
    }
}

impl PoolPlan {
    fn new(partition: &PartitionSpec, card: &Capabilities, mtu: u16) -> Self {
        let transmit = partition.wire.sends();
        let weighs = transmit && card.weighs;
        let off = Self {
            transmit,
            rate: partition
                .rate
                .filter(|_| transmit && card.min_rate.is_some()),
            weight: if weighs { partition.weight } else { 0 },
            ..Self::default()
        };
        if !partition.wire.receives() {
            return off;
        }
        Self {
            receive: true,
            broadcast: partition.broadcast,
            untagged: partition.segments.contains(&Segment::UNTAGGED),
            multicast: partition.multicast.takes_some(),
            queues: partition.queues,
            anti_spoof: transmit,
            // A priority tag can come on any segment, so there is always room for one.
            max_frame: FrameLimits::new(mtu).longest_with_fcs() as u16,
            ..off
        }
    }
}
