//! What becomes of a whole frame.

use lockgate_regs::Register;
use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::*;

use super::Fixture;
use crate::Misuse;
use crate::fixture::{BROADCAST, frame, mac, tagged};
use crate::igb::extra_registers::Wvbr;

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
fn short_frames_are_padded_with_psp_and_only_then() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 20);
    fixture.send(0, &sent);
    fixture.set(Tctl::BASE, 0x2);
    fixture.send(0, &sent);
    let left = fixture.model.transmitted();
    assert_eq!(left[0].len(), 60);
    assert_eq!(left[0][20..], [0; 40]);
    assert_eq!(left[1], sent);
}

#[test]
fn a_frame_that_the_card_cannot_send_as_described_does_not_leave() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    fixture.push(0, &sent, Fixture::data(60).with_payload_length(61));
    fixture.push(0, &sent[..16], Fixture::data(16));
    fixture.push(0, &sent, Fixture::data(60).with_insert_fcs(false));
    fixture.ring(0);
    assert!(fixture.model.transmitted().is_empty());
    let length = Misuse::FrameLength(0);
    assert_eq!(
        fixture.model.misuse(),
        [length, length, Misuse::CheckSequence(0)]
    );
    assert!(done(&fixture, 2));
}

/// Ethernet, IPv4 and TCP with 20 bytes each, and `payload` bytes.
fn tcp(payload: usize) -> Vec<u8> {
    let mut frame = frame(BROADCAST, mac(1), 54 + payload);
    frame[12..16].copy_from_slice(&[0x08, 0, 0x45, 0]);
    frame[46] = 0x50;
    frame
}

/// MACLEN 14, IPLEN 20; IPv4, TCP, L4LEN 20, segments of `mss` bytes.
fn context(fixture: &mut Fixture, mss: u64) {
    let second = u64::from(TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT));
    fixture.push_raw(0, 14 << 9 | 20, second | 3 << 10 | 20 << 40 | mss << 48);
}

#[test]
fn a_packet_longer_than_any_frame_is_cut_and_each_segment_tagged() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    context(&mut fixture, 1000);
    let sent = tcp(2500);
    let tso = |bytes| {
        let data = Fixture::data(bytes)
            .with_segment(true)
            .with_insert_vlan(true);
        data.with_options(3).with_payload_length(2500)
    };
    fixture.push(0, &sent[..1554], tso(1554).with_end_of_packet(false));
    fixture.push(0, &sent[1554..], tso(1000));
    fixture.ring(0);
    let left = fixture.model.transmitted();
    let lengths: Vec<usize> = left.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1058, 1058, 558]);
    assert!(
        left.iter()
            .all(|frame| frame[12..18] == [0x81, 0, 0, 0, 0x08, 0])
    );
    assert_eq!(fixture.get(Gptc::BASE), 3);
    assert_eq!(fixture.model.misuse(), []);
}

#[test]
fn an_offload_that_the_frame_cannot_have_is_noticed_and_nothing_leaves() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    fixture.push(0, &tcp(10), Fixture::data(64).with_options(3));
    context(&mut fixture, 1000);
    fixture.push(0, &tcp(10), Fixture::data(64).with_options(4));
    fixture.push(0, &tcp(10), Fixture::data(64).with_options(3));
    fixture.ring(0);
    assert_eq!(fixture.model.transmitted().len(), 1);
    assert_eq!(fixture.model.misuse(), [Misuse::Offload(0); 2]);
}

#[test]
fn a_source_that_is_not_the_pools_is_refused_and_blamed() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(1);
    fixture.tx(9);
    fixture.address(3, mac(1), 0x02);
    fixture.address(4, mac(2), 0x04);
    fixture.set(Dtxswc::BASE, 0x0000_00FF);
    let own = frame(BROADCAST, mac(1), 60);
    let forged = frame(BROADCAST, mac(2), 60);
    fixture.send(1, &own);
    fixture.send(1, &forged);
    fixture.send(9, &forged);
    assert_eq!(fixture.model.transmitted(), [own]);
    assert_eq!(fixture.get(Ssvpc::BASE), 2);
    assert_eq!(fixture.get(Wvbr::BASE), 0x02);
    assert_eq!(fixture.get(Wvbr::BASE), 0);
}

#[test]
fn a_vlan_that_is_not_the_pools_is_refused_and_blamed() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(0);
    fixture.set(Vlvf::BASE, 0x8000_1014);
    fixture.set(Vmolr::BASE, 0x8000_2600);
    fixture.set(Dtxswc::BASE, 0x0000_FF00);
    let plain = frame(BROADCAST, mac(1), 60);
    let own = tagged(&plain, 20);
    fixture.send(0, &own);
    fixture.send(0, &tagged(&plain, 21));
    fixture.send(0, &plain);
    assert_eq!(fixture.model.transmitted(), [own]);
    assert_eq!(fixture.get(Wvbr::BASE), 0x0100);
    fixture.set(Vmolr::BASE, 0x8100_2600);
    fixture.send(0, &plain);
    assert_eq!(fixture.model.transmitted(), [plain]);
}

#[test]
fn vmvir_inserts_its_tag_and_overrules_the_descriptor() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    let context = TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT);
    fixture.push_raw(0, 0x0007_0000, context.into());
    let vle = Fixture::data(60).with_insert_vlan(true);
    for vmvir in [0, 0x4000_6014, 0x8000_6014] {
        fixture.set(Vmvir::BASE, vmvir);
        fixture.push(0, &sent, vle);
        fixture.ring(0);
    }
    assert_eq!(
        fixture.model.transmitted(),
        [tagged(&sent, 7), tagged(&sent, 0x6014), sent]
    );
}

#[test]
fn the_switch_keeps_an_owned_address_off_the_wire_and_from_its_sender() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(0);
    fixture.rx(0, 7);
    fixture.rx(1, 7);
    fixture.address(1, mac(1), 0x1);
    fixture.address(2, mac(2), 0x2);
    (0..2).for_each(|p| fixture.set(Vmolr::BASE + 4 * p, 0x8900_2600));
    fixture.set(Dtxswc::BASE, 0x8000_0000);
    let to_other = frame(mac(2), mac(1), 60);
    let to_all = frame(BROADCAST, mac(1), 60);
    let unknown = frame(mac(7), mac(1), 60);
    for sent in [&to_other, &to_all, &unknown, &frame(mac(1), mac(1), 60)] {
        fixture.send(0, sent);
    }
    assert_eq!(fixture.model.transmitted(), [to_all.clone(), unknown]);
    let got = fixture.got(1);
    assert_eq!([&got[0].bytes, &got[1].bytes], [&to_other, &to_all]);
    assert!(got[0].status.loopback());
    assert_eq!(fixture.got(0), []);
    fixture.set(Dtxswc::BASE, 0x8001_0000);
    fixture.send(0, &to_all);
    assert_eq!(fixture.got(0).len(), 1);
}

#[test]
fn what_is_on_a_local_vlan_stays_off_the_wire_while_the_switch_is_on() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(0);
    fixture.set(Dtxswc::BASE, 0x8000_0000);
    fixture.set(Vlvf::BASE, 0x8010_1014);
    let plain = frame(BROADCAST, mac(1), 60);
    fixture.send(0, &tagged(&plain, 20));
    fixture.send(0, &tagged(&plain, 21));
    assert_eq!(fixture.model.transmitted(), [tagged(&plain, 21)]);
}
