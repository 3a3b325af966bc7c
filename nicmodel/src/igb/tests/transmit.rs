//! Rings of frames to send.

use lockgate_drivers::device::Bar;
use lockgate_regs::Register;
use lockgate_regs::descriptor::TxData;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{BROADCAST, HEADS, frame, mac};

fn done(fixture: &Fixture, n: u32) -> bool {
    TxData::from(
        fixture
            .dma
            .memory
            .load_u64(Fixture::tx_at(0, n) + 8)
            .unwrap(),
    )
    .done()
}

#[test]
fn a_frame_leaves_inside_the_tail_write_and_is_reported() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 200);
    fixture.send(0, &sent);
    assert_eq!(fixture.model.transmitted(), [sent]);
    assert!(done(&fixture, 0));
    assert_eq!(fixture.get(Tdh::BASE), 1);
    assert_eq!(fixture.get(Gptc::BASE), 1);
    assert_eq!(fixture.get(Gotcl::BASE), 204);
    assert_eq!(fixture.model.misuse(), []);
}

#[test]
fn only_descriptors_that_ask_are_reported() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    fixture.push(0, &sent, Fixture::data(60).with_report_status(false));
    fixture.push(0, &sent, Fixture::data(60));
    fixture.ring(0);
    assert_eq!([done(&fixture, 0), done(&fixture, 1)], [false, true]);
}

#[test]
fn with_head_write_back_the_head_is_stored_and_no_descriptor_is_touched() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let at = fixture.base.get() + HEADS as u64;
    fixture.set(Tdwbah::BASE, (at >> 32) as u32);
    fixture.set(Tdwbal::BASE, at as u32 | 1);
    let sent = frame(BROADCAST, mac(1), 60);
    for turn in 1..20 {
        fixture.send(0, &sent);
        assert_eq!(fixture.dma.memory.load_u32(HEADS), Some(turn % 8));
    }
    assert!(!done(&fixture, 0));
}

#[test]
fn a_frame_may_be_in_several_buffers_and_announced_in_pieces() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 100);
    let (a, b) = sent.split_at(37);
    let piece = |bytes: usize| Fixture::data(bytes).with_payload_length(100);
    fixture.push(0, a, piece(37).with_end_of_packet(false));
    fixture.ring(0);
    assert!(fixture.model.transmitted().is_empty());
    fixture.push(0, b, piece(63));
    fixture.ring(0);
    assert_eq!(fixture.model.transmitted(), [sent]);
}

#[test]
fn a_pool_sends_only_while_vfte_lets_it() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(2);
    fixture.set(Vfte::BASE, 0xFB);
    let sent = frame(BROADCAST, mac(1), 60);
    fixture.send(2, &sent);
    assert!(fixture.model.transmitted().is_empty());
    fixture.set(Vfte::BASE, 0x04);
    assert_eq!(fixture.model.transmitted(), [sent]);
}

#[test]
fn a_buffer_outside_every_mapping_stops_the_queue_and_sends_nothing() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    fixture.push_raw(0, 0xDEAD_0000, Fixture::data(60).into());
    fixture.ring(0);
    fixture.send(0, &frame(BROADCAST, mac(1), 60));
    assert!(fixture.model.transmitted().is_empty());
    assert_eq!(fixture.model.fault_count(), 1);
    assert_eq!(fixture.get(Tdh::BASE), 0);
    fixture.tx(0);
    fixture.set(Txdctl::BASE, 0);
    fixture.model.flush();
    fixture.model.flush();
    fixture.tx(0);
    fixture.send(0, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.transmitted().len(), 1);
}

#[test]
fn nothing_is_sent_without_link_and_everything_once_it_is_back() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    fixture.model.set_link(false);
    fixture.send(0, &frame(BROADCAST, mac(1), 60));
    assert!(fixture.model.transmitted().is_empty());
    fixture.model.set_link(true);
    while fixture.get(Status::BASE) & 2 == 0 {}
    assert_eq!(fixture.model.transmitted().len(), 1);
}
