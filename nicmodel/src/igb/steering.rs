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
        Verdict::Wanted(
            1 << (indirection(&self.registers, hash.map(|(_, value)| value)) & 0xF),
            hash,
        )
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
        let second = indirection(&self.registers, hash.map(|(_, value)| value)) & 0x8 != 0;
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

#[cfg(test)]
mod tests {
    use crate::Receive;
    use crate::igb::rig::{BROADCAST, Rig, frame, mac, tagged};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    /// VMOLR: check sequences off, and the bit named.
    const PLAIN: u32 = 0x8000_2600;
    const AUPE: u32 = PLAIN | 1 << 24;
    const ROMPE: u32 = PLAIN | 1 << 25;
    const ROPE: u32 = PLAIN | 1 << 26;
    const BAM: u32 = PLAIN | 1 << 27;
    const MPME: u32 = PLAIN | 1 << 28;
    const UPE: u32 = PLAIN | 1 << 29;

    /// RCTL: on, check sequences off; and with VFE.
    const ON: u32 = 0x0400_0002;
    const VFE: u32 = ON | 1 << 18;

    /// VT_CTL: replication; and the default pool off.
    const REPLICATE: u32 = 1 << 30;
    const NO_DEFAULT: u32 = 1 << 29;

    /// Pools on, all eight first queues live, nobody takes anything.
    fn pools() -> Rig {
        let mut rig = Rig::with_pools(3);
        for pool in 0..8 {
            rig.rx(pool, 7);
            rig.set(Vmolr::BASE + 4 * pool, PLAIN);
        }
        rig
    }

    /// The queues that get the frame.
    fn takers(rig: &mut Rig, frame: &[u8]) -> Vec<u32> {
        let outcome = rig.model.receive(frame);
        let takers: Vec<u32> = (0..16).filter(|&q| rig.next(q, frame)).collect();
        for &q in &takers {
            rig.give_back(q);
        }
        let copies = takers.len() as u8;
        match outcome {
            Receive::Filtered => assert_eq!(copies, 0),
            stored => assert_eq!(stored, Receive::Stored { copies, missed: 0 }),
        }
        takers
    }

    #[test]
    fn an_exact_address_of_either_bank_reaches_every_pool_in_its_bitmap() {
        let mut rig = pools();
        rig.address(15, mac(1), 0b0000_0001);
        rig.address(16, mac(2), 0b1000_0010);
        rig.address(23, mac(3), 0b0100_0000);
        let to = |n| frame(mac(n), mac(9), 60);
        assert_eq!(takers(&mut rig, &to(1)), [0]);
        assert_eq!(takers(&mut rig, &to(2)), [1, 7]);
        assert_eq!(takers(&mut rig, &to(3)), [6]);
        assert_eq!(takers(&mut rig, &to(4)), []);
        let high = rig.get(0x54E4);
        rig.set(0x54E4, high & !(1 << 31));
        assert_eq!(takers(&mut rig, &to(2)), [], "not valid");
    }

    #[test]
    fn an_address_that_differs_in_any_octet_is_not_the_pools() {
        let mut rig = pools();
        let own = [0x02, 0x4C, 0x47, 0x10, 0x20, 0x30];
        rig.address(0, own, 1);
        assert_eq!(takers(&mut rig, &frame(own, mac(9), 60)), [0]);
        for octet in 0..6 {
            for bit in 0..8 {
                let mut other = own;
                other[octet] ^= 1 << bit;
                assert_eq!(takers(&mut rig, &frame(other, mac(9), 60)), []);
            }
        }
    }

    #[test]
    fn broadcast_reaches_the_pools_that_take_it() {
        let mut rig = pools();
        let all = frame(BROADCAST, mac(9), 60);
        rig.set(Rctl::BASE, ON | 1 << 15);
        assert_eq!(takers(&mut rig, &all), []);
        rig.set(Vmolr::BASE + 4 * 2, BAM);
        rig.set(Vmolr::BASE + 4 * 5, BAM);
        assert_eq!(takers(&mut rig, &all), [2, 5]);
    }

