//! Which queues a frame is for.
//!
//! First the MAC's own filters: address, hash tables, promiscuity, VLAN table. With
//! pools then: exact address and what each pool takes, VLAN, the default pool, what may
//! receive; and in each pool RSS (82599 datasheet, 7.1.1, 7.1.2 and 7.10.3). Without: RSS
//! over the first 16 queues.
//!
//! Not here: room in the rings ([`super::receive`]); what RSS hashes
//! ([`super::rss`]).

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, TableWord};

use super::undriven::Pfvmtxsw;
use super::{Layout, Nic};
use crate::buffer::Hash;
use crate::ethernet::Header;
use crate::packet::indirection;
use crate::wire::FCS;

/// Bytes of the longest ordinary frame, check sequence included, tag not.
const ORDINARY: usize = 1518;

/// Bytes of a tag.
const TAG: usize = 4;

/// Where a frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the wire.
    Wire,
    /// From a pool, through the card's switch.
    Pool(Pool),
}

/// What the filters made of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody wants it.
    Unwanted,
    /// It is longer than the card takes.
    TooLong,
    /// It is for these queues, a bit each, and has this hash.
    Wanted(u128, Option<Hash>),
}

impl Nic {
    /// Decides on a frame of `frame.len()` bytes, without check sequence.
    pub(super) fn steer(&self, header: &Header, frame: &[u8], origin: Origin) -> Verdict {
        if self.is_too_long(header, frame.len()) {
            return Verdict::TooLong;
        }
        let filters_vlans = self.registers.get::<Vlnctrl>(()).filter();
        if filters_vlans && header.vid().is_some_and(|vid| !self.knows_vlan(vid)) {
            return Verdict::Unwanted;
        }
        let pools = self.registers.get::<Pfvtctl>(()).enable();
        match self.rx_layout().filter(|_| pools) {
            Some(layout) => self.steer_to_pools(layout, header, frame, origin),
            None if !self.takes(header) => Verdict::Unwanted,
            None => {
                let hash = self.hash(header, frame);
                let entry = indirection(&self.registers, hash.map(|(_, value)| value));
                Verdict::Wanted(1 << (entry & 0xF), hash)
            }
        }
    }

    fn steer_to_pools(
        &self,
        layout: Layout,
        header: &Header,
        frame: &[u8],
        origin: Origin,
    ) -> Verdict {
        let pools = self.candidates(header, origin) & self.registers.wide::<Pfvfre>(());
        let hash = self.hash(header, frame);
        let entry = indirection(&self.registers, hash.map(|(_, value)| value));
        let mut queues = 0;
        let there = Pool::all().take(RxQueue::COUNT as usize >> layout.shift);
        for pool in there.filter(|pool| pools >> pool.number() & 1 != 0) {
            let spread = self.registers.get::<Psrtype>(pool).queues_log2();
            let mask = (1 << u32::from(spread).min(layout.shift)) - 1;
            queues |= 1 << (layout.first_queue(pool) + (u32::from(entry) & mask));
        }
        match queues {
            0 => Verdict::Unwanted,
            queues => Verdict::Wanted(queues, hash),
        }
    }

    /// The pools that the frame is for, a bit each.
    fn candidates(&self, header: &Header, origin: Origin) -> u64 {
        let control = self.registers.get::<Pfvtctl>(());
        let mut pools = self.by_address(header, control.replicate());
        if self.registers.get::<Vlnctrl>(()).filter() {
            pools &= self.on_segment(header);
        }
        if pools == 0
            && origin == Origin::Wire
            && !control.no_default_pool()
            && (self.takes(header) || header.is_group())
        {
            pools = 1 << control.default_pool();
        }
        if let Origin::Pool(sender) = origin {
            let hears_itself = self.registers.wide::<Pfvmtxsw>(()) >> sender.number() & 1;
            pools &= !(1 << sender.number()) | hears_itself << sender.number();
        }
        match control.replicate() {
            true => pools,
            false => pools & pools.wrapping_neg(),
        }
    }

