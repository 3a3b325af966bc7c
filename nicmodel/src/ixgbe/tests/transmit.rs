//! Sending, and who may send what.

use lockgate_regs::descriptor::{TxData, dtyp};

use crate::Misuse;
use crate::ixgbe::rig::{BROADCAST, Rig, frame, mac, tagged};

fn done(rig: &Rig, q: u32, n: u32) -> bool {
    TxData::from(rig.dma.memory.load_u64(Rig::tx_at(q, n) + 8).unwrap()).done()
}

#[test]
fn a_frame_leaves_inside_the_tail_write_and_is_reported() {
    let mut rig = Rig::new();
    rig.tx(0);
    let sent = frame(BROADCAST, mac(1), 200);
    rig.send(0, &sent);
    assert_eq!(rig.model.transmitted(), [sent]);
    assert!(done(&rig, 0, 0));
    assert_eq!(
        [0x6010, 0x4080, 0x4090, 0x6030, 0x8700].map(|at| rig.get(at)),
        [1, 1, 204, 1, 204]
    );
    assert_eq!(rig.model.misuse(), []);
}

#[test]
fn a_queue_does_not_come_up_before_dmatxctl_te() {
    let rig = Rig::new();
    rig.set(0x4A80, 0x8100_0000);
    rig.set(0x6028, 1 << 25);
    (0..10).for_each(|_| assert_eq!(rig.get(0x6028) & (1 << 25), 0));
    rig.set(0x4A80, 0x8100_0001);
    assert!((0..4).any(|_| rig.get(0x6028) & (1 << 25) != 0));
}

#[test]
fn the_layout_may_change_only_while_the_arbiter_is_off() {
    let rig = Rig::with_pools(8);
    assert_eq!(rig.model.misuse(), []);
    rig.set(0x8120, 0);
    assert_eq!(rig.model.misuse(), [Misuse::QueueLayout]);
}

#[test]
fn head_write_back_writes_the_head_and_survives_a_reset() {
    let mut rig = Rig::new();
    rig.tx(1);
    let at = rig.base.get() + 0x8000;
    rig.set(0x6078, at as u32 | 1);
    rig.set(0x607C, (at >> 32) as u32);
    rig.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(rig.dma.memory.load_u64(0x8000).unwrap() as u32, 1);
    assert!(!done(&rig, 1, 0));
    rig.set(0, 1 << 26);
    while rig.get(0) & (1 << 26) != 0 {}
    assert_eq!(rig.get(0x6078), at as u32 | 1, "not cleared by a reset");
}

#[test]
fn a_source_that_is_not_the_pools_is_refused_and_counted() {
    let mut rig = Rig::with_pools(8);
    rig.tx(2);
    rig.tx(126);
    rig.address(3, mac(1), 1 << 1);
    rig.address(4, mac(2), 1 << 63);
    rig.set(0x8200, 0x02);
    rig.set(0x821C, 0x80);
    let from = |n| frame(BROADCAST, mac(n), 60);
    for (queue, source) in [(2, 1), (2, 2), (126, 2), (126, 1)] {
        rig.send(queue, &from(source));
    }
    assert_eq!(rig.model.transmitted(), [from(1), from(2)]);
    assert_eq!(rig.get(0x8780), 2);
    assert!(done(&rig, 126, 1));
}

#[test]
fn a_vlan_that_is_not_the_pools_is_refused() {
    let mut rig = Rig::with_pools(8);
    rig.tx(2);
    rig.vlan(0, 20, 1 << 1);
    rig.set(0x8200, 0x0200);
    let plain = frame(BROADCAST, mac(1), 60);
    rig.send(2, &tagged(&plain, 20));
    rig.send(2, &tagged(&plain, 21));
    rig.send(2, &plain);
    assert_eq!(rig.model.transmitted(), [tagged(&plain, 20)]);
    rig.set(0xF004, 1 << 24);
    rig.send(2, &plain);
    assert_eq!(rig.model.transmitted(), [plain]);
}

#[test]
fn a_tag_comes_from_the_pool_or_the_context() {
    let mut rig = Rig::with_pools(8);
    rig.tx(2);
    let plain = frame(BROADCAST, mac(1), 60);
    let context = TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT);
    rig.push_raw(2, 0x2007 << 16, context.into());
    rig.push(2, &plain, Rig::data(60).with_insert_vlan(true));
    rig.ring(2);
    assert_eq!(rig.model.transmitted(), [tagged(&plain, 0x2007)]);
    rig.set(0x8004, 1 << 30 | 9);
    rig.send(2, &plain);
    assert_eq!(rig.model.transmitted(), [tagged(&plain, 9)]);
}

#[test]
fn a_pool_that_may_not_send_waits_until_it_may() {
    let mut rig = Rig::with_pools(8);
    rig.tx(2);
    rig.set(0x8110, 0);
    rig.send(2, &frame(BROADCAST, mac(1), 60));
    assert_eq!(rig.model.transmitted().len(), 0);
    rig.set(0x8110, 2);
    assert_eq!(rig.model.transmitted().len(), 1);
}

#[test]
fn the_switch_gives_a_pools_frame_to_another_and_only_while_it_is_on() {
    let mut rig = Rig::with_pools(8);
    rig.tx(2);
    rig.rx(8, 7);
    rig.address(0, mac(4), 1 << 4);
    let sent = frame(mac(4), mac(1), 60);
    rig.send(2, &sent);
    assert_eq!((rig.model.transmitted().len(), rig.got(8).len()), (1, 0));
    rig.set(0x8220, 1);
    rig.send(2, &sent);
    assert_eq!(rig.model.transmitted().len(), 0);
    assert!(rig.got(8)[0].status.loopback());
}

#[test]
fn a_frame_that_is_not_as_described_does_not_leave() {
    let mut rig = Rig::new();
    rig.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    rig.push(0, &sent, Rig::data(60).with_payload_length(61));
    rig.push(0, &sent[..16], Rig::data(16));
    rig.push(0, &sent, Rig::data(60).with_insert_fcs(false));
    rig.push(0, &sent, Rig::data(60).with_segment(true));
    rig.ring(0);
    assert!(rig.model.transmitted().is_empty());
    let length = Misuse::FrameLength(0);
    assert_eq!(
        rig.model.misuse(),
        [length, length, Misuse::CheckSequence(0), Misuse::Offload(0)]
    );
}
