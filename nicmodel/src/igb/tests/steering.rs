//! Who gets a frame.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{BROADCAST, frame, mac, tagged};

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
fn pools() -> Fixture {
    let mut fixture = Fixture::with_pools(3);
    for pool in 0..8 {
        fixture.rx(pool, 7);
        fixture.set(Vmolr::BASE + 4 * pool, PLAIN);
    }
    fixture
}

#[test]
fn an_exact_address_of_either_bank_reaches_every_pool_in_its_bitmap() {
    let mut fixture = pools();
    fixture.address(15, mac(1), 0b0000_0001);
    fixture.address(16, mac(2), 0b1000_0010);
    fixture.address(23, mac(3), 0b0100_0000);
    let to = |n| frame(mac(n), mac(9), 60);
    assert_eq!(fixture.takers(&to(1)), [0]);
    assert_eq!(fixture.takers(&to(2)), [1, 7]);
    assert_eq!(fixture.takers(&to(3)), [6]);
    assert_eq!(fixture.takers(&to(4)), []);
    let high = fixture.get(0x54E4);
    fixture.set(0x54E4, high & !(1 << 31));
    assert_eq!(fixture.takers(&to(2)), [], "not valid");
}

#[test]
fn an_address_that_differs_in_any_octet_is_not_the_pools() {
    let mut fixture = pools();
    let own = [0x02, 0x4C, 0x47, 0x10, 0x20, 0x30];
    fixture.address(0, own, 1);
    assert_eq!(fixture.takers(&frame(own, mac(9), 60)), [0]);
    for octet in 0..6 {
        for bit in 0..8 {
            let mut other = own;
            other[octet] ^= 1 << bit;
            assert_eq!(fixture.takers(&frame(other, mac(9), 60)), []);
        }
    }
}

#[test]
fn broadcast_reaches_the_pools_that_take_it() {
    let mut fixture = pools();
    let all = frame(BROADCAST, mac(9), 60);
    fixture.set(Rctl::BASE, ON | 1 << 15);
    assert_eq!(fixture.takers(&all), []);
    fixture.set(Vmolr::BASE + 4 * 2, BAM);
    fixture.set(Vmolr::BASE + 4 * 5, BAM);
    assert_eq!(fixture.takers(&all), [2, 5]);
}

#[test]
fn multicast_reaches_rompe_pools_by_hash_and_mpme_pools_anyhow() {
    let mut fixture = pools();
    // Octets 4 and 5 are 0x12 and 0x34: the index is 0x341, word 26 bit 1.
    let group = frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60);
    fixture.set(Vmolr::BASE, ROMPE);
    fixture.set(Vmolr::BASE + 4, MPME);
    fixture.set(Vmolr::BASE + 8, ROPE | BAM | UPE);
    assert_eq!(fixture.takers(&group), [1]);
    fixture.set(Mta::BASE + 4 * 26, 1 << 1);
    assert_eq!(fixture.takers(&group), [0, 1]);
    let near = frame([1, 0, 0x5E, 0, 0x02, 0x34], mac(9), 60);
    assert_eq!(fixture.takers(&near), [1]);
    fixture.address(1, [1, 0, 0x5E, 0, 0x12, 0x34], 0b1000);
    assert_eq!(
        fixture.takers(&group),
        [1, 3],
        "no hash beside an exact match"
    );
}

#[test]
fn the_multicast_offset_moves_the_window_down_the_address() {
    // Octets 4 and 5 are 0xAB and 0xCD: 0xCDAB in bits 47:32.
    for (offset, index) in [(0, 0xCDA), (1, 0x9B5), (2, 0x36A), (3, 0xDAB)] {
        let mut fixture = pools();
        fixture.set(Rctl::BASE, ON | offset << 12);
        fixture.set(Vmolr::BASE, ROMPE);
        fixture.set(Mta::BASE + 4 * (index >> 5), 1 << (index & 31));
        let group = frame([1, 0, 0x5E, 0, 0xAB, 0xCD], mac(9), 60);
        assert_eq!(fixture.takers(&group), [0], "offset {offset}");
    }
}

#[test]
fn unknown_unicast_reaches_rope_pools_by_hash_and_upe_pools_anyhow() {
    let mut fixture = pools();
    let sent = frame([2, 0, 0, 0, 0x12, 0x34], mac(9), 60);
    fixture.set(Vmolr::BASE, ROPE);
    fixture.set(Vmolr::BASE + 4, UPE);
    fixture.set(Vmolr::BASE + 8, ROMPE | MPME | BAM);
    assert_eq!(fixture.takers(&sent), [1]);
    fixture.set(Uta::BASE + 4 * 26, 1 << 1);
    assert_eq!(fixture.takers(&sent), [0, 1]);
}

#[test]
fn a_tagged_frame_needs_vfta_and_reaches_the_pools_of_its_vlan() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b11);
    fixture.set(Rctl::BASE, VFE);
    let sent = tagged(&frame(mac(1), mac(9), 60), 0x6000 | 20);
    fixture.set(Vlvf::BASE + 4 * 31, 0x8000_0014 | 0b0000_0010 << 12);
    assert_eq!(fixture.takers(&sent), []);
    fixture.set(Vfta::BASE, 1 << 20);
    assert_eq!(fixture.takers(&sent), [1]);
    fixture.set(Vlvf::BASE, 0x8000_0014 | 0b0000_0101 << 12);
    assert_eq!(fixture.takers(&sent), [0, 1]);
    fixture.set(Vlvf::BASE, 0x0000_0014 | 0b0000_0101 << 12);
    assert_eq!(fixture.takers(&sent), [1]);
    fixture.set(Rctl::BASE, ON);
    assert_eq!(fixture.takers(&sent), [0, 1]);
}

