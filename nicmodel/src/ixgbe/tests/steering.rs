//! Who gets a frame.

use crate::Receive;
use crate::ixgbe::rig::{BROADCAST, Rig, frame, mac, tagged};

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
fn pools() -> Rig {
    let mut rig = Rig::with_pools(8);
    (0..8).chain([63]).for_each(|pool| rig.rx(2 * pool, 7));
    rig
}

fn to(n: u8) -> Vec<u8> {
    frame(mac(n), mac(9), 60)
}

#[test]
fn an_exact_address_reaches_every_pool_in_its_bitmap() {
    let mut rig = pools();
    rig.address(0, mac(1), 1);
    rig.address(127, mac(2), 1 << 63 | 1 << 2);
    rig.address(64, mac(3), 1 << 7);
    assert_eq!(rig.takers(&to(1)), [0]);
    assert_eq!(rig.takers(&to(2)), [4, 126]);
    assert_eq!(rig.takers(&to(3)), [14]);
    assert_eq!(rig.takers(&to(4)), []);
    rig.set(0xA204 + 8 * 127, rig.get(0xA204 + 8 * 127) & !(1 << 31));
    assert_eq!(rig.takers(&to(2)), [], "not valid");
}

#[test]
fn an_address_that_differs_in_any_bit_is_not_the_pools() {
    let mut rig = pools();
    let own = [0x02, 0x4C, 0x47, 0x10, 0x20, 0x30];
    rig.address(5, own, 1);
    assert_eq!(rig.takers(&frame(own, mac(9), 60)), [0]);
    for bit in 0..48 {
        let mut other = own;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(rig.takers(&frame(other, mac(9), 60)), []);
    }
}

#[test]
fn broadcast_and_multicast_reach_the_pools_that_take_them() {
    let mut rig = pools();
    let all = frame(BROADCAST, mac(9), 60);
    // Octets 4 and 5 are 0x12 and 0x34: the index is 0x341, word 26 bit 1.
    let group = frame([1, 0, 0x5E, 0, 0x12, 0x34], mac(9), 60);
    rig.set(0x5080, 1 << 10);
    assert_eq!(rig.takers(&all), []);
    rig.set(L2FLT + 4 * 2, BAM);
    rig.set(L2FLT + 4 * 63, BAM | ROMPE);
    rig.set(L2FLT + 4 * 5, MPE);
    assert_eq!(rig.takers(&all), [4, 126]);
    assert_eq!(rig.takers(&group), [10]);
    rig.set(0x5200 + 4 * 26, 1 << 1);
    assert_eq!(rig.takers(&group), [10], "MCSTCTRL.MFE is off");
    rig.set(0x5090, 1 << 2);
    assert_eq!(rig.takers(&group), [10, 126]);
}

#[test]
fn unknown_unicast_reaches_rope_pools_by_hash() {
    let mut rig = pools();
    let sent = frame([2, 0, 0, 0, 0x12, 0x34], mac(9), 60);
    rig.set(L2FLT, ROPE);
    rig.set(L2FLT + 4, ROMPE | MPE | BAM);
    assert_eq!(rig.takers(&sent), []);
    rig.set(0xF400 + 4 * 26, 1 << 1);
    assert_eq!(rig.takers(&sent), [0]);
}

#[test]
fn a_tagged_frame_needs_vfta_and_reaches_the_pools_of_its_vlan() {
    let mut rig = pools();
    rig.address(1, mac(1), 1 << 63 | 0b11);
    rig.set(0x5088, FILTER);
    let sent = tagged(&to(1), 0x6000 | 20);
    rig.vlan(63, 20, 1 << 63 | 0b10);
    assert_eq!(rig.takers(&sent), [2, 126]);
    rig.set(0xA000, 0);
    assert_eq!(rig.takers(&sent), []);
    rig.set(0xA000, 1 << 20);
    rig.set(0xF100 + 4 * 63, 20);
    assert_eq!(rig.takers(&sent), [], "VI_En is off");
    assert_eq!(rig.takers(&to(1)), [], "nobody takes untagged frames");
    rig.set(L2FLT, AUPE);
    assert_eq!(rig.takers(&to(1)), [0]);
}

