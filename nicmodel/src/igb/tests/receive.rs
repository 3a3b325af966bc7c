//! Frames that reach a buffer, and those that reach none.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{MISSED, ONE, frame, mac};
use crate::{Misuse, Receive};

#[test]
fn a_frame_reaches_its_buffer_and_done_is_set() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    let sent = frame(mac(1), mac(9), 100);

    assert_eq!(fixture.model.receive(&sent), ONE);

    let got = fixture.got(0);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].bytes, sent);
    assert!(got[0].status.end_of_packet());
    assert_eq!(fixture.get(Rdh::BASE), 1);
    assert_eq!(fixture.model.misuse(), []);
    assert_eq!(fixture.model.faults(), []);
}

#[test]
fn a_short_frame_is_padded_and_a_runt_is_counted() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    let sent = frame(mac(1), mac(9), 14);
    assert_eq!(fixture.model.receive(&sent), ONE);
    let got = fixture.got(0).remove(0).bytes;
    assert_eq!(got[..14], sent);
    assert_eq!(got[14..], [0; 46]);
    assert_eq!(fixture.get(Ruc::BASE), 0);

    assert_eq!(fixture.model.receive(&sent[..13]), Receive::Filtered);
    assert_eq!(fixture.model.receive(&[]), Receive::Filtered);
    assert_eq!(fixture.get(Ruc::BASE), 2);
}

#[test]
fn descriptors_announced_before_the_queue_is_live_do_not_exist() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.set(Mrqc::BASE, 0);
    fixture.rx(0, 0);
    fixture.set(Rxdctl::BASE, 0);
    while fixture.get(Rxdctl::BASE) & (1 << 25) != 0 {}
    fixture.set(Rdt::BASE, 7);
    fixture.set(Rxdctl::BASE, 1 << 25);
    while fixture.get(Rxdctl::BASE) & (1 << 25) == 0 {}
    let sent = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&sent), MISSED);
    fixture.set(Rdt::BASE, 7);
    assert_eq!(fixture.model.receive(&sent), ONE);
}

#[test]
fn a_tail_beyond_the_ring_offers_nothing() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 8);
    assert_eq!(fixture.model.misuse(), [Misuse::ReceiveTail(0)]);
    assert_eq!(fixture.model.receive(&frame(mac(1), mac(9), 60)), MISSED);
}

#[test]
fn nothing_is_received_without_link_bus_mastering_or_rctl_en() {
    use lockgate_drivers::device::Function;
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 7);
    let sent = frame(mac(1), mac(9), 60);
    fixture.model.set_link(false);
    assert_eq!(fixture.model.receive(&sent), Receive::NotReady);
    assert!(!fixture.model.room(&sent));
    fixture.model.set_link(true);
    while fixture.get(Status::BASE) & 2 == 0 {}
    fixture.model.set_bus_master(false).unwrap();
    assert_eq!(fixture.model.receive(&sent), Receive::NotReady);
    fixture.model.set_bus_master(true).unwrap();
    fixture.set(Rctl::BASE, 0);
    assert_eq!(fixture.model.receive(&sent), Receive::NotReady);
    fixture.set(Rctl::BASE, 0x0400_0002);
    assert_eq!(fixture.model.receive(&sent), ONE);
    assert_eq!(fixture.got(0).len(), 1);
}
