//! Sending, and who may send what.

use lockgate_regs::descriptor::{TxData, dtyp};

use super::Fixture;
use crate::Misuse;
use crate::fixture::{BROADCAST, frame, mac, tagged};

fn done(fixture: &Fixture, q: u32, n: u32) -> bool {
    TxData::from(
        fixture
            .dma
            .memory
            .load_u64(Fixture::tx_at(q, n) + 8)
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
    assert!(done(&fixture, 0, 0));
    assert_eq!(
        [0x6010, 0x4080, 0x4090, 0x6030, 0x8700].map(|at| fixture.get(at)),
        [1, 1, 204, 1, 204]
    );
    assert_eq!(fixture.model.misuse(), []);
}

#[test]
fn a_queue_does_not_come_up_before_dmatxctl_te() {
    let fixture = Fixture::new();
    fixture.set(0x4A80, 0x8100_0000);
    fixture.set(0x6028, 1 << 25);
    (0..10).for_each(|_| assert_eq!(fixture.get(0x6028) & (1 << 25), 0));
    fixture.set(0x4A80, 0x8100_0001);
    assert!((0..4).any(|_| fixture.get(0x6028) & (1 << 25) != 0));
}

#[test]
fn the_layout_may_change_only_while_the_arbiter_is_off() {
    let fixture = Fixture::with_pools(8);
    assert_eq!(fixture.model.misuse(), []);
    fixture.set(0x8120, 0);
    assert_eq!(fixture.model.misuse(), [Misuse::QueueLayout]);
}

#[test]
fn head_write_back_writes_the_head_and_survives_a_reset() {
    let mut fixture = Fixture::new();
    fixture.tx(1);
    let at = fixture.base.get() + 0x8000;
    fixture.set(0x6078, at as u32 | 1);
    fixture.set(0x607C, (at >> 32) as u32);
    fixture.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.dma.memory.load_u64(0x8000).unwrap() as u32, 1);
    assert!(!done(&fixture, 1, 0));
    fixture.set(0, 1 << 26);
    while fixture.get(0) & (1 << 26) != 0 {}
    assert_eq!(fixture.get(0x6078), at as u32 | 1, "not cleared by a reset");
}

#[test]
fn a_source_that_is_not_the_pools_is_refused_and_counted() {
    let mut fixture = Fixture::with_pools(8);
    fixture.tx(2);
    fixture.tx(126);
    fixture.address(3, mac(1), 1 << 1);
    fixture.address(4, mac(2), 1 << 63);
    fixture.set(0x8200, 0x02);
    fixture.set(0x821C, 0x80);
    let from = |n| frame(BROADCAST, mac(n), 60);
    for (queue, source) in [(2, 1), (2, 2), (126, 2), (126, 1)] {
        fixture.send(queue, &from(source));
    }
    assert_eq!(fixture.model.transmitted(), [from(1), from(2)]);
    assert_eq!(fixture.get(0x8780), 2);
    assert!(done(&fixture, 126, 1));
}

#[test]
fn a_vlan_that_is_not_the_pools_is_refused() {
    let mut fixture = Fixture::with_pools(8);
    fixture.tx(2);
    fixture.vlan(0, 20, 1 << 1);
    fixture.set(0x8200, 0x0200);
    let plain = frame(BROADCAST, mac(1), 60);
    fixture.send(2, &tagged(&plain, 20));
    fixture.send(2, &tagged(&plain, 21));
    fixture.send(2, &plain);
    assert_eq!(fixture.model.transmitted(), [tagged(&plain, 20)]);
    fixture.set(0xF004, 1 << 24);
    fixture.send(2, &plain);
    assert_eq!(fixture.model.transmitted(), [plain]);
}

#[test]
fn a_tag_comes_from_the_pool_or_the_context() {
    let mut fixture = Fixture::with_pools(8);
    fixture.tx(2);
    let plain = frame(BROADCAST, mac(1), 60);
    let context = TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT);
    fixture.push_raw(2, 0x2007 << 16, context.into());
    fixture.push(2, &plain, Fixture::data(60).with_insert_vlan(true));
    fixture.ring(2);
    assert_eq!(fixture.model.transmitted(), [tagged(&plain, 0x2007)]);
    fixture.set(0x8004, 1 << 30 | 9);
    fixture.send(2, &plain);
    assert_eq!(fixture.model.transmitted(), [tagged(&plain, 9)]);
}

#[test]
fn a_pool_that_may_not_send_waits_until_it_may() {
    let mut fixture = Fixture::with_pools(8);
    fixture.tx(2);
    fixture.set(0x8110, 0);
    fixture.send(2, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.transmitted().len(), 0);
    fixture.set(0x8110, 2);
    assert_eq!(fixture.model.transmitted().len(), 1);
}

#[test]
fn the_switch_gives_a_pools_frame_to_another_and_only_while_it_is_on() {
    let mut fixture = Fixture::with_pools(8);
    fixture.tx(2);
    fixture.rx(8, 7);
    fixture.address(0, mac(4), 1 << 4);
    let sent = frame(mac(4), mac(1), 60);
    fixture.send(2, &sent);
    assert_eq!(
        (fixture.model.transmitted().len(), fixture.got(8).len()),
        (1, 0)
    );
    fixture.set(0x8220, 1);
    fixture.send(2, &sent);
    assert_eq!(fixture.model.transmitted().len(), 0);
    assert!(fixture.got(8)[0].status.loopback());
}

#[test]
fn a_frame_that_is_not_as_described_does_not_leave() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    fixture.push(0, &sent, Fixture::data(60).with_payload_length(61));
    fixture.push(0, &sent[..16], Fixture::data(16));
    fixture.push(0, &sent, Fixture::data(60).with_insert_fcs(false));
    fixture.push(0, &sent, Fixture::data(60).with_segment(true));
    fixture.ring(0);
    assert!(fixture.model.transmitted().is_empty());
    let length = Misuse::FrameLength(0);
    assert_eq!(
        fixture.model.misuse(),
        [length, length, Misuse::CheckSequence(0), Misuse::Offload(0)]
    );
}
