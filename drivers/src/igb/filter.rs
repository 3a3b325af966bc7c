//! Filters, pools and RSS: who gets which frames, and who may send.
//!
//! The rule: everything is cleared before anything is set, so a card holds what
//! this plan says and nothing of what it held before. Receiving is still off.
//!
//! Source: 82576 datasheet, chapter 7 (pool selection, RSS) and chapter 8 (registers).

use lockgate_regs::igb::{
    Dtxswc, HashKeyWord, Mrqc, Mta, MultipleQueues, Pool, Qde, Rah, Ral, RarIndex, Reta, RetaWord,
    Rfctl, Rlpml, Rplolr, Rssrk, Rxcsum, Uta, Vfre, Vfta, Vfte, Vlvf, VlvfIndex, Vmolr, Vmvir,
    VtCtl,
};
use lockgate_regs::{Index, TableWord};
use lockgate_rss::{HashKind, HashKinds};
use lockgate_vmdq::{HardwarePlan, PoolPlan};

use super::Igb;
use crate::error::Error;

/// Longest frame the MAC may take, check sequence included (reset value of RLPML);
/// each pool has a limit of its own below it.
const LONGEST: u32 = 0x2600;

/// Bit 3 of a RETA entry picks the second queue of the pool.
const SECOND_QUEUE: u8 = 1 << 3;

impl Igb {
    /// Lets nothing through. MTA is written whole later on, and counts for no pool
    /// until then.
    pub(super) fn clear_filters(&self) {
        let registers = &self.registers;
        for word in TableWord::all() {
            registers.write(word, Vfta::new(0));
            registers.write(word, Uta::new(0));
        }
        for index in VlvfIndex::all() {
            registers.write(index, Vlvf::new());
        }
        for index in RarIndex::all() {
            registers.write(index, Rah::new());
            registers.flush();
            registers.write(index, Ral::new());
        }
    }

    /// Sets address and VLAN filters.
    pub(super) fn set_filters(&self, plan: &HardwarePlan) -> Result<(), Error> {
        let registers = &self.registers;
        for (index, filter) in RarIndex::all().zip(&plan.macs) {
            let [a, b, c, d, e, f] = filter.mac.octets();
            registers.write(index, Ral::from(u32::from_le_bytes([a, b, c, d])));
            // A bridge may merge the two writes, and the card would take the new
            // upper half with the old lower one.
            registers.flush();
            let rah = Rah::new()
                .with_octets(u16::from_le_bytes([e, f]))
                .with_pools(filter.pools as u8)
                .with_valid(true);
            registers.write(index, rah);
            registers.flush();
        }
        for (word, bits) in TableWord::all().zip(plan.multicast.iter()) {
            registers.write(word, Mta::new(*bits));
        }
        for (index, filter) in VlvfIndex::all().zip(&plan.vlans) {
            let vlvf =
                Vlvf::new().with_vid(filter.vid).with_pools(filter.pools as u8).with_enable(true);
            registers.write(index, vlvf);
            registers.modify::<Vfta>(TableWord::of_bit(filter.vid), |word| {
                Vfta::new(word.get() | 1 << (filter.vid & 31))
            })?;
        }
        Ok(())
    }

    /// Sets what each pool takes and may send, and that the card switches nothing
    /// between them.
    pub(super) fn set_pools(&mut self, plan: &HardwarePlan) -> Result<(), Error> {
        let registers = &self.registers;
        let (mut receive, mut transmit, mut anti_spoof) = (0, 0, 0);
        for (pool, plan) in Pool::all().zip(&plan.pools) {
            registers.write(pool, vmolr(plan));
            registers.write(pool, Vmvir::new());
            receive |= u32::from(pool.bit()) * u32::from(plan.receive);
            transmit |= u32::from(pool.bit()) * u32::from(plan.transmit);
            anti_spoof |= pool.bit() * u8::from(plan.anti_spoof);
        }
        registers.write((), Vfre::new(receive));
        registers.write((), Vfte::new(transmit));
        let switch = Dtxswc::new().with_mac_anti_spoof(anti_spoof).with_vlan_anti_spoof(anti_spoof);
        registers.write((), switch);
        registers.write((), Rplolr::new().with_strip_crc(true));
        registers.write((), Rlpml::new(LONGEST));
        // One full pool must not hold up the frames of another.
        registers.write((), Qde::new(0xFFFF));
        let replicate = VtCtl::new().with_replicate(true);
        registers.write((), replicate.with_no_default_pool(true));
        self.rates = std::array::from_fn(|pool| plan.pools.get(pool).and_then(|pool| pool.rate));
        Ok(())
    }

