//! What is written into buffers and descriptors.

use lockgate_regs::Register;
use lockgate_regs::descriptor::RxStatus;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{BROADCAST, MISSED, ONE, frame, mac, tagged};

#[test]
fn a_frame_over_several_buffers_ends_in_the_last() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.set(Rctl::BASE, 0x0400_0022);
    fixture.rx(0, 7);
    let sent = frame(mac(1), mac(9), 4097);

    assert_eq!(fixture.model.receive(&sent), ONE);

    let got = fixture.got(0);
    let ends: Vec<bool> = got.iter().map(|g| g.status.end_of_packet()).collect();
    assert_eq!(ends, [false, false, true]);
    let bytes: Vec<u8> = got.into_iter().flat_map(|g| g.bytes).collect();
    assert_eq!(bytes, sent);
}

#[test]
fn without_secrc_the_check_sequence_follows_the_frame() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.set(Rctl::BASE, 0x0000_0002);
    fixture.rx(0, 7);
    let sent = frame(mac(1), mac(9), 60);
    fixture.model.receive(&sent);
    let got = fixture.got(0).remove(0).bytes;
    assert_eq!(got.len(), 64);
    assert_eq!(got[60..], crate::wire::check_sequence(&sent));
}

#[test]
fn a_ring_can_be_filled_to_its_last_posted_descriptor_and_goes_round() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    for turn in 0..40_u32 {
        let sent = frame(mac(1), mac(9), 60 + turn as usize);
        assert_eq!(fixture.model.receive(&sent), ONE);
        assert_eq!(fixture.got(0)[0].bytes, sent);
        fixture.set(Rdt::BASE, turn % 8);
    }
    assert_eq!(fixture.model.faults(), []);
}

#[test]
fn a_buffer_outside_every_mapping_is_a_fault_that_the_card_does_not_notice() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 2);
    assert!(fixture.dma.memory.store_u64(0, 0xDEAD_0000));
    let sent = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&sent), ONE);
    let faults = fixture.model.faults();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].iova.get(), faults[0].write), (0xDEAD_0000, true));
    assert_eq!(fixture.model.receive(&sent), ONE);
    assert_eq!(fixture.got(0).len(), 2);
}

/// The buffer of the first descriptor is the descriptor itself: what was written last shows.
#[test]
fn the_write_back_comes_after_the_bytes_of_the_frame() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 2);
    let descriptor = fixture.base.get();
    assert!(fixture.dma.memory.store_u64(0, descriptor));
    let sent = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&sent), ONE);
    let status = RxStatus::from(fixture.dma.memory.load_u64(8).unwrap());
    assert!(status.done(), "DD is not overwritten");
    assert_eq!(status.length(), 60);
}

#[test]
fn a_ring_outside_every_mapping_is_stuck() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    fixture.set(Rdbah::BASE, 0);
    let sent = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&sent), MISSED);
    assert_eq!(fixture.model.receive(&sent), MISSED);
    assert_eq!(fixture.model.fault_count(), 1);
}

#[test]
fn the_tag_goes_into_the_descriptor_where_the_pool_or_rplolr_says_so() {
    let mut fixture = Fixture::with_pools(3);
    fixture.rx(0, 7);
    fixture.address(1, mac(1), 1);
    fixture.set(Vmolr::BASE, 0xD800_2600);
    let group = [1, 0, 0x5E, 0, 0, 1];
    let receive = |fixture: &mut Fixture, to| {
        let plain = frame(to, mac(9), 60);
        assert_eq!(fixture.model.receive(&tagged(&plain, 0x6014)), ONE);
        let got = fixture.got(0).remove(0);
        let stripped = got.bytes == plain;
        assert_eq!(stripped, got.status.vlan_stripped());
        assert_eq!(got.status.vlan(), if stripped { 0x6014 } else { 0 });
        stripped
    };
    assert!(receive(&mut fixture, mac(1)));
    assert!(receive(&mut fixture, BROADCAST));
    assert!(!receive(&mut fixture, group));
    fixture.set(Rplolr::BASE, 0xC000_0000);
    fixture.set(Vmolr::BASE, 0x9800_2600);
    assert!(!receive(&mut fixture, mac(1)));
    fixture.set(Rdt::BASE, 3);
    assert!(!receive(&mut fixture, BROADCAST));
    assert!(receive(&mut fixture, group));
}

#[test]
fn without_pools_ctrl_vme_takes_the_tag_out() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    fixture.set(Ctrl::BASE, 0x4000_0041);
    let plain = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&tagged(&plain, 7)), ONE);
    assert_eq!(fixture.got(0)[0].bytes, plain);
}

#[test]
fn a_pool_that_keeps_check_sequences_gets_them_even_with_secrc() {
    let mut fixture = Fixture::with_pools(3);
    fixture.address(1, mac(1), 1);
    fixture.rx(0, 7);
    fixture.set(Vmolr::BASE, 0x0000_2600);
    fixture.model.receive(&frame(mac(1), mac(9), 60));
    assert_eq!(fixture.got(0)[0].bytes.len(), 64);
}

#[test]
fn a_legacy_queue_gets_the_legacy_layout() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx_with(0, 7, 0x8000_0002);
    fixture.model.receive(&frame(mac(1), mac(9), 70));
    let buffer = fixture.base.get() + Fixture::buffer(0, 0) as u64;
    assert_eq!(fixture.dma.memory.load_u64(0), Some(buffer));
    assert_eq!(fixture.dma.memory.load_u64(8), Some(3 << 32 | 70));
}

#[test]
fn without_a_size_of_its_own_a_queue_has_that_of_rctl() {
    for (size, pieces) in [(0, 1), (1, 1), (2, 2), (3, 4)] {
        let mut fixture = Fixture::new();
        fixture.address(0, mac(1), 0);
        fixture.set(Rctl::BASE, 0x0400_0002 | size << 16);
        fixture.rx_with(0, 7, 0x8200_0000);
        assert_eq!(fixture.model.receive(&frame(mac(1), mac(9), 1000)), ONE);
        assert_eq!(fixture.got(0).len(), pieces);
    }
}
