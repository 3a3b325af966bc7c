//! Filters, pools and RSS: who gets which frames, and who may send.
//!
//! The rule: a plan says what is in every one of these registers, so a card holds
//! what the plan says and nothing of what it held before. Each function here has
//! its inverse in [`super::readback`] or beside it.
//!
//! Source: 82599 datasheet, 7.1.2 (RSS), 7.10.3 (pool selection) and chapter 8.

use alloc::vec::Vec;

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, TableWord};
use lockgate_rss::{HashKind, HashKinds};
use lockgate_vmdq::{HardwarePlan, PoolPlan};

use super::layout::Layout;
use crate::access::RegisterWrite;
use crate::filter::{ral_rah, tables};
use crate::rss::{kinds_of, rss_settings};
use crate::slots::FilterSlots;

/// The type of a tag (IEEE 802.1Q, 9.4).
const TAG: u16 = 0x8100;

/// The longest frame of a card on which nobody receives, without a tag.
const ORDINARY: u16 = 1518;

/// Bytes of a tag, which MAXFRS does not count: the card takes as much more of a frame
/// that has one.
pub(super) const TAG_BYTES: u16 = 4;

/// What the registers hold under `plan`, in the order in which they are set, which
/// is before anything is received.
pub(super) fn settings(plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite> {
    let mut settings = Vec::new();
    set_addresses(plan, slots, &mut settings);
    set_vlans(plan, slots, &mut settings);
    // A VLAN passes once its pools are told, and passes no more before they are taken away.
    settings.extend(tables::<Vfta>(plan));
    set_pools(&plan.pools, &mut settings);
    set_mac(plan, &mut settings);
    set_statistics(plan, &mut settings);
    set_modes(plan, &mut settings);
    settings
}

/// Exact address filters; those that the plan does not use are zero.
fn set_addresses(plan: &HardwarePlan, slots: &FilterSlots, settings: &mut Vec<RegisterWrite>) {
    for (at, filter) in RarIndex::all().zip(slots.macs.with(&plan.macs)) {
        let (mac, pools) = filter.map_or((None, 0), |(mac, pools)| (Some(mac), pools));
        let (low, high) = mac.as_ref().map(ral_rah).unwrap_or_default();
        let high = Rah::new().with_octets(high).with_valid(mac.is_some());
        settings.extend(RegisterWrite::wide::<Mpsar>(at, pools));
        // The half that makes the address count comes last.
        settings.extend([
            RegisterWrite::new(at, Ral::from(low)),
            RegisterWrite::new(at, high),
        ]);
    }
    settings.extend(TableWord::all().map(|at| RegisterWrite::new(at, Pfuta::new(0))));
}

/// VLAN filters, likewise.
fn set_vlans(plan: &HardwarePlan, slots: &FilterSlots, settings: &mut Vec<RegisterWrite>) {
    for (at, filter) in VlvfIndex::all().zip(slots.vlans.with(&plan.vlans)) {
        let (vid, pools) = filter.unwrap_or((0, 0));
        settings.extend(RegisterWrite::wide::<Pfvlvfb>(at, pools));
        let entry = Pfvlvf::new().with_vid(vid).with_enable(pools != 0);
        settings.push(RegisterWrite::new(at, entry));
    }
}

/// What each pool takes and may send, and that the card switches nothing between them.
fn set_pools(pools: &[PoolPlan], settings: &mut Vec<RegisterWrite>) {
    let off = PoolPlan::default();
    let all = || Pool::all().zip(pools.iter().chain(core::iter::repeat(&off)));
    let bits = |does: fn(&PoolPlan) -> bool| {
        let pools = all().filter(|(_, pool)| does(pool));
        pools.fold(0_u64, |bits, (at, _)| bits | 1 << at.number())
    };
    for (at, pool) in all() {
        let spread = pool.queues.max(1).next_power_of_two().trailing_zeros() as u8;
        settings.extend([
            RegisterWrite::new(at, l2flt(pool)),
            RegisterWrite::new(at, Pfvmvir::new(0)),
            RegisterWrite::new(at, Psrtype::new().with_queues_log2(spread)),
        ]);
    }
    let honest = bits(|pool| pool.anti_spoof).to_le_bytes();
    for (at, honest) in PoolGroup::all().zip(honest) {
        settings.push(RegisterWrite::new(
            at,
            Pfvfspoof::new().with_mac(honest).with_vlan(honest),
        ));
    }
    settings.extend(RegisterWrite::wide::<Pfvfre>((), bits(|pool| pool.receive)));
    settings.extend(RegisterWrite::wide::<Pfvfte>(
        (),
        bits(|pool| pool.transmit),
    ));
    settings.push(RegisterWrite::new((), Pfdtxgswc::new()));
}

/// What a pool takes; one that does not receive takes nothing.
fn l2flt(pool: &PoolPlan) -> Pfvml2flt {
    let takes = Pfvml2flt::new()
        .with_untagged(pool.untagged)
        .with_broadcast(pool.broadcast);
    takes.with_multicast_hash(pool.multicast)
}

/// What the MAC takes and does. The limit of length is one for the whole card.
fn set_mac(plan: &HardwarePlan, settings: &mut Vec<RegisterWrite>) {
    let longest = plan.max_frame();
    let longest = if longest == 0 {
        ORDINARY
    } else {
        longest.saturating_sub(TAG_BYTES)
    };
    let mac = Hlreg0::new().with_insert_crc(true).with_strip_crc(true);
    settings.extend([
        RegisterWrite::new((), mac.with_jumbo(true).with_pad_short(true)),
        RegisterWrite::new((), Maxfrs::new().with_bytes(longest)),
        RegisterWrite::new((), Mflcn::new().with_discard_pause(true)),
        RegisterWrite::new((), Fctrl::new().with_broadcast(true)),
        RegisterWrite::new((), Vlnctrl::new().with_ethertype(TAG).with_filter(true)),
        RegisterWrite::new((), Mcstctrl::new().with_filter(true)),
        RegisterWrite::new((), Rfctl::new().with_no_coalescing(true)),
        // The hash takes the place of the fragment checksum.
        RegisterWrite::new((), Rxcsum::new().with_hash_in_descriptor(true)),
        RegisterWrite::new((), Rdrxctl::new().with_strip_crc(true).with_dma_ready(true)),
    ]);
}

/// Which set each receive queue counts in: that of its pool, the first 16 pools by turns.
fn set_statistics(plan: &HardwarePlan, settings: &mut Vec<RegisterWrite>) {
    let per_pool = RxQueue::COUNT / plan.pools.len() as u32;
    let set = |queue: u32| (queue / per_pool % StatisticsSet::COUNT) as u8;
    for group in QueueGroup::all() {
        let sets = [0, 1, 2, 3].map(|queue| set(4 * group.number() + queue));
        settings.push(RegisterWrite::new(
            group,
            Rqsmr::new(u32::from_le_bytes(sets)),
        ));
    }
}

/// Key, table and modes. The modes come last: they must not change on a card that
/// receives (82599 datasheet, 7.1.2.8).
fn set_modes(plan: &HardwarePlan, settings: &mut Vec<RegisterWrite>) {
    let Some(layout) = Layout::of(plan) else {
        return;
    };
    let mut fields = Mrqc::new();
    if let Some(rss) = &plan.rss {
        settings.extend(rss_settings(rss, 0));
        fields = hash_fields(rss.kinds);
    }
    let pools = Pfvtctl::new()
        .with_enable(true)
        .with_replicate(true)
        .with_no_default_pool(true);
    settings.extend([
        RegisterWrite::new((), GcrExt::new(layout.mode)),
        RegisterWrite::new((), Gpie::new(layout.mode << 14)),
        RegisterWrite::new((), pools),
        RegisterWrite::new((), fields.with_mode(layout.receive)),
    ]);
}

/// The fields of MRQC that hash `kinds`.
fn hash_fields(kinds: HashKinds) -> Mrqc {
    let on = |kind| kinds.contains(kind);
    Mrqc::new()
        .with_ipv4(on(HashKind::Ipv4))
        .with_tcp_ipv4(on(HashKind::Ipv4Tcp))
        .with_udp_ipv4(on(HashKind::Ipv4Udp))
        .with_ipv6(on(HashKind::Ipv6))
        .with_tcp_ipv6(on(HashKind::Ipv6Tcp))
        .with_udp_ipv6(on(HashKind::Ipv6Udp))
}

/// The kinds whose fields are in `mrqc`.
pub(super) fn hash_kinds(mrqc: Mrqc) -> HashKinds {
    kinds_of(mrqc, hash_fields)
}
