//! Rings, drops and what is written back.

use lockgate_drivers::device::Function;

use super::Fixture;
use crate::fixture::{BROADCAST, MISSED, ONE, frame, mac, tagged};
use crate::{Misuse, Receive};

fn one() -> Fixture {
    let fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture
}

fn sent() -> Vec<u8> {
    frame(mac(1), mac(9), 100)
}

#[test]
fn a_frame_reaches_its_buffer_and_done_is_set() {
    let mut fixture = one();
    fixture.rx(0, 7);
    assert_eq!(fixture.model.receive(&sent()), ONE);
    let got = fixture.got(0);
    assert_eq!(got[0].bytes, sent());
    assert!(got[0].status.end_of_packet());
    assert_eq!(fixture.get(0x1010), 1);
    let counters = [0x4074, 0x1030, 0x1034, 0x1038, 0x1030, 0x1034];
    assert_eq!(counters.map(|at| fixture.get(at)), [1, 1, 104, 0, 0, 0]);
    assert_eq!(
        (fixture.model.misuse(), fixture.model.faults()),
        (vec![], vec![])
    );
}

#[test]
fn the_check_sequence_goes_only_if_both_switches_say_so() {
    let mut fixture = one();
    fixture.rx(0, 7);
    fixture.set(0x2F00, 0);
    fixture.model.receive(&sent());
    assert_eq!(fixture.got(0)[0].bytes.len(), 104);
    fixture.set(0x2F00, 2);
    fixture.set(0x4240, fixture.get(0x4240) & !2);
    fixture.model.receive(&sent());
    assert_eq!(fixture.got(0)[0].bytes.len(), 104);
}

#[test]
fn a_tag_is_taken_out_by_the_queue() {
    let mut fixture = one();
    fixture.rx(0, 7);
    fixture.set(0x1028, 1 << 25 | 1 << 30);
    fixture.model.receive(&tagged(&sent(), 0x2007));
    let got = fixture.got(0).remove(0);
    assert_eq!(
        (got.bytes, got.status.vlan_stripped(), got.status.vlan()),
        (sent(), true, 0x2007)
    );
}

#[test]
fn a_full_ring_drops_if_either_switch_says_so_and_counts_in_its_set() {
    for (srrctl, qde) in [(0x1200_0002, 0), (0x0200_0002, 1)] {
        let mut fixture = one();
        fixture.rx_with(0, 1, srrctl);
        fixture.set(0x2F04, 1 << 16 | qde);
        fixture.set(0x2300, 5);
        assert_eq!(
            [(); 3].map(|()| fixture.model.receive(&sent())),
            [ONE, MISSED, MISSED]
        );
        assert!(!fixture.model.room(&sent()));
        assert_eq!(
            (fixture.get(0x1430), fixture.get(0x1430 + 0x40 * 5)),
            (0, 2)
        );
    }
}

#[test]
fn a_full_ring_that_may_not_drop_holds_up_its_neighbours() {
    let mut fixture = Fixture::with_pools(8);
    fixture.address(0, mac(1), 1);
    fixture.address(1, mac(2), 2);
    fixture.rx_with(0, 1, 0x0200_0002);
    fixture.rx(2, 7);
    assert_eq!(fixture.model.receive(&sent()), ONE);
    assert_eq!(fixture.model.receive(&sent()), Receive::Held);
    assert_eq!(
        fixture.model.receive(&frame(mac(2), mac(9), 60)),
        Receive::Held
    );
    assert_eq!(fixture.got(2), []);
    fixture.set(0x1018, 3);
    assert_eq!((fixture.got(0).len(), fixture.got(2).len()), (2, 1));
}

#[test]
fn descriptors_announced_before_the_queue_is_live_do_not_exist() {
    let mut fixture = one();
    fixture.rx(0, 0);
    fixture.set(0x1028, 0);
    while fixture.get(0x1028) & (1 << 25) != 0 {}
    fixture.set(0x1018, 7);
    fixture.set(0x1028, 1 << 25);
    while fixture.get(0x1028) & (1 << 25) == 0 {}
    assert_eq!(fixture.model.receive(&sent()), MISSED);
    fixture.set(0x1018, 7);
    assert_eq!(fixture.model.receive(&sent()), ONE);
}

#[test]
fn the_last_queue_works_as_the_first_and_a_tail_beyond_the_ring_offers_nothing() {
    let mut fixture = Fixture::with_pools(0xB);
    fixture.address(0, mac(1), 1 << 63);
    fixture.rx(126, 7);
    assert_eq!(fixture.takers(&sent()), [126]);
    fixture.rx(127, 8);
    assert_eq!(fixture.model.misuse(), [Misuse::ReceiveTail(127)]);
}

#[test]
fn nothing_is_received_without_link_mastering_rxen_or_while_the_path_is_paused() {
    let mut fixture = one();
    fixture.rx(0, 7);
    for (offset, off, on) in [(0x3000, 0, 1), (0x8D00, 2, 0)] {
        fixture.set(offset, off);
        assert_eq!(fixture.model.receive(&sent()), Receive::NotReady);
        fixture.set(offset, on);
    }
    fixture.model.set_bus_master(false).unwrap();
    assert_eq!(fixture.model.receive(&sent()), Receive::NotReady);
    fixture.model.set_bus_master(true).unwrap();
    fixture.model.set_link(false);
    assert_eq!(fixture.model.receive(&sent()), Receive::NotReady);
    fixture.model.set_link(true);
    while fixture.get(0x42A4) & (1 << 30) == 0 {}
    assert_eq!(fixture.model.receive(&sent()), ONE);
}

#[test]
fn pause_frames_stop_transmission_only_with_rfce() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let mut pause = frame([1, 0x80, 0xC2, 0, 0, 1], mac(9), 60);
    pause[12..18].copy_from_slice(&[0x88, 0x08, 0, 1, 0xFF, 0xFF]);
    let out = frame(BROADCAST, mac(1), 60);
    assert_eq!(fixture.model.receive(&pause), Receive::Filtered);
    fixture.send(0, &out);
    assert_eq!(fixture.model.transmitted().len(), 1);
    fixture.set(0x4294, 8);
    fixture.model.receive(&pause);
    fixture.send(0, &out);
    assert_eq!(fixture.model.transmitted().len(), 0);
    pause[16..18].copy_from_slice(&[0, 0]);
    fixture.model.receive(&pause);
    assert_eq!(fixture.model.transmitted().len(), 1);
}
