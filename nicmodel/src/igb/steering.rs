//! Which queues a frame is for.
//!
//! With pools: exact address, then hash tables and promiscuity, then VLAN, then
//! the default pool, then what each pool may receive and how long a frame may be
//! (82576 datasheet, chapter 7, virtualization). Without: the MAC's own filters,
//! and RSS over all queues.
//!
//! Not here: room in the rings ([`super::receive`]); what RSS hashes
//! ([`super::rss`]).

use lockgate_regs::igb::*;
use lockgate_regs::{Index, TableWord};

use super::Nic;
use super::rss::Hash;
use crate::ethernet::Header;
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
    /// Everybody who wants it finds it too long.
    TooLong,
    /// It is for these queues, a bit each, and has this hash.
    Wanted(u16, Option<Hash>),
}

impl Nic {
    /// Decides on a frame of `frame.len()` bytes, without check sequence.
    pub(super) fn steer(&self, header: &Header, frame: &[u8], origin: Origin) -> Verdict {
        let rctl = self.registers.get::<Rctl>(());
        let limit = self.registers.get::<Rlpml>(()).get() as usize;
        if is_too_long(header, frame.len(), rctl.long_packets(), limit) {
            return Verdict::TooLong;
        }
        if rctl.vlan_filter() && header.vid().is_some_and(|vid| !self.knows_vlan(vid)) {
            return Verdict::Unwanted;
        }
        if self.has_pools() {
            return self.steer_to_pools(header, frame, origin);
        }
        if !self.takes_without_pools(header, rctl) {
            return Verdict::Unwanted;
        }
        let hash = self.hash(header, frame);
        Verdict::Wanted(1 << (self.indirection(hash) & 0xF), hash)
    }

    fn steer_to_pools(&self, header: &Header, frame: &[u8], origin: Origin) -> Verdict {
        let candidates = self.candidates(header, origin) & self.registers.get::<Vfre>(()).get();
        let wanting = Pool::all().filter(|pool| candidates & u32::from(pool.bit()) != 0);
        let fitting = wanting.filter(|&pool| {
            let vmolr = self.registers.get::<Vmolr>(pool);
            let limit = vmolr.max_length().into();
            !is_too_long(header, frame.len(), vmolr.long_packets(), limit)
        });
        let hash = self.hash(header, frame);
        let second = self.indirection(hash) & 0x8 != 0;
        let queues = fitting.fold(0, |queues, pool| {
            let rss = self.registers.get::<Vmolr>(pool).rss();
            let pool = pool.number();
            queues | (1_u16 << if rss && second { pool + 8 } else { pool })
        });
        match (candidates, queues) {
            (0, _) => Verdict::Unwanted,
            (_, 0) => Verdict::TooLong,
            _ => Verdict::Wanted(queues, hash),
        }
    }

    /// The pools that ask for the frame, a bit each.
    fn candidates(&self, header: &Header, origin: Origin) -> u32 {
        let control = self.registers.get::<VtCtl>(());
        let mut pools = match control.ignore_mac() {
            true => 0xFF,
            false => self.by_address(header, control.replicate()),
        };
        if self.registers.get::<Rctl>(()).vlan_filter() {
            pools &= self.on_segment(header);
        }
        let default = 1 << control.default_pool();
        let unclaimed = match header.is_group() {
            true => !control.replicate(),
            false => !control.no_default_pool(),
        };
        if pools == 0 && unclaimed && origin == Origin::Wire {
            pools = default;
        }
        if let Origin::Pool(sender) = origin {
            let bit = u32::from(sender.bit());
            let hears_itself = self.registers.get::<Dtxswc>(()).local_loopback();
            pools &= !bit | u32::from(hears_itself);
        }
        match control.replicate() {
            true => pools,
            false => pools & pools.wrapping_neg(),
        }
    }

    /// The pools whose address filters the frame passes. Without replication,
    /// group addresses reach a pool by exact match alone.
    fn by_address(&self, header: &Header, replicate: bool) -> u32 {
        let exact = self.exact(header);
        if !header.is_group() {
            let hashed =
                exact == 0 && self.hits(header, |word| self.registers.get::<Uta>(word).get());
            return exact
                | self.pools_with(|pool| {
                    pool.unicast_promiscuous() || (hashed && pool.unicast_hash())
                });
        }
        if !replicate {
            return exact;
        }
        if header.is_broadcast() {
            return exact | self.pools_with(Vmolr::broadcast);
        }
        let hashed = exact == 0 && self.hits(header, |word| self.registers.get::<Mta>(word).get());
        exact
            | self.pools_with(|pool| {
                pool.multicast_promiscuous() || (hashed && pool.multicast_hash())
            })
    }

