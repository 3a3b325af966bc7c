//! Receive side scaling: what is hashed, and the queue that follows.
//!
//! The most specific field set that MRQC enables is taken: addresses and ports
//! of an unfragmented TCP or UDP packet, else addresses alone.
//!
//! Not here: which pool the frame is for ([`super::steering`]).

use lockgate_regs::descriptor::RssType;
use lockgate_regs::igb::*;
use lockgate_rss::toeplitz;

use super::Nic;
use crate::buffer::Hash;
use crate::ethernet::Header;
use crate::packet::{TCP, UDP, key, parse};

impl Nic {
    /// The hash of a frame, if RSS is on and MRQC enables what the frame has.
    pub(super) fn hash(&self, header: &Header, frame: &[u8]) -> Option<Hash> {
        let mrqc = self.registers.get::<Mrqc>(());
        let on = matches!(mrqc.mode(), MultipleQueues::Rss | MultipleQueues::VmdqRss);
        if !on || !self.registers.get::<Rxcsum>(()).hash_in_descriptor() {
            return None;
        }
        let packet = parse(header, frame)?;
        let with_ports = packet.ports.and_then(|(protocol, ports)| {
            let kind = port_type(mrqc, packet.v6, protocol)?;
            Some((kind, [packet.addresses, ports].concat()))
        });
        let (kind, input) = match with_ports {
            Some(chosen) => chosen,
            None => (address_type(mrqc, packet.v6)?, packet.addresses.to_vec()),
        };
        Some((kind, toeplitz(&key(&self.registers), &input)))
    }
}

fn port_type(mrqc: Mrqc, v6: bool, protocol: u8) -> Option<RssType> {
    match (v6, protocol) {
        (false, TCP) if mrqc.tcp_ipv4() => Some(RssType::TcpV4),
        (false, UDP) if mrqc.udp_ipv4() => Some(RssType::UdpV4),
        (true, TCP) if mrqc.tcp_ipv6() => Some(RssType::TcpV6),
        (true, TCP) if mrqc.tcp_ipv6_ex() => Some(RssType::TcpV6Ex),
        (true, UDP) if mrqc.udp_ipv6() => Some(RssType::UdpV6),
        (true, UDP) if mrqc.udp_ipv6_ex() => Some(RssType::UdpV6Ex),
        _ => None,
    }
}

