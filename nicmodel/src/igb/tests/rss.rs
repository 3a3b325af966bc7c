//! What is hashed, and the queue that follows.

use lockgate_regs::Register;
use lockgate_regs::descriptor::RssType;
use lockgate_regs::igb::*;
use lockgate_rss::Key;

use super::Fixture;
use crate::fixture::{ONE, mac};
use crate::packet::{IPV4, IPV6};

/// Every field of MRQC that real packets have.
const ALL: u32 = 0x00F3_0000;

fn ethernet(ethertype: u16, payload: &[&[u8]]) -> Vec<u8> {
    let header = [&mac(1)[..], &mac(9)[..], &ethertype.to_be_bytes()[..]];
    [header.concat(), payload.concat()].concat()
}

/// 66.9.149.187:2794 to 161.142.100.80:1766, a row of Microsoft's suite.
fn v4(protocol: u8, fragment: [u8; 2], options: &[u8]) -> Vec<u8> {
    let first = 0x45 + (options.len() / 4) as u8;
    let mut ip = [0; 20];
    ip[0] = first;
    ip[6..8].copy_from_slice(&fragment);
    ip[9] = protocol;
    ip[12..20].copy_from_slice(&[66, 9, 149, 187, 161, 142, 100, 80]);
    ethernet(IPV4, &[&ip, options, &[0x0A, 0xEA, 0x06, 0xE6], &[0; 20]])
}

/// 3ffe:2501:200:1fff::7 port 2794 to 3ffe:2501:200:3::1 port 1766, likewise.
fn v6(next: u8) -> Vec<u8> {
    let mut ip = [0; 40];
    ip[0] = 0x60;
    ip[6] = next;
    ip[8..16].copy_from_slice(&[0x3F, 0xFE, 0x25, 0x01, 0x02, 0x00, 0x1F, 0xFF]);
    ip[23] = 7;
    ip[24..32].copy_from_slice(&[0x3F, 0xFE, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03]);
    ip[39] = 1;
    ethernet(IPV6, &[&ip, &[0x0A, 0xEA, 0x06, 0xE6], &[0; 20]])
}

/// RSS on with Microsoft's key, table entry i = i mod 16, and fields.
fn fixture(mode: u32, fields: u32) -> Fixture {
    let mut fixture = Fixture::with_pools(mode | fields);
    fixture.address(0, mac(1), 0b1);
    fixture.set(Rxcsum::BASE, 1 << 13);
    for (n, word) in Key::MICROSOFT.bytes().as_chunks::<4>().0.iter().enumerate() {
        fixture.set(Rssrk::BASE + 4 * n as u32, u32::from_le_bytes(*word));
    }
    for word in 0..32_u32 {
        let bytes = [0, 1, 2, 3].map(|n| ((4 * word + n) % 16) as u8);
        fixture.set(Reta::BASE + 4 * word, u32::from_le_bytes(bytes));
    }
    (0..16).for_each(|q| fixture.rx(q, 7));
    fixture
}

/// Queue, type and hash of a frame.
fn outcome(fixture: &mut Fixture, frame: &[u8]) -> (u32, RssType, u32) {
    assert_eq!(fixture.model.receive(frame), ONE);
    let mut found = (0..16).filter_map(|q| Some((q, fixture.got(q).pop()?)));
    let (q, got) = found.next().unwrap();
    (q, got.info.rss_type(), got.info.hash())
}

#[test]
fn published_vectors_hash_to_their_values() {
    let mut fixture = fixture(2, ALL);
    let row = |fixture: &mut Fixture, frame: &[u8]| {
        let (queue, kind, hash) = outcome(fixture, frame);
        assert_eq!(queue, hash & 0xF);
        (kind, hash)
    };
    let v4 = |protocol| v4(protocol, [0, 0], &[]);
    assert_eq!(row(&mut fixture, &v4(6)), (RssType::TcpV4, 0x51CC_C178));
    assert_eq!(row(&mut fixture, &v4(17)), (RssType::UdpV4, 0x51CC_C178));
    assert_eq!(row(&mut fixture, &v4(1)), (RssType::Ipv4, 0x323E_8FC2));
}

#[test]
fn seven_bits_of_the_hash_index_the_table() {
    let mut fixture = fixture(2, ALL);
    fixture.set(Reta::BASE + 0x78, 5);
    assert_eq!(outcome(&mut fixture, &v4(6, [0, 0], &[])).0, 5);
}