    #[test]
    fn multicast_reaches_rompe_pools_by_hash_and_mpme_pools_anyhow() {
        let mut rig = pools();
        // Octets 4 and 5 are 0x12 and 0x34: the index is 0x341, word 26 bit 1.
        let group = frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60);
        rig.set(Vmolr::BASE, ROMPE);
        rig.set(Vmolr::BASE + 4, MPME);
        rig.set(Vmolr::BASE + 8, ROPE | BAM | UPE);
        assert_eq!(takers(&mut rig, &group), [1]);
        rig.set(Mta::BASE + 4 * 26, 1 << 1);
        assert_eq!(takers(&mut rig, &group), [0, 1]);
        let near = frame([1, 0, 0x5E, 0, 0x02, 0x34], mac(9), 60);
        assert_eq!(takers(&mut rig, &near), [1]);
        rig.address(1, [1, 0, 0x5E, 0, 0x12, 0x34], 0b1000);
        assert_eq!(
            takers(&mut rig, &group),
            [1, 3],
            "no hash beside an exact match"
        );
    }

    #[test]
    fn the_multicast_offset_moves_the_window_down_the_address() {
        // Octets 4 and 5 are 0xAB and 0xCD: 0xCDAB in bits 47:32.
        for (offset, index) in [(0, 0xCDA), (1, 0x9B5), (2, 0x36A), (3, 0xDAB)] {
            let mut rig = pools();
            rig.set(Rctl::BASE, ON | offset << 12);
            rig.set(Vmolr::BASE, ROMPE);
            rig.set(Mta::BASE + 4 * (index >> 5), 1 << (index & 31));
            let group = frame([1, 0, 0x5E, 0, 0xAB, 0xCD], mac(9), 60);
            assert_eq!(takers(&mut rig, &group), [0], "offset {offset}");
        }
    }

    #[test]
    fn unknown_unicast_reaches_rope_pools_by_hash_and_upe_pools_anyhow() {
        let mut rig = pools();
        let sent = frame([2, 0, 0, 0, 0x12, 0x34], mac(9), 60);
        rig.set(Vmolr::BASE, ROPE);
        rig.set(Vmolr::BASE + 4, UPE);
        rig.set(Vmolr::BASE + 8, ROMPE | MPME | BAM);
        assert_eq!(takers(&mut rig, &sent), [1]);
        rig.set(Uta::BASE + 4 * 26, 1 << 1);
        assert_eq!(takers(&mut rig, &sent), [0, 1]);
    }

    #[test]
    fn a_tagged_frame_needs_vfta_and_reaches_the_pools_of_its_vlan() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b11);
        rig.set(Rctl::BASE, VFE);
        let sent = tagged(&frame(mac(1), mac(9), 60), 0x6000 | 20);
        rig.set(Vlvf::BASE + 4 * 31, 0x8000_0014 | 0b0000_0010 << 12);
        assert_eq!(takers(&mut rig, &sent), []);
        rig.set(Vfta::BASE, 1 << 20);
        assert_eq!(takers(&mut rig, &sent), [1]);
        rig.set(Vlvf::BASE, 0x8000_0014 | 0b0000_0101 << 12);
        assert_eq!(takers(&mut rig, &sent), [0, 1]);
        rig.set(Vlvf::BASE, 0x0000_0014 | 0b0000_0101 << 12);
        assert_eq!(takers(&mut rig, &sent), [1]);
        rig.set(Rctl::BASE, ON);
        assert_eq!(takers(&mut rig, &sent), [0, 1]);
    }

    #[test]
    fn an_untagged_frame_reaches_aupe_pools_and_a_priority_tag_is_vlan_0() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b111);
        rig.set(Rctl::BASE, VFE);
        rig.set(Vfta::BASE, 1);
        rig.set(Vmolr::BASE + 4, AUPE);
        rig.set(Vlvf::BASE, 0x8000_0000 | 0b100 << 12);
        let plain = frame(mac(1), mac(9), 60);
        assert_eq!(takers(&mut rig, &plain), [1]);
        assert_eq!(takers(&mut rig, &tagged(&plain, 0xE000)), [2]);
    }

    #[test]
    fn a_known_address_on_a_foreign_vlan_falls_to_the_default_pool_unless_it_is_off() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b1);
        rig.set(Rctl::BASE, VFE);
        rig.set(Vfta::BASE, 1 << 20);
        let sent = tagged(&frame(mac(1), mac(9), 60), 20);
        rig.set(VtCtl::BASE, REPLICATE | 5 << 7);
        assert_eq!(takers(&mut rig, &sent), [5]);
        rig.set(VtCtl::BASE, REPLICATE | NO_DEFAULT | 5 << 7);
        assert_eq!(takers(&mut rig, &sent), []);
    }

    #[test]
    fn unclaimed_group_frames_reach_no_default_pool_while_replication_is_on() {
        let mut rig = pools();
        let all = frame(BROADCAST, mac(9), 60);
        rig.set(VtCtl::BASE, REPLICATE | 5 << 7);
        assert_eq!(takers(&mut rig, &all), []);
        rig.set(VtCtl::BASE, NO_DEFAULT | 5 << 7);
        assert_eq!(takers(&mut rig, &all), [5]);
    }

    #[test]
    fn without_replication_a_frame_reaches_one_pool() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b110);
        rig.set(VtCtl::BASE, NO_DEFAULT);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 60)), [1]);
    }

    #[test]
    fn with_igmac_the_vlan_alone_decides() {
        let mut rig = pools();
        rig.set(Rctl::BASE, VFE);
        rig.set(Vfta::BASE, 1 << 20);
        rig.set(Vlvf::BASE, 0x8000_0014 | 0b1000_0001 << 12);
        rig.set(VtCtl::BASE, REPLICATE | NO_DEFAULT | 1 << 28);
        let sent = tagged(&frame(mac(77), mac(9), 60), 20);
        assert_eq!(takers(&mut rig, &sent), [0, 7]);
    }

    #[test]
    fn a_pool_that_may_not_receive_does_not() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b11);
        rig.set(Vfre::BASE, 0xFE);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 60)), [1]);
    }

    #[test]
    fn a_frame_is_too_long_for_a_pool_by_its_own_limit_tag_included() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b11);
        rig.set(Rctl::BASE, ON | 1 << 5);
        rig.set(Vmolr::BASE, 0x8001_0000 | 204);
        rig.set(Vmolr::BASE + 4, 0x8001_0000 | 208);
        let sent = frame(mac(1), mac(9), 200);
        assert_eq!(takers(&mut rig, &sent), [0, 1]);
        let sent = tagged(&sent, 7);
        assert_eq!(takers(&mut rig, &sent), [1]);
        assert_eq!(rig.get(Roc::BASE), 0);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 205)), []);
        assert_eq!(rig.get(Roc::BASE), 1);
    }

    #[test]
    fn without_lpe_1518_bytes_and_a_tag_are_the_limit() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b1);
        let sent = frame(mac(1), mac(9), 1514);
        assert_eq!(takers(&mut rig, &sent), [0]);
        assert_eq!(takers(&mut rig, &tagged(&sent, 7)), [0]);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 1515)), []);
        assert_eq!(rig.get(Roc::BASE), 1);
    }

    #[test]
    fn rlpml_limits_every_pool() {
        let mut rig = pools();
        rig.address(1, mac(1), 0b1);
        rig.set(Rctl::BASE, ON | 1 << 5);
        rig.set(Vmolr::BASE, 0x8001_2600);
        rig.set(Rlpml::BASE, 1600);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 1596)), [0]);
        assert_eq!(takers(&mut rig, &frame(mac(1), mac(9), 1597)), []);
    }

    #[test]
    fn without_pools_the_mac_filters_alone_decide() {
        let mut rig = Rig::new();
        rig.rx(0, 7);
        rig.address(20, mac(1), 0);
        let (own, other) = (frame(mac(1), mac(9), 60), frame(mac(2), mac(9), 60));
        let (all, group) = (
            frame(BROADCAST, mac(9), 60),
            frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60),
        );
        assert_eq!(takers(&mut rig, &own), [0]);
        for unwanted in [&other, &all, &group] {
            assert_eq!(takers(&mut rig, unwanted), []);
        }
        rig.set(Rctl::BASE, ON | 1 << 15);
        assert_eq!(takers(&mut rig, &all), [0]);
        rig.set(Rctl::BASE, ON | 1 << 3);
        assert_eq!(takers(&mut rig, &other), [0]);
        assert_eq!(takers(&mut rig, &group), []);
        rig.set(Rctl::BASE, ON | 1 << 4);
        assert_eq!(takers(&mut rig, &group), [0]);
        rig.set(Rctl::BASE, ON);
        rig.set(Mta::BASE + 4 * 26, 1 << 1);
        assert_eq!(takers(&mut rig, &group), [0]);
    }
}
