//! Which queues a frame is for.
//!
//! First length and the table of VLANs. With pools then: exact address, else hash tables and
//! promiscuity, then the VLAN, then the default pool, then who may receive, and in each pool
//! RSS (82576 datasheet, chapter 7, virtualization; 82599 datasheet, 7.1.1, 7.1.2 and
//! 7.10.3). Without: the MAC's own filters, and RSS over the first 16 queues.
//!
//! Not here: room in the rings ([`super::receive`]); what RSS hashes ([`crate::rss`]).

use lockgate_regs::{Index, TableWord};

use super::buffer::numbers;
use super::{Compared, ExactFilter, Nic, PoolFilter, RegisterMap};
use crate::ethernet::Header;
use crate::packet::indirection;
use crate::registers::Registers;
use crate::rss::{self, Hash};

/// Where a frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the wire.
    Wire,
    /// From the pool of this number, through the card's switch.
    Pool(u32),
}

/// What the filters made of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody wants it.
    Unwanted,
    /// Everybody who wants it finds it too long.
    TooLong,
    /// It is for these queues, a bit each, and has this hash.
    Wanted {
        /// A bit each.
        queues: u128,
        hash: Option<Hash>,
    },
}

impl<M: RegisterMap> Nic<M> {
    /// Decides on a frame of `frame.len()` bytes, without check sequence.
    pub(super) fn steer(&self, header: &Header, frame: &[u8], origin: Origin) -> Verdict {
        if M::is_too_long(&self.registers, header, frame.len()) {
            return Verdict::TooLong;
        }
        let filters = M::filters_vlans(&self.registers);
        if filters && header.vid().is_some_and(|vid| !self.knows_vlan(vid)) {
            return Verdict::Unwanted;
        }
        if M::has_pools(&self.registers) {
            return self.steer_to_pools(header, frame, origin);
        }
        if !self.takes(header) {
            return Verdict::Unwanted;
        }
        let (hash, entry) = self.spread(header, frame);
        Verdict::Wanted {
            queues: 1 << (entry & 0xF),
            hash,
        }
    }

    fn steer_to_pools(&self, header: &Header, frame: &[u8], origin: Origin) -> Verdict {
        let pools = self.candidates(header, origin) & M::receiving_pools(&self.registers);
        let (hash, entry) = self.spread(header, frame);
        let mut queues = 0;
        let mut too_long = false;
        for pool in numbers(pools.into()).filter_map(M::Pool::new) {
            let Some(queue) = M::queue_of(&self.registers, pool, entry) else {
                continue;
            };
            if M::is_too_long_for(&self.registers, pool, header, frame.len()) {
                too_long = true;
            } else {
                queues |= 1 << queue;
            }
        }
        match queues {
            0 if too_long => Verdict::TooLong,
            0 => Verdict::Unwanted,
            _ => Verdict::Wanted { queues, hash },
        }
    }

    /// The hash of a frame, and the entry of the indirection table that it picks.
    fn spread(&self, header: &Header, frame: &[u8]) -> (Option<Hash>, u8) {
        let fields = M::hash_fields(&self.registers);
        let hash = fields.and_then(|fields| rss::hash(&self.registers, &fields, header, frame));
        let entry = indirection(&self.registers, hash.map(|hash| hash.value));
        (hash, entry)
    }

    /// The pools that ask for the frame, a bit each.
    fn candidates(&self, header: &Header, origin: Origin) -> u64 {
        let control = M::pool_control(&self.registers);
        let mut pools = if control.ignores_addresses {
            u64::MAX >> (u64::BITS - M::Pool::COUNT)
        } else {
            self.by_address(header, control.replicates)
        };
        if M::filters_vlans(&self.registers) {
            pools &= self.on_segment(header);
        }
        match origin {
            Origin::Wire if pools == 0 => {
                let default = M::default_pool(&self.registers, header, || self.takes(header));
                pools = default.map_or(0, |pool| 1 << pool);
            }
            Origin::Wire => {}
            Origin::Pool(sender) => {
                pools &= !(1 << sender) | M::hears_itself(&self.registers);
            }
        }
        if control.replicates {
            pools
        } else {
            pools & pools.wrapping_neg()
        }
    }