#[test]
fn ipv6_types_are_those_of_the_datasheet() {
    let mut fixture = fixture(2, ALL);
    let kinds = [6, 17, 58].map(|next| outcome(&mut fixture, &v6(next)).1);
    assert_eq!(kinds, [RssType::TcpV6, RssType::UdpV6, RssType::Ipv6]);
    let (tcp, plain) = (
        outcome(&mut fixture, &v6(6)).2,
        outcome(&mut fixture, &v6(59)).2,
    );
    assert_eq!((tcp, plain), (0x4020_7D3D, 0x2CC1_8CD5));
}

#[test]
fn fragments_and_disabled_fields_fall_back_to_addresses() {
    let mut fixture = fixture(2, ALL);
    let addresses = (2, RssType::Ipv4, 0x323E_8FC2);
    for fragment in [[0x20, 0], [0, 1], [0x1F, 0xFF]] {
        assert_eq!(outcome(&mut fixture, &v4(6, fragment, &[])), addresses);
    }
    let whole = v4(6, [0x40, 0], &[]);
    assert_eq!(outcome(&mut fixture, &whole).1, RssType::TcpV4);
    fixture.set(Mrqc::BASE, 2 | 1 << 17);
    assert_eq!(outcome(&mut fixture, &whole), addresses);
    fixture.set(Mrqc::BASE, 2 | 1 << 20);
    assert_eq!(outcome(&mut fixture, &whole), (0, RssType::None, 0));
}

#[test]
fn ports_are_found_behind_options_and_a_tag() {
    let mut fixture = fixture(2, ALL);
    let frame = v4(6, [0, 0], &[1; 8]);
    assert_eq!(outcome(&mut fixture, &frame).2, 0x51CC_C178);
    let frame = crate::fixture::tagged(&frame, 0x2005);
    assert_eq!(outcome(&mut fixture, &frame).2, 0x51CC_C178);
}

#[test]
fn what_is_not_ip_or_is_cut_short_has_no_hash_and_goes_to_queue_0() {
    let mut fixture = fixture(2, ALL);
    let whole = v4(6, [0, 0], &[]);
    let mut not_v4 = whole.clone();
    not_v4[14] = 0x55;
    let mut no_header = whole.clone();
    no_header[14] = 0x44;
    let mut no_length = whole.clone();
    no_length[14] = 0x40;
    let mut too_long = whole.clone();
    too_long[14] = 0x4F;
    let arp = ethernet(0x0806, &[&whole[14..]]);
    for frame in [not_v4, no_header, no_length, too_long, arp] {
        assert_eq!(outcome(&mut fixture, &frame), (0, RssType::None, 0));
    }
}

#[test]
fn without_pcsd_there_is_no_rss() {
    let mut fixture = fixture(2, ALL);
    fixture.set(Rxcsum::BASE, 0);
    let frame = v4(6, [0, 0], &[]);
    assert_eq!(outcome(&mut fixture, &frame), (0, RssType::None, 0));
}

#[test]
fn bit_3_of_the_entry_picks_the_pools_second_queue_if_the_pool_has_rss() {
    let mut fixture = fixture(5, ALL);
    // 0x51CCC178 selects entry 0x78, which holds 8.
    let frame = v4(6, [0, 0], &[]);
    assert_eq!(outcome(&mut fixture, &frame), (0, RssType::None, 0));
    fixture.set(Vmolr::BASE, 0x8002_2600);
    assert_eq!(
        outcome(&mut fixture, &frame),
        (8, RssType::TcpV4, 0x51CC_C178)
    );
    // 0x323E8FC2 selects entry 0x42, which holds 2.
    assert_eq!(outcome(&mut fixture, &v4(1, [0, 0], &[])).0, 0);
    fixture.address(0, mac(1), 0b1000_0000);
    fixture.set(Vmolr::BASE + 28, 0x8002_2600);
    assert_eq!(outcome(&mut fixture, &frame).0, 15);
}

#[test]
fn without_rss_in_the_mode_pools_do_not_hash() {
    let mut fixture = fixture(3, ALL);
    fixture.set(Vmolr::BASE, 0x8002_2600);
    let frame = v4(6, [0, 0], &[]);
    assert_eq!(outcome(&mut fixture, &frame), (0, RssType::None, 0));
}