    /// The pools whose address filters the frame passes. Without replication,
    /// group addresses reach a pool by exact match alone.
    fn by_address(&self, header: &Header, replicate: bool) -> u64 {
        let exact = self.exact(header.destination);
        let matched = exact.unwrap_or(0);
        if !header.is_group() {
            let hashed = exact.is_none() && self.hits::<Pfuta>(header);
            return matched | self.pools_with(|pool| hashed && pool.unicast_hash());
        }
        if !replicate {
            return matched;
        }
        if header.is_broadcast() {
            return matched | self.pools_with(Pfvml2flt::broadcast);
        }
        let filters = self.registers.get::<Mcstctrl>(()).filter();
        let hashed = filters && exact.is_none() && self.hits::<Mta>(header);
        matched
            | self.pools_with(|pool| {
                pool.multicast_promiscuous() || (hashed && pool.multicast_hash())
            })
    }

    /// The pools of every exact filter for an address; `None` if there is no such filter.
    pub(super) fn exact(&self, address: u64) -> Option<u64> {
        let mut found = None;
        for at in RarIndex::all() {
            let high = self.registers.get::<Rah>(at);
            if high.valid() && self.address(at, high) == address {
                *found.get_or_insert(0) |= self.registers.wide::<Mpsar>(at);
            }
        }
        found
    }

    /// The address in an exact filter, octet 0 in bits 47:40.
    fn address(&self, at: RarIndex, high: Rah) -> u64 {
        let low = self.registers.get::<Ral>(at).octets();
        u64::from(low.swap_bytes()) << 16 | u64::from(high.octets().swap_bytes())
    }

    /// Whether the destination's bit is set in a hash table (MCSTCTRL.MO).
    fn hits<R>(&self, header: &Header) -> bool
    where
        R: lockgate_regs::Register<Index = TableWord>,
    {
        let shift = match self.registers.get::<Mcstctrl>(()).offset() {
            0 => 36,
            1 => 35,
            2 => 34,
            _ => 32,
        };
        // The datasheet numbers bits from octet 0, the lowest, upwards.
        let bits = header.destination.swap_bytes() >> 16;
        let bit = (bits >> shift & 0xFFF) as u16;
        let word: u32 = self.registers.get::<R>(TableWord::of_bit(bit)).into();
        word & 1 << (bit & 31) != 0
    }

    fn knows_vlan(&self, vid: u16) -> bool {
        let word = self.registers.get::<Vfta>(TableWord::of_bit(vid)).get();
        word & 1 << (vid & 31) != 0
    }

    /// The pools on the frame's VLAN; for an untagged frame those that take such.
    pub(super) fn on_segment(&self, header: &Header) -> u64 {
        let Some(vid) = header.vid() else {
            return self.pools_with(Pfvml2flt::untagged);
        };
        let entries = VlvfIndex::all().filter(|&at| {
            let entry = self.registers.get::<Pfvlvf>(at);
            entry.enable() && entry.vid() == vid
        });
        entries.fold(0, |pools, at| pools | self.registers.wide::<Pfvlvfb>(at))
    }

    fn pools_with(&self, takes: impl Fn(&Pfvml2flt) -> bool) -> u64 {
        Pool::all()
            .filter(|&pool| takes(&self.registers.get::<Pfvml2flt>(pool)))
            .fold(0, |pools, pool| pools | 1 << pool.number())
    }

    /// Whether the MAC's own filters let the destination in.
    fn takes(&self, header: &Header) -> bool {
        let fctrl = self.registers.get::<Fctrl>(());
        let exact = self.exact(header.destination).is_some();
        if header.is_broadcast() {
            return exact || fctrl.broadcast();
        }
        if !header.is_group() {
            return exact || fctrl.unicast_promiscuous() || self.hits::<Pfuta>(header);
        }
        let filters = self.registers.get::<Mcstctrl>(()).filter();
        exact || fctrl.multicast_promiscuous() || (filters && self.hits::<Mta>(header))
    }

    /// Whether a frame exceeds 1518 bytes, or with HLREG0.JUMBOEN what MAXFRS says; a tag
    /// is on top of both.
    fn is_too_long(&self, header: &Header, bytes: usize) -> bool {
        let limit = match self.registers.get::<Hlreg0>(()).jumbo() {
            true => self.registers.get::<Maxfrs>(()).bytes().into(),
            false => ORDINARY,
        };
        bytes + FCS > limit + if header.tag.is_some() { TAG } else { 0 }
    }
}