fn address_type(mrqc: Mrqc, v6: bool) -> Option<RssType> {
    match v6 {
        false if mrqc.ipv4() => Some(RssType::Ipv4),
        true if mrqc.ipv6() => Some(RssType::Ipv6),
        true if mrqc.ipv6_ex() => Some(RssType::Ipv6Ex),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::igb::rig::{ONE, Rig, mac};
    use crate::packet::{IPV4, IPV6};
    use lockgate_regs::Register;
    use lockgate_rss::Key;

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
    fn rig(mode: u32, fields: u32) -> Rig {
        let mut rig = Rig::with_pools(mode | fields);
        rig.address(0, mac(1), 0b1);
        rig.set(Rxcsum::BASE, 1 << 13);
        for (n, word) in Key::MICROSOFT.bytes().as_chunks::<4>().0.iter().enumerate() {
            rig.set(Rssrk::BASE + 4 * n as u32, u32::from_le_bytes(*word));
        }
        for word in 0..32_u32 {
            let bytes = [0, 1, 2, 3].map(|n| ((4 * word + n) % 16) as u8);
            rig.set(Reta::BASE + 4 * word, u32::from_le_bytes(bytes));
        }
        (0..16).for_each(|q| rig.rx(q, 7));
        rig
    }

    /// Queue, type and hash of a frame.
    fn outcome(rig: &mut Rig, frame: &[u8]) -> (u32, RssType, u32) {
        assert_eq!(rig.model.receive(frame), ONE);
        let mut found = (0..16).filter_map(|q| Some((q, rig.got(q).pop()?)));
        let (q, got) = found.next().unwrap();
        (q, got.info.rss_type(), got.info.hash())
    }

    #[test]
    fn published_vectors_hash_to_their_values() {
        let mut rig = rig(2, ALL);
        let row = |rig: &mut Rig, frame: &[u8]| {
            let (queue, kind, hash) = outcome(rig, frame);
            assert_eq!(queue, hash & 0xF);
            (kind, hash)
        };
        let v4 = |protocol| v4(protocol, [0, 0], &[]);
        assert_eq!(row(&mut rig, &v4(6)), (RssType::TcpV4, 0x51CC_C178));
        assert_eq!(row(&mut rig, &v4(17)), (RssType::UdpV4, 0x51CC_C178));
        assert_eq!(row(&mut rig, &v4(1)), (RssType::Ipv4, 0x323E_8FC2));
    }

    #[test]
    fn seven_bits_of_the_hash_index_the_table() {
        let mut rig = rig(2, ALL);
        rig.set(Reta::BASE + 0x78, 5);
        assert_eq!(outcome(&mut rig, &v4(6, [0, 0], &[])).0, 5);
    }

    #[test]
    fn ipv6_types_are_those_of_the_datasheet() {
        let mut rig = rig(2, ALL);
        let kinds = [6, 17, 58].map(|next| outcome(&mut rig, &v6(next)).1);
        assert_eq!(kinds, [RssType::TcpV6, RssType::UdpV6, RssType::Ipv6]);
        let (tcp, plain) = (outcome(&mut rig, &v6(6)).2, outcome(&mut rig, &v6(59)).2);
        assert_eq!((tcp, plain), (0x4020_7D3D, 0x2CC1_8CD5));
    }

    #[test]
    fn fragments_and_disabled_fields_fall_back_to_addresses() {
        let mut rig = rig(2, ALL);
        let addresses = (2, RssType::Ipv4, 0x323E_8FC2);
        for fragment in [[0x20, 0], [0, 1], [0x1F, 0xFF]] {
            assert_eq!(outcome(&mut rig, &v4(6, fragment, &[])), addresses);
        }
        let whole = v4(6, [0x40, 0], &[]);
        assert_eq!(outcome(&mut rig, &whole).1, RssType::TcpV4);
        rig.set(Mrqc::BASE, 2 | 1 << 17);
        assert_eq!(outcome(&mut rig, &whole), addresses);
        rig.set(Mrqc::BASE, 2 | 1 << 20);
        assert_eq!(outcome(&mut rig, &whole), (0, RssType::None, 0));
    }

    #[test]
    fn ports_are_found_behind_options_and_a_tag() {
        let mut rig = rig(2, ALL);
        let frame = v4(6, [0, 0], &[1; 8]);
        assert_eq!(outcome(&mut rig, &frame).2, 0x51CC_C178);
        let frame = crate::igb::rig::tagged(&frame, 0x2005);
        assert_eq!(outcome(&mut rig, &frame).2, 0x51CC_C178);
    }

    #[test]
    fn what_is_not_ip_or_is_cut_short_has_no_hash_and_goes_to_queue_0() {
        let mut rig = rig(2, ALL);
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
            assert_eq!(outcome(&mut rig, &frame), (0, RssType::None, 0));
        }
    }

    #[test]
    fn without_pcsd_there_is_no_rss() {
        let mut rig = rig(2, ALL);
        rig.set(Rxcsum::BASE, 0);
        let frame = v4(6, [0, 0], &[]);
        assert_eq!(outcome(&mut rig, &frame), (0, RssType::None, 0));
    }

    #[test]
    fn bit_3_of_the_entry_picks_the_pools_second_queue_if_the_pool_has_rss() {
        let mut rig = rig(5, ALL);
        // 0x51CCC178 selects entry 0x78, which holds 8.
        let frame = v4(6, [0, 0], &[]);
        assert_eq!(outcome(&mut rig, &frame), (0, RssType::None, 0));
        rig.set(Vmolr::BASE, 0x8002_2600);
        assert_eq!(outcome(&mut rig, &frame), (8, RssType::TcpV4, 0x51CC_C178));
        // 0x323E8FC2 selects entry 0x42, which holds 2.
        assert_eq!(outcome(&mut rig, &v4(1, [0, 0], &[])).0, 0);
        rig.address(0, mac(1), 0b1000_0000);
        rig.set(Vmolr::BASE + 28, 0x8002_2600);
        assert_eq!(outcome(&mut rig, &frame).0, 15);
    }

    #[test]
    fn without_rss_in_the_mode_pools_do_not_hash() {
        let mut rig = rig(3, ALL);
        rig.set(Vmolr::BASE, 0x8002_2600);
        let frame = v4(6, [0, 0], &[]);
        assert_eq!(outcome(&mut rig, &frame), (0, RssType::None, 0));
    }
}