    /// The pools of every exact filter that the frame matches.
    pub(super) fn exact(&self, header: &Header) -> u32 {
        self.matching(header)
            .fold(0, |pools, entry| pools | u32::from(entry.pools()))
    }

    /// The exact filters that the frame matches.
    pub(super) fn matching(&self, header: &Header) -> impl Iterator<Item = Rah> {
        let (destination, source) = (header.destination, header.source);
        RarIndex::all().filter_map(move |index| {
            let entry = self.registers.get::<Rah>(index);
            let compared = match entry.select() {
                0 => destination,
                1 => source,
                _ => return None,
            };
            (entry.valid() && self.address(index) == compared).then_some(entry)
        })
    }

    /// The address in an exact filter, octet 0 in bits 47:40.
    fn address(&self, index: RarIndex) -> u64 {
        let low = self.registers.get::<Ral>(index).octets();
        let high = self.registers.get::<Rah>(index).octets();
        (u64::from(low.swap_bytes()) << 16) | u64::from(high.swap_bytes())
    }

    /// Whether the source address is in an exact filter of `pool`.
    pub(super) fn owns_source(&self, pool: Pool, header: &Header) -> bool {
        RarIndex::all().any(|index| {
            let entry = self.registers.get::<Rah>(index);
            entry.valid() && entry.pools() & pool.bit() != 0 && self.address(index) == header.source
        })
    }

    /// Whether the destination's bit is set in a hash table (RCTL.MO).
    fn hits(&self, header: &Header, word: impl Fn(TableWord) -> u32) -> bool {
        let shift = match self.registers.get::<Rctl>(()).multicast_offset() {
            0 => 36,
            1 => 35,
            2 => 34,
            _ => 32,
        };
        // The datasheet numbers bits from octet 0, the lowest, upwards.
        let bits = header.destination.swap_bytes() >> 16;
        let bit = ((bits >> shift) & 0xFFF) as u16;
        word(TableWord::of_bit(bit)) & (1 << (bit & 31)) != 0
    }

    fn knows_vlan(&self, vid: u16) -> bool {
        let word = self.registers.get::<Vfta>(TableWord::of_bit(vid)).get();
        word & (1 << (vid & 31)) != 0
    }

    /// The pools on the frame's VLAN; for an untagged frame those that take such.
    fn on_segment(&self, header: &Header) -> u32 {
        match header.vid() {
            None => self.pools_with(Vmolr::untagged),
            Some(vid) => self
                .vlan_entries(vid)
                .fold(0, |pools, entry| pools | u32::from(entry.pools())),
        }
    }

    /// The VLAN filters for `vid`.
    pub(super) fn vlan_entries(&self, vid: u16) -> impl Iterator<Item = Vlvf> {
        VlvfIndex::all()
            .map(|index| self.registers.get::<Vlvf>(index))
            .filter(move |entry| entry.enable() && entry.vid() == vid)
    }

    fn pools_with(&self, takes: impl Fn(&Vmolr) -> bool) -> u32 {
        Pool::all()
            .filter(|&pool| takes(&self.registers.get::<Vmolr>(pool)))
            .fold(0, |pools, pool| pools | u32::from(pool.bit()))
    }

    fn takes_without_pools(&self, header: &Header, rctl: Rctl) -> bool {
        let exact = self.matching(header).next().is_some();
        if header.is_broadcast() {
            return exact || rctl.broadcast();
        }
        if !header.is_group() {
            return exact || rctl.unicast_promiscuous();
        }
        exact
            || rctl.multicast_promiscuous()
            || self.hits(header, |word| self.registers.get::<Mta>(word).get())
    }
}

/// Whether a frame exceeds what a length switch allows: 1518 bytes and a tag
/// when it is off, `limit` in all when it is on.
fn is_too_long(header: &Header, bytes: usize, long: bool, limit: usize) -> bool {
    let limit = match (long, header.tag) {
        (true, _) => limit,
        (false, None) => ORDINARY,
        (false, Some(_)) => ORDINARY + TAG,
    };
    bytes + FCS > limit
}