#[test]
fn the_default_pool_takes_what_passes_the_macs_filters_and_nobody_claims() {
    let mut rig = pools();
    rig.set(0x51B0, 0x4000_0001 | 3 << 7);
    assert_eq!(rig.takers(&to(1)), [], "no filter lets it in");
    rig.set(0x5080, 1 << 9);
    assert_eq!(rig.takers(&to(1)), [6]);
    rig.address(9, mac(1), 1 << 4);
    assert_eq!(rig.takers(&to(1)), [8]);
    rig.set(0x51B0, 0x6000_0001);
    assert_eq!(rig.takers(&to(2)), []);
}

#[test]
fn a_pool_that_may_not_receive_gets_nothing() {
    let mut rig = pools();
    rig.address(0, mac(1), 0b11);
    rig.set(0x51E0, !1);
    assert_eq!(rig.takers(&to(1)), [2]);
    rig.set(0x51E0, 0);
    assert_eq!(rig.model.receive(&to(1)), Receive::Filtered);
}

#[test]
fn rss_picks_a_queue_of_the_pool_as_far_as_the_pool_spreads() {
    for (mode, shift, queues) in [(0xB, 1, 2), (0xA, 2, 4)] {
        let mut rig = Rig::with_pools(mode | 1 << 17);
        rig.set(0x5000, 1 << 13);
        (0..10).for_each(|n| rig.set(0x5C80 + 4 * n, 0x1234_5678 + n));
        rig.set(L2FLT, 0);
        (0..32).for_each(|n| rig.set(0x5C00 + 4 * n, 0x0302_0100));
        rig.address(0, mac(1), 1 << 3);
        (0..queues).for_each(|q| rig.rx((3 << shift) + q, 7));
        let packet = |n: u8| {
            let mut frame = frame(mac(1), mac(9), 60);
            frame[12..34].copy_from_slice(&[
                8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, n, 10, 0, 0, 1,
            ]);
            frame
        };
        let spread = |rig: &mut Rig| {
            let mut seen: Vec<u32> = (0..40).flat_map(|n| rig.takers(&packet(n))).collect();
            seen.sort_unstable();
            seen.dedup();
            seen
        };
        let first = 3 << shift;
        assert_eq!(spread(&mut rig), [first], "RQPL is 0");
        rig.set(0xEA0C, shift << 29);
        assert_eq!(
            spread(&mut rig),
            (first..first + queues).collect::<Vec<_>>()
        );
    }
}

#[test]
fn length_is_limited_by_maxfrs_only_with_jumboen_and_a_tag_is_on_top() {
    let mut rig = pools();
    rig.address(0, mac(1), 1);
    let fits = |rig: &mut Rig, frame: &[u8]| !rig.takers(frame).is_empty();
    let long = |bytes| frame(mac(1), mac(9), bytes);
    assert!(fits(&mut rig, &long(1514)));
    assert!(!fits(&mut rig, &long(1515)));
    assert!(fits(&mut rig, &tagged(&long(1514), 0)));
    rig.set(0x4268, 1000 << 16);
    assert!(fits(&mut rig, &long(1514)));
    rig.set(0x4240, rig.get(0x4240) | 4);
    assert!(fits(&mut rig, &long(996)));
    assert!(!fits(&mut rig, &long(997)));
    assert!(fits(&mut rig, &tagged(&long(996), 0)));
    assert!(!fits(&mut rig, &tagged(&long(997), 0)));
    assert_ne!(rig.get(0x40AC), 0, "ROC");
}

#[test]
fn without_pools_rss_spreads_over_sixteen_queues() {
    let mut rig = Rig::new();
    rig.address(0, mac(1), 0);
    rig.rx(0, 7);
    assert_eq!(rig.takers(&to(1)), [0]);
    assert_eq!(rig.takers(&to(2)), []);
    rig.set(0x5080, 1 << 9);
    assert_eq!(rig.takers(&to(2)), [0], "UPE");
}
