//! Filters and RSS: what the card takes for all partitions together.
//!
//! Source: 82574 datasheet, chapter 7 (receive filters, RSS) and chapter 10
//! (registers).

use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::e1000e::*;
use lockgate_rss::{HashKind, HashKinds};
use lockgate_vmdq::{HardwarePlan, PoolPlan};

use crate::access::RegisterWrite;
use crate::filter::{ral_rah, tables};
use crate::gigabit::parser;
use crate::rss::{kinds_of, rss_settings};
use crate::slots::FilterSlots;

/// The bit of a RETA entry that is the number of a queue.
pub(super) const QUEUE_BIT: u32 = 7;

/// The longest frame, tag and check sequence included, that is not a long packet.
const SHORT: u16 = 1522;

/// What the registers hold under `plan`, in the order in which they are set, which is
/// before anything is received.
pub(super) fn settings(plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite> {
    let mut settings = tables::<Vfta>(plan);
    for (at, filter) in RarIndex::all().zip(slots.macs.with(&plan.macs)) {
        let (low, high) = filter.map(|(mac, _)| ral_rah(&mac)).unzip();
        let valid = high.is_some();
        let high = Rah::new().with_octets(high.unwrap_or(0)).with_valid(valid);
        // The half that makes the address count comes second.
        settings.extend([
            RegisterWrite::new(at, Ral::from(low.unwrap_or(0))),
            RegisterWrite::new(at, high),
        ]);
    }
    settings.extend(parser(|rfctl| rfctl.with_extended_status(true)));
    let mut mode = Mrqc::new();
    if let Some(rss) = &plan.rss {
        settings.extend(rss_settings(rss, QUEUE_BIT));
        mode = hash_fields(rss.kinds).with_mode(MultipleQueues::Rss);
    }
    settings.push(RegisterWrite::new((), mode));
    settings
}

/// What the receiver does for `pool`, which is the whole card. How frames are laid out
/// is latched when it is enabled, so RFCTL comes before.
pub(super) fn receiving(pool: &PoolPlan) -> Rctl {
    let receiving = Rctl::new()
        .with_enable(pool.receive)
        .with_broadcast(pool.broadcast)
        .with_vlan_filter(true)
        .with_discard_pause(true)
        .with_strip_crc(true);
    match buffer_bytes(pool.max_frame) {
        2048 => receiving,
        bytes => {
            let size = (16384 / bytes).ilog2() as u8 + 1;
            receiving
                .with_long_packets(true)
                .with_large_buffers(true)
                .with_buffer_size(size)
        }
    }
}

/// The size of the buffers for frames of `max_frame` bytes: one that RCTL knows.
pub(super) fn buffer_bytes(max_frame: u16) -> usize {
    match max_frame {
        0..=SHORT => 2048,
        1523..=4096 => 4096,
        4097..=8192 => 8192,
        _ => 16384,
    }
}

/// The fields of MRQC that hash `kinds`, as far as the card can.
pub(super) fn hash_fields(kinds: HashKinds) -> Mrqc {
    let on = |kind| kinds.contains(kind);
    Mrqc::new()
        .with_ipv4(on(HashKind::Ipv4))
        .with_tcp_ipv4(on(HashKind::Ipv4Tcp))
        .with_ipv6(on(HashKind::Ipv6))
        .with_tcp_ipv6(on(HashKind::Ipv6Tcp))
}

/// The kinds whose fields are in `mrqc`.
pub(super) fn hash_kinds(mrqc: Mrqc) -> HashKinds {
    kinds_of(mrqc, hash_fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_hashes_four_kinds_by_one_field_each() {
        // Bits 16, 17, 18 and 20.
        assert_eq!(u32::from(hash_fields(HashKinds::ALL)), 0x0017_0000);
        let kinds = [
            HashKind::Ipv4,
            HashKind::Ipv4Tcp,
            HashKind::Ipv6,
            HashKind::Ipv6Tcp,
        ];
        for kind in kinds {
            let kinds = HashKinds::NONE.with(kind);
            assert_eq!(hash_kinds(hash_fields(kinds)), kinds);
        }
    }

    #[test]
    fn buffers_grow_with_frames_and_hold_them() {
        let rctl = |max_frame| {
            let pool = PoolPlan {
                receive: true,
                max_frame,
                ..PoolPlan::default()
            };
            u32::from(receiving(&pool))
        };
        // EN 1, VFE 18, DPF 22, SECRC 26; LPE 5, BSIZE 17:16, BSEX 25.
        assert_eq!(rctl(1522), 0x0444_0002);
        assert_eq!(rctl(1523), 0x0647_0022, "4 KiB");
        assert_eq!(rctl(4097), 0x0646_0022, "8 KiB");
        assert_eq!(rctl(9022), 0x0645_0022, "16 KiB");
        assert_eq!(buffer_bytes(9022), 16384);
    }
}