    /// The pools whose address filters the frame passes. Without replication,
    /// group addresses reach a pool by exact match alone.
    fn by_address(&self, header: &Header, replicates: bool) -> u64 {
        let exact = self.exact(header);
        let matched = exact.unwrap_or(0);
        let unclaimed = !M::is_claimed(exact);
        if !header.is_group() {
            let hashed = unclaimed && self.hits(header, M::unicast_table);
            return matched
                | self
                    .pools_with(|pool| pool.unicast_promiscuous || (hashed && pool.unicast_hash));
        }
        if !replicates {
            return matched;
        }
        if header.is_broadcast() {
            return matched | self.pools_with(|pool| pool.broadcast);
        }
        let hashed = unclaimed && self.hits(header, M::multicast_table);
        matched
            | self.pools_with(|pool| pool.multicast_promiscuous || (hashed && pool.multicast_hash))
    }

    /// The pools of every exact filter that the frame matches; `None` if it matches none.
    pub(super) fn exact(&self, header: &Header) -> Option<u64> {
        let matches = |filter: &ExactFilter| match filter.compared {
            Compared::Destination => filter.address == header.destination,
            Compared::Source => filter.address == header.source,
            Compared::Nothing => false,
        };
        M::exact_filters(&self.registers)
            .filter(matches)
            .map(|filter| filter.pools)
            .reduce(|all, pools| all | pools)
    }

    /// Whether the source address is in an exact filter of `pool`.
    pub(super) fn owns_source(&self, pool: M::Pool, header: &Header) -> bool {
        M::exact_filters(&self.registers)
            .any(|filter| filter.address == header.source && filter.pools >> pool.number() & 1 != 0)
    }

    /// Whether the destination's bit is set in a hash table.
    fn hits(&self, header: &Header, table: impl Fn(&Registers, TableWord) -> u32) -> bool {
        let shift = match M::table_window(&self.registers) {
            0 => 36,
            1 => 35,
            2 => 34,
            _ => 32,
        };
        // The datasheet numbers bits from octet 0, the lowest, upwards.
        let bits = header.destination.swap_bytes() >> 16;
        let bit = ((bits >> shift) & 0xFFF) as u16;
        table(&self.registers, TableWord::of_bit(bit)) & (1 << (bit & 31)) != 0
    }

    fn knows_vlan(&self, vid: u16) -> bool {
        M::vlan_table(&self.registers, TableWord::of_bit(vid)) & (1 << (vid & 31)) != 0
    }

    /// The pools on the frame's VLAN; for an untagged frame those that take such.
    pub(super) fn on_segment(&self, header: &Header) -> u64 {
        let Some(vid) = header.vid() else {
            return self.pools_with(|pool| pool.untagged);
        };
        M::vlan_filters(&self.registers)
            .filter(|filter| filter.vid == vid)
            .fold(0, |pools, filter| pools | filter.pools)
    }

    fn pools_with(&self, takes: impl Fn(PoolFilter) -> bool) -> u64 {
        M::Pool::all()
            .filter(|&pool| takes(M::pool_filter(&self.registers, pool)))
            .fold(0, |pools, pool| pools | 1 << pool.number())
    }

    /// Whether the MAC's own filters let the destination in.
    fn takes(&self, header: &Header) -> bool {
        if self.exact(header).is_some() {
            return true;
        }
        let filter = M::mac_filter(&self.registers);
        if header.is_broadcast() {
            return filter.broadcast;
        }
        if !header.is_group() {
            let hashed = filter.unicast_hash && self.hits(header, M::unicast_table);
            return filter.unicast_promiscuous || hashed;
        }
        filter.multicast_promiscuous || self.hits(header, M::multicast_table)
    }
}
