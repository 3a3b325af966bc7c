//! Who gets a frame.

use super::Fixture;
use crate::Receive;
use crate::fixture::{BROADCAST, frame, mac, tagged};

/// PFVML2FLT of pool 0, and its bits.
const L2FLT: u32 = 0xF000;
const AUPE: u32 = 1 << 24;
const ROMPE: u32 = 1 << 25;
const ROPE: u32 = 1 << 26;
const BAM: u32 = 1 << 27;
const MPE: u32 = 1 << 28;

/// VLNCTRL with VFE.
const FILTER: u32 = 0x4000_8100;

/// 64 pools, the first queue of eight of them live, nobody takes anything.
fn pools() -> Fixture {
    let mut fixture = Fixture::with_pools(8);
    (0..8).chain([63]).for_each(|pool| fixture.rx(2 * pool, 7));
    fixture
}

fn to(n: u8) -> Vec<u8> {
    frame(mac(n), mac(9), 60)
}

#[test]
fn an_exact_address_reaches_every_pool_in_its_bitmap() {
    let mut fixture = pools();
    fixture.address(0, mac(1), 1);
    fixture.address(127, mac(2), 1 << 63 | 1 << 2);
    fixture.address(64, mac(3), 1 << 7);
    assert_eq!(fixture.takers(&to(1)), [0]);
    assert_eq!(fixture.takers(&to(2)), [4, 126]);
    assert_eq!(fixture.takers(&to(3)), [14]);
    assert_eq!(fixture.takers(&to(4)), []);
    fixture.set(0xA204 + 8 * 127, fixture.get(0xA204 + 8 * 127) & !(1 << 31));
    assert_eq!(fixture.takers(&to(2)), [], "not valid");
}

#[test]
fn an_address_that_differs_in_any_bit_is_not_the_pools() {
    let mut fixture = pools();
    let own = [0x02, 0x4C, 0x47, 0x10, 0x20, 0x30];
    fixture.address(5, own, 1);
    assert_eq!(fixture.takers(&frame(own, mac(9), 60)), [0]);
    for bit in 0..48 {
        let mut other = own;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(fixture.takers(&frame(other, mac(9), 60)), []);
    }
}

#[test]
fn broadcast_and_multicast_reach_the_pools_that_take_them() {
    let mut fixture = pools();
    let all = frame(BROADCAST, mac(9), 60);
    // Octets 4 and 5 are 0x12 and 0x34: the index is 0x341, word 26 bit 1.
    let group = frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60);
    fixture.set(0x5080, 1 << 10);
    assert_eq!(fixture.takers(&all), []);
    fixture.set(L2FLT + 4 * 2, BAM);
    fixture.set(L2FLT + 4 * 63, BAM | ROMPE);
    fixture.set(L2FLT + 4 * 5, MPE);
    assert_eq!(fixture.takers(&all), [4, 126]);
    assert_eq!(fixture.takers(&group), [10]);
    fixture.set(0x5200 + 4 * 26, 1 << 1);
    assert_eq!(fixture.takers(&group), [10], "MCSTCTRL.MFE is off");
    fixture.set(0x5090, 1 << 2);
    assert_eq!(fixture.takers(&group), [10, 126]);
}

#[test]
fn unknown_unicast_reaches_rope_pools_by_hash() {
    let mut fixture = pools();
    let sent = frame([2, 0, 0, 0, 0x12, 0x34], mac(9), 60);
    fixture.set(L2FLT, ROPE);
    fixture.set(L2FLT + 4, ROMPE | MPE | BAM);
    assert_eq!(fixture.takers(&sent), []);
    fixture.set(0xF400 + 4 * 26, 1 << 1);
    assert_eq!(fixture.takers(&sent), [0]);
}

#[test]
fn a_tagged_frame_needs_vfta_and_reaches_the_pools_of_its_vlan() {
    let mut fixture = pools();
    fixture.address(1, mac(1), 1 << 63 | 0b11);
    fixture.set(0x5088, FILTER);
    let sent = tagged(&to(1), 0x6000 | 20);
    fixture.vlan(63, 20, 1 << 63 | 0b10);
    assert_eq!(fixture.takers(&sent), [2, 126]);
    fixture.set(0xA000, 0);
    assert_eq!(fixture.takers(&sent), []);
    fixture.set(0xA000, 1 << 20);
    fixture.set(0xF100 + 4 * 63, 20);
    assert_eq!(fixture.takers(&sent), [], "VI_En is off");
    assert_eq!(fixture.takers(&to(1)), [], "nobody takes untagged frames");
    fixture.set(L2FLT, AUPE);
    assert_eq!(fixture.takers(&to(1)), [0]);
}

