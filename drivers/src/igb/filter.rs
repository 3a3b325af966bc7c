//! Filters, pools and RSS: who gets which frames, and who may send.
//!
//! The rule: a plan says what is in every one of these registers, so a card holds
//! what the plan says and nothing of what it held before. Each function here has
//! its inverse in [`super::readback`] or beside it.
//!
//! Source: 82576 datasheet, chapter 7 (pool selection, RSS) and chapter 8 (registers).

use alloc::vec::Vec;

use lockgate_regs::igb::*;
use lockgate_regs::{Index, TableWord};
use lockgate_rss::{HashKind, HashKinds};
use lockgate_vmdq::{HardwarePlan, Mac, PoolPlan, RssPlan};

use crate::access::RegisterWrite;
use crate::filter::{ral_rah, tables};
use crate::gigabit::parser;
use crate::rss::{kinds_of, rss_settings};
use crate::slots::FilterSlots;

/// The bit of a RETA entry that picks the second queue of the pool.
pub(super) const QUEUE_BIT: u32 = 3;

/// What the registers hold under `plan`, in the order in which they are set, which
/// is before anything is received.
pub(super) fn settings(plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite> {
    let mut settings = Vec::new();
    set_filters(plan, slots, &mut settings);
    // A VLAN passes once its pools are told, and passes no more before they are taken away.
    settings.extend(tables::<Vfta>(plan));
    set_pools(&plan.pools, &mut settings);
    set_rss(plan.rss.as_ref(), &mut settings);
    settings
}

/// Exact address and VLAN filters; those that the plan does not use are zero.
fn set_filters(plan: &HardwarePlan, slots: &FilterSlots, settings: &mut Vec<RegisterWrite>) {
    for (at, filter) in RarIndex::all().zip(slots.macs.with(&plan.macs)) {
        let (low, high) = filter.map(address).unwrap_or_default();
        // The half that makes the address count comes second.
        settings.extend([RegisterWrite::new(at, low), RegisterWrite::new(at, high)]);
    }
    settings.extend(TableWord::all().map(|at| RegisterWrite::new(at, Uta::new(0))));
    for (at, filter) in VlvfIndex::all().zip(slots.vlans.with(&plan.vlans)) {
        settings.push(RegisterWrite::new(at, filter.map(vlvf).unwrap_or_default()));
    }
}

/// What each pool takes and may send, and that the card switches nothing between them.
fn set_pools(pools: &[PoolPlan], settings: &mut Vec<RegisterWrite>) {
    for (at, pool) in Pool::all().zip(pools) {
        settings.extend([
            RegisterWrite::new(at, vmolr(pool)),
            RegisterWrite::new(at, Vmvir::new()),
        ]);
    }
    let bits = |does: fn(&PoolPlan) -> bool| {
        let pools = Pool::all().zip(pools).filter(|(_, pool)| does(pool));
        pools.fold(0, |bits, (at, _)| bits | at.bit())
    };
    let honest = bits(|pool| pool.anti_spoof);
    let apart = Dtxswc::new()
        .with_mac_anti_spoof(honest)
        .with_vlan_anti_spoof(honest);
    settings.extend([
        RegisterWrite::new((), Vfre::new(bits(|pool| pool.receive).into())),
        RegisterWrite::new((), Vfte::new(bits(|pool| pool.transmit).into())),
        RegisterWrite::new((), apart),
        RegisterWrite::new((), Rplolr::new().with_strip_crc(true)),
        // Its value after reset: each pool has a limit of its own below it.
        RegisterWrite::new((), Rlpml::new(0x2600)),
        // One full pool must not hold up the frames of another.
        RegisterWrite::new((), Qde::new(0xFFFF)),
        RegisterWrite::new(
            (),
            VtCtl::new().with_replicate(true).with_no_default_pool(true),
        ),
    ]);
}

/// Key, table and mode of RSS. The mode comes last: it must not change on a card
/// that receives (82599 datasheet, 7.1.2.8; taken to hold here too).
fn set_rss(rss: Option<&RssPlan>, settings: &mut Vec<RegisterWrite>) {
    let mut mode = Mrqc::new().with_mode(MultipleQueues::Vmdq);
    if let Some(rss) = rss {
        settings.extend(rss_settings(rss, QUEUE_BIT));
        mode = hash_fields(rss.kinds).with_mode(MultipleQueues::VmdqRss);
    }
    settings.extend(parser(|rfctl| rfctl));
    settings.push(RegisterWrite::new((), mode));
}

/// The two ral_rah of an address filter.
fn address((mac, pools): (Mac, u64)) -> (Ral, Rah) {
    let (low, high) = ral_rah(&mac);
    let high = Rah::new()
        .with_octets(high)
        .with_pools(pools as u8)
        .with_valid(true);
    (Ral::from(low), high)
}

fn vlvf((vid, pools): (u16, u64)) -> Vlvf {
    Vlvf::new()
        .with_vid(vid)
        .with_pools(pools as u8)
        .with_enable(true)
}

/// What a pool takes. Tags stay in the frame, its check sequence does not.
fn vmolr(pool: &PoolPlan) -> Vmolr {
    let off = Vmolr::new().with_strip_crc(true);
    if !pool.receive {
        return off;
    }
    off.with_max_length(pool.max_frame)
        .with_long_packets(true)
        .with_rss(pool.queues > 1)
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

/// The kinds whose fields are all in `mrqc`.
pub(super) fn hash_kinds(mrqc: Mrqc) -> HashKinds {
    kinds_of(mrqc, hash_fields)
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
    fn kinds_survive_the_register() {
        for kind in HashKind::ALL {
            let kinds = HashKinds::NONE.with(kind);
            assert_eq!(hash_kinds(hash_fields(kinds)), kinds);
        }
        let half = hash_fields(HashKinds::ALL).with_tcp_ipv6(false);
        assert!(
            !hash_kinds(half).contains(HashKind::Ipv6Tcp),
            "one of its two fields"
        );
    }

    #[test]
    fn a_pool_that_does_not_receive_takes_nothing() {
        let pool = PoolPlan {
            broadcast: true,
            untagged: true,
            ..PoolPlan::default()
        };
        assert_eq!(u32::from(vmolr(&pool)), 0x8000_0000, "STRCRC alone");
    }

    #[test]
    fn a_receiving_pool_has_its_bits_where_the_datasheet_says() {
        let pool = PoolPlan {
            receive: true,
            broadcast: true,
            untagged: true,
            multicast: true,
            queues: 2,
            max_frame: 1522,
            ..PoolPlan::default()
        };
        // STRCRC 31, BAM 27, ROMPE 25, AUPE 24, RSSE 17, LPE 16, RLPML.
        assert_eq!(u32::from(vmolr(&pool)), 0x8B03_0000 | 1522);
    }
}