    /// Sets key, table and mode of RSS. The mode comes last: it must not change
    /// on a card that receives (82599 datasheet, 7.1.2.8; taken to hold here too).
    pub(super) fn set_rss(&self, plan: &HardwarePlan) -> Result<(), Error> {
        let registers = &self.registers;
        let mut mrqc = Mrqc::new().with_mode(MultipleQueues::Vmdq);
        if let Some(rss) = &plan.rss {
            let key = rss.key.bytes().as_chunks::<4>().0;
            for (word, bytes) in HashKeyWord::all().zip(key) {
                registers.write(word, Rssrk::new(u32::from_le_bytes(*bytes)));
            }
            let entry = |queue: u8| if queue & 1 == 1 { SECOND_QUEUE } else { 0 };
            for (word, entries) in RetaWord::all().zip(rss.table.as_chunks::<4>().0) {
                let word_value = u32::from_le_bytes(entries.map(entry));
                registers.write(word, Reta::from(word_value));
            }
            mrqc = hash_fields(rss.kinds).with_mode(MultipleQueues::VmdqRss);
        }
        // The hash takes the place of the fragment checksum in the descriptor.
        registers.write((), Rxcsum::new().with_hash_in_descriptor(true));
        // Walking extension headers can hang the parser (82576 specification update).
        let parser = Rfctl::new().with_no_ipv6_extensions(true);
        registers.write((), parser.with_no_nfs_write(true).with_no_nfs_read(true));
        registers.write((), mrqc);
        Ok(())
    }
}

/// What a pool takes. Tags stay in the frame, its check sequence does not.
pub(super) fn vmolr(pool: &PoolPlan) -> Vmolr {
    let off = Vmolr::new().with_strip_crc(true);
    if !pool.receive {
        return off;
    }
    off.with_max_length(pool.max_frame)
        .with_long_packets(true)
        .with_rss(pool.rss)
        .with_untagged(pool.untagged)
        .with_multicast_hash(pool.multicast)
        .with_broadcast(pool.broadcast)
}

/// The fields of MRQC that hash `kinds`.
fn hash_fields(kinds: HashKinds) -> Mrqc {
    let on = |kind| kinds.contains(kind);
    Mrqc::new()
        .with_ipv4(on(HashKind::Ipv4))
        .with_tcp_ipv4(on(HashKind::Ipv4Tcp))
        .with_udp_ipv4(on(HashKind::Ipv4Udp))
        .with_ipv6(on(HashKind::Ipv6))
        // QEMU's card knows TCP over IPv6 by the field for extension headers, which
        // the card is told not to look at.
        .with_tcp_ipv6(on(HashKind::Ipv6Tcp))
        .with_tcp_ipv6_ex(on(HashKind::Ipv6Tcp))
        .with_udp_ipv6(on(HashKind::Ipv6Udp))
}

/// The kinds that `mrqc` hashes; `None` where its fields are no set of kinds.
pub(super) fn hash_kinds(mrqc: Mrqc) -> Option<HashKinds> {
    let on = [
        (mrqc.ipv4(), HashKind::Ipv4),
        (mrqc.tcp_ipv4(), HashKind::Ipv4Tcp),
        (mrqc.udp_ipv4(), HashKind::Ipv4Udp),
        (mrqc.ipv6(), HashKind::Ipv6),
        (mrqc.tcp_ipv6(), HashKind::Ipv6Tcp),
        (mrqc.udp_ipv6(), HashKind::Ipv6Udp),
    ];
    let on = on.into_iter().filter(|(on, _)| *on);
    let kinds = on.fold(HashKinds::NONE, |kinds, (_, kind)| kinds.with(kind));
    let same = u32::from(hash_fields(kinds).with_mode(mrqc.mode())) == u32::from(mrqc);
    same.then_some(kinds)
}

/// The queue within the pool that a RETA entry picks; 128 and up for entries that
/// no plan makes.
pub(super) fn reta_queue(entry: u8) -> u8 {
    match entry {
        0 => 0,
        SECOND_QUEUE => 1,
        other => other | 0x80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_six_kinds_are_the_seven_fields_that_card_and_qemu_need() {
        // Bits 16, 17, 18, 20, 21, 22 and 23.
        assert_eq!(u32::from(hash_fields(HashKinds::ALL)), 0x00F7_0000);
        assert_eq!(u32::from(hash_fields(HashKinds::NONE)), 0);
    }

    #[test]
    fn kinds_survive_the_register_and_other_fields_are_no_kinds() {
        for kind in HashKind::ALL {
            let kinds = HashKinds::NONE.with(kind);
            assert_eq!(hash_kinds(hash_fields(kinds)), Some(kinds));
        }
        let odd = hash_fields(HashKinds::ALL).with_ipv6_ex(true);
        assert_eq!(hash_kinds(odd), None);
    }

    #[test]
    fn a_pool_that_does_not_receive_takes_nothing() {
        let pool = PoolPlan { broadcast: true, untagged: true, ..PoolPlan::default() };
        assert_eq!(u32::from(vmolr(&pool)), 0x8000_0000, "STRCRC alone");
    }

    #[test]
    fn a_receiving_pool_has_its_bits_where_the_datasheet_says() {
        let pool = PoolPlan {
            receive: true,
            broadcast: true,
            untagged: true,
            multicast: true,
            rss: true,
            max_frame: 1522,
            ..PoolPlan::default()
        };
        // STRCRC 31, BAM 27, ROMPE 25, AUPE 24, RSSE 17, LPE 16, RLPML.
        assert_eq!(u32::from(vmolr(&pool)), 0x8B03_0000 | 1522);
    }
}