#[test]
fn the_default_pool_takes_what_passes_the_macs_filters_and_nobody_claims() {
    let mut fixture = pools();
    fixture.set(0x51B0, 0x4000_0001 | 3 << 7);
    assert_eq!(fixture.takers(&to(1)), [], "no filter lets it in");
    fixture.set(0x5080, 1 << 9);
    assert_eq!(fixture.takers(&to(1)), [6]);
    fixture.address(9, mac(1), 1 << 4);
    assert_eq!(fixture.takers(&to(1)), [8]);
    fixture.set(0x51B0, 0x6000_0001);
    assert_eq!(fixture.takers(&to(2)), []);
}

#[test]
fn a_pool_that_may_not_receive_gets_nothing() {
    let mut fixture = pools();
    fixture.address(0, mac(1), 0b11);
    fixture.set(0x51E0, !1);
    assert_eq!(fixture.takers(&to(1)), [2]);
    fixture.set(0x51E0, 0);
    assert_eq!(fixture.model.receive(&to(1)), Receive::Filtered);
}

#[test]
fn rss_picks_a_queue_of_the_pool_as_far_as_the_pool_spreads() {
    for (mode, shift, queues) in [(0xB, 1, 2), (0xA, 2, 4)] {
        let mut fixture = Fixture::with_pools(mode | 1 << 17);
        fixture.set(0x5000, 1 << 13);
        (0..10).for_each(|n| fixture.set(0x5C80 + 4 * n, 0x1234_5678 + n));
        fixture.set(L2FLT, 0);
        (0..32).for_each(|n| fixture.set(0x5C00 + 4 * n, 0x0302_0100));
        fixture.address(0, mac(1), 1 << 3);
        (0..queues).for_each(|q| fixture.rx((3 << shift) + q, 7));
        let packet = |n: u8| {
            let mut frame = frame(mac(1), mac(9), 60);
            frame[12..34].copy_from_slice(&[
                8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, n, 10, 0, 0, 1,
            ]);
            frame
        };
        let spread = |fixture: &mut Fixture| {
            let mut seen: Vec<u32> = (0..40).flat_map(|n| fixture.takers(&packet(n))).collect();
            seen.sort_unstable();
            seen.dedup();
            seen
        };
        let first = 3 << shift;
        assert_eq!(spread(&mut fixture), [first], "RQPL is 0");
        fixture.set(0xEA0C, shift << 29);
        assert_eq!(
            spread(&mut fixture),
            (first..first + queues).collect::<Vec<_>>()
        );
    }
}

#[test]
fn length_is_limited_by_maxfrs_only_with_jumboen_and_a_tag_is_on_top() {
    let mut fixture = pools();
    fixture.address(0, mac(1), 1);
    let fits = |fixture: &mut Fixture, frame: &[u8]| !fixture.takers(frame).is_empty();
    let long = |bytes| frame(mac(1), mac(9), bytes);
    assert!(fits(&mut fixture, &long(1514)));
    assert!(!fits(&mut fixture, &long(1515)));
    assert!(fits(&mut fixture, &tagged(&long(1514), 0)));
    fixture.set(0x4268, 1000 << 16);
    assert!(fits(&mut fixture, &long(1514)));
    fixture.set(0x4240, fixture.get(0x4240) | 4);
    assert!(fits(&mut fixture, &long(996)));
    assert!(!fits(&mut fixture, &long(997)));
    assert!(fits(&mut fixture, &tagged(&long(996), 0)));
    assert!(!fits(&mut fixture, &tagged(&long(997), 0)));
    assert_ne!(fixture.get(0x40AC), 0, "ROC");
}

#[test]
fn without_pools_rss_spreads_over_sixteen_queues() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    assert_eq!(fixture.takers(&to(1)), [0]);
    assert_eq!(fixture.takers(&to(2)), []);
    fixture.set(0x5080, 1 << 9);
    assert_eq!(fixture.takers(&to(2)), [0], "UPE");
}