#[test]
fn an_untagged_frame_reaches_aupe_pools_and_a_priority_tag_is_vlan_0() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b111);
    fixture.set(Rctl::BASE, VFE);
    fixture.set(Vfta::BASE, 1);
    fixture.set(Vmolr::BASE + 4, AUPE);
    fixture.set(Vlvf::BASE, 0x8000_0000 | 0b100 << 12);
    let plain = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.takers(&plain), [1]);
    assert_eq!(fixture.takers(&tagged(&plain, 0xE000)), [2]);
}

#[test]
fn a_known_address_on_a_foreign_vlan_falls_to_the_default_pool_unless_it_is_off() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b1);
    fixture.set(Rctl::BASE, VFE);
    fixture.set(Vfta::BASE, 1 << 20);
    let sent = tagged(&frame(mac(1), mac(9), 60), 20);
    fixture.set(VtCtl::BASE, REPLICATE | 5 << 7);
    assert_eq!(fixture.takers(&sent), [5]);
    fixture.set(VtCtl::BASE, REPLICATE | NO_DEFAULT | 5 << 7);
    assert_eq!(fixture.takers(&sent), []);
}

#[test]
fn unclaimed_group_frames_reach_no_default_pool_while_replication_is_on() {
    let mut fixture = pools();
    let all = frame(BROADCAST, mac(9), 60);
    fixture.set(VtCtl::BASE, REPLICATE | 5 << 7);
    assert_eq!(fixture.takers(&all), []);
    fixture.set(VtCtl::BASE, NO_DEFAULT | 5 << 7);
    assert_eq!(fixture.takers(&all), [5]);
}

#[test]
fn without_replication_a_frame_reaches_one_pool() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b110);
    fixture.set(VtCtl::BASE, NO_DEFAULT);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 60)), [1]);
}

#[test]
fn with_igmac_the_vlan_alone_decides() {
    let mut fixture = pools();
    fixture.set(Rctl::BASE, VFE);
    fixture.set(Vfta::BASE, 1 << 20);
    fixture.set(Vlvf::BASE, 0x8000_0014 | 0b1000_0001 << 12);
    fixture.set(VtCtl::BASE, REPLICATE | NO_DEFAULT | 1 << 28);
    let sent = tagged(&frame(mac(77), mac(9), 60), 20);
    assert_eq!(fixture.takers(&sent), [0, 7]);
}

#[test]
fn a_pool_that_may_not_receive_does_not() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b11);
    fixture.set(Vfre::BASE, 0xFE);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 60)), [1]);
}

#[test]
fn a_frame_is_too_long_for_a_pool_by_its_own_limit_tag_included() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b11);
    fixture.set(Rctl::BASE, ON | 1 << 5);
    fixture.set(Vmolr::BASE, 0x8001_0000 | 204);
    fixture.set(Vmolr::BASE + 4, 0x8001_0000 | 208);
    let sent = frame(mac(1), mac(9), 200);
    assert_eq!(fixture.takers(&sent), [0, 1]);
    let sent = tagged(&sent, 7);
    assert_eq!(fixture.takers(&sent), [1]);
    assert_eq!(fixture.get(Roc::BASE), 0);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 205)), []);
    assert_eq!(fixture.get(Roc::BASE), 1);
}

#[test]
fn without_lpe_1518_bytes_and_a_tag_are_the_limit() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b1);
    let sent = frame(mac(1), mac(9), 1514);
    assert_eq!(fixture.takers(&sent), [0]);
    assert_eq!(fixture.takers(&tagged(&sent, 7)), [0]);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 1515)), []);
    assert_eq!(fixture.get(Roc::BASE), 1);
}

#[test]
fn rlpml_limits_every_pool() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 0b1);
    fixture.set(Rctl::BASE, ON | 1 << 5);
    fixture.set(Vmolr::BASE, 0x8001_2600);
    fixture.set(Rlpml::BASE, 1600);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 1596)), [0]);
    assert_eq!(fixture.takers(&frame(mac(1), mac(9), 1597)), []);
}

#[test]
fn without_pools_the_mac_filters_alone_decide() {
    let mut fixture = Fixture::new();
    fixture.rx(0, 7);
    fixture.address(20, mac(1), 0);
    let (own, other) = (frame(mac(1), mac(9), 60), frame(mac(2), mac(9), 60));
    let (all, group) = (
        frame(BROADCAST, mac(9), 60),
        frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60),
    );
    assert_eq!(fixture.takers(&own), [0]);
    for unwanted in [&other, &all, &group] {
        assert_eq!(fixture.takers(unwanted), []);
    }
    fixture.set(Rctl::BASE, ON | 1 << 15);
    assert_eq!(fixture.takers(&all), [0]);
    fixture.set(Rctl::BASE, ON | 1 << 3);
    assert_eq!(fixture.takers(&other), [0]);
    assert_eq!(fixture.takers(&group), []);
    fixture.set(Rctl::BASE, ON | 1 << 4);
    assert_eq!(fixture.takers(&group), [0]);
    fixture.set(Rctl::BASE, ON);
    fixture.set(Mta::BASE + 4 * 26, 1 << 1);
    assert_eq!(fixture.takers(&group), [0]);
}
