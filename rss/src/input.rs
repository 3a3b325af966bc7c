//! Which bytes of a frame are hashed.
//!
//! The most specific enabled kind wins: addresses and ports for an unfragmented TCP
//! or UDP packet, else addresses alone, else nothing. Only bytes of the frame
//! decide; lengths that IP claims are not believed, since captures taken on a host
//! that offloads carry none. One 802.1Q tag is looked through, as the cards do.
//!
//! IPv6 extension headers are not walked: the cards are told not to, and both must
//! agree.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{HashKind, HashKinds};

/// The longest input in bytes: two IPv6 addresses and two ports.
pub(crate) const MAX_BYTES: usize = 36;

/// EtherTypes.
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const VLAN: [u8; 2] = [0x81, 0x00];
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// More-fragments flag and fragment offset (RFC 791, 3.1).
const FRAGMENT_BITS: u16 = 0x3fff;

/// The bytes that are hashed for one packet, and which fields they are.
///
/// Source address, destination address, source port, destination port, each in
/// network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    bytes: [u8; MAX_BYTES],
    len: u8,
    kind: HashKind,
}

impl Input {
    /// The input for an IPv4 packet from `src` to `dst`; `ports` are source and
    /// destination, `kind` labels the hash and is taken as it comes.
    pub fn v4(src: Ipv4Addr, dst: Ipv4Addr, ports: Option<(u16, u16)>, kind: HashKind) -> Self {
        Self::new(
            [src.octets(), dst.octets()].as_flattened(),
            ports.map(wire_order),
            kind,
        )
    }

    /// The input for an IPv6 packet, otherwise as [`Input::v4`].
    pub fn v6(src: Ipv6Addr, dst: Ipv6Addr, ports: Option<(u16, u16)>, kind: HashKind) -> Self {
        Self::new(
            [src.octets(), dst.octets()].as_flattened(),
            ports.map(wire_order),
            kind,
        )
    }

    /// `addresses` is 8 or 32 bytes.
    fn new(addresses: &[u8], ports: Option<[u8; 4]>, kind: HashKind) -> Self {
        let mut bytes = [0; MAX_BYTES];
        let (start, rest) = bytes.split_at_mut(addresses.len());
        start.copy_from_slice(addresses);
        rest[..4].copy_from_slice(&ports.unwrap_or_default());
        let len = addresses.len() + ports.map_or(0, |ports| ports.len());
        Self {
            bytes,
            len: len as u8,
            kind,
        }
    }

    /// The bytes to hash: 8, 12, 32 or 36.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The bytes to hash with zeros up to 12 or 36, which add nothing to a hash.
    pub(crate) fn padded(&self) -> &[u8] {
        if self.len <= 12 {
            &self.bytes[..12]
        } else {
            &self.bytes
        }
    }

    /// Which fields the bytes are.
    pub fn kind(&self) -> HashKind {
        self.kind
    }
}

fn wire_order((src, dst): (u16, u16)) -> [u8; 4] {
    (u32::from(src) << 16 | u32::from(dst)).to_be_bytes()
}

/// Addresses, protocol, and the four bytes where ports would be.
type Fields<'p> = (&'p [u8], u8, Option<&'p [u8; 4]>);

/// What is hashed of an Ethernet frame (without FCS) when `kinds` are enabled;
/// `None` means no hash and queue 0.
pub fn input(frame: &[u8], kinds: HashKinds) -> Option<Input> {
    let (mut ether_type, mut packet) = frame.get(12..)?.split_first_chunk()?;
    if *ether_type == VLAN {
        (ether_type, packet) = packet.get(2..)?.split_first_chunk()?;
    }
    let ((addresses, protocol, ports), [plain, tcp, udp]) = match *ether_type {
        IPV4 => (
            ipv4(packet)?,
            [HashKind::Ipv4, HashKind::Ipv4Tcp, HashKind::Ipv4Udp],
        ),
        IPV6 => (
            ipv6(packet)?,
            [HashKind::Ipv6, HashKind::Ipv6Tcp, HashKind::Ipv6Udp],
        ),
        _ => return None,
    };
    let specific = match (protocol, ports) {
        (PROTOCOL_TCP, Some(_)) => tcp,
        (PROTOCOL_UDP, Some(_)) => udp,
        _ => plain,
    };
    let kind = if kinds.contains(specific) {
        specific
    } else {
        plain
    };
    let ports = ports.filter(|_| kind != plain).copied();
    kinds
        .contains(kind)
        .then(|| Input::new(addresses, ports, kind))
}

fn ipv4(packet: &[u8]) -> Option<Fields<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let header_bytes = usize::from(header[0] & 15) * 4;
    if header[0] >> 4 != 4 || header_bytes < header.len() {
        return None;
    }
    let payload = packet.get(header_bytes..)?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_BITS != 0;
    // The first fragment has ports, but they must hash as the others do.
    Some((
        &header[12..],
        header[9],
        payload.first_chunk().filter(|_| !fragment),
    ))
}

fn ipv6(packet: &[u8]) -> Option<Fields<'_>> {
    let (header, payload) = packet.split_first_chunk::<40>()?;
    (header[0] >> 4 == 6).then(|| (&header[8..], header[6], payload.first_chunk()))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use HashKind::{Ipv4, Ipv4Tcp, Ipv4Udp, Ipv6, Ipv6Tcp, Ipv6Udp};

    const MACS: [u8; 12] = [2, 0x4c, 0x47, 0, 0, 1, 2, 0x4c, 0x47, 0, 0, 2];
    const PORTS: [u8; 4] = [0x0a, 0xea, 0x06, 0xe6];
    const V4: [u8; 8] = [66, 9, 149, 187, 161, 142, 100, 80];
    const V6: [u8; 32] = {
        let mut bytes = [0x26; 32];
        bytes[0] = 0x3f;
        bytes[31] = 0x07;
        bytes
    };

    fn frame(before_packet: &[u8], packet: &[u8]) -> Vec<u8> {
        [&MACS, before_packet, packet].concat()
    }

    /// An IPv4 packet with `options` and the given flags-and-offset word.
    fn v4_packet(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut header = [0; 12];
        header[0] = 0x45 + (options.len() / 4) as u8;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[9] = protocol;
        [&header, &V4[..], options, payload].concat()
    }

    fn v6_packet(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = [0; 8];
        header[0] = 0x60;
        header[6] = next_header;
        [&header, &V6[..], payload].concat()
    }

    fn hashed(frame: &[u8], kinds: HashKinds) -> Option<(HashKind, Vec<u8>)> {
        input(frame, kinds).map(|input| (input.kind(), input.bytes().to_vec()))
    }

    fn with_ports(kind: HashKind, addresses: &[u8]) -> Option<(HashKind, Vec<u8>)> {
        Some((kind, [addresses, &PORTS].concat()))
    }

    fn alone(kind: HashKind, addresses: &[u8]) -> Option<(HashKind, Vec<u8>)> {
        Some((kind, addresses.to_vec()))
    }

    #[test]
    fn tcp_and_udp_are_hashed_with_their_ports() {
        for (protocol, kind) in [(6, Ipv4Tcp), (17, Ipv4Udp)] {
            let frame = frame(&[8, 0], &v4_packet(protocol, 0x4000, &[], &PORTS));
            assert_eq!(hashed(&frame, HashKinds::ALL), with_ports(kind, &V4));
        }
        for (protocol, kind) in [(6, Ipv6Tcp), (17, Ipv6Udp)] {
            let frame = frame(&[0x86, 0xdd], &v6_packet(protocol, &PORTS));
            assert_eq!(hashed(&frame, HashKinds::ALL), with_ports(kind, &V6));
        }
    }

    #[test]
    fn other_protocols_are_hashed_by_address() {
        let icmp = frame(&[8, 0], &v4_packet(1, 0, &[], &PORTS));
        assert_eq!(hashed(&icmp, HashKinds::ALL), alone(Ipv4, &V4));
        let icmp = frame(&[0x86, 0xdd], &v6_packet(58, &PORTS));
        assert_eq!(hashed(&icmp, HashKinds::ALL), alone(Ipv6, &V6));
    }

    #[test]
    fn fragments_are_hashed_by_address_the_first_one_too() {
        for fragment in [0x2000, 0x2001, 0x0001, 0x1fff] {
            let udp = frame(&[8, 0], &v4_packet(17, fragment, &[], &PORTS));
            assert_eq!(hashed(&udp, HashKinds::ALL), alone(Ipv4, &V4));
        }
    }

    #[test]
    fn ports_are_found_behind_ip_options() {
        let tcp = frame(&[8, 0], &v4_packet(6, 0, &[1; 40], &PORTS));
        assert_eq!(hashed(&tcp, HashKinds::ALL), with_ports(Ipv4Tcp, &V4));
    }

    #[test]
    fn disabled_kind_falls_back_to_addresses_and_then_to_no_hash() {
        let tcp = frame(&[8, 0], &v4_packet(6, 0, &[], &PORTS));
        let kinds = HashKinds::NONE.with(Ipv4Udp).with(Ipv4);
        assert_eq!(hashed(&tcp, kinds), alone(Ipv4, &V4));
        let kinds = HashKinds::NONE.with(Ipv4Udp).with(Ipv6).with(Ipv6Tcp);
        assert_eq!(hashed(&tcp, kinds), None);
        let only_tcp = HashKinds::NONE.with(Ipv4Tcp);
        assert_eq!(hashed(&tcp, only_tcp), with_ports(Ipv4Tcp, &V4));
        let first_fragment = frame(&[8, 0], &v4_packet(6, 0x2000, &[], &PORTS));
        assert_eq!(hashed(&first_fragment, only_tcp), None);
    }

    #[test]
    fn one_vlan_tag_is_looked_through_and_a_second_is_not() {
        let packet = v4_packet(6, 0, &[], &PORTS);
        let tagged = frame(&[0x81, 0, 0xe0, 20, 8, 0], &packet);
        assert_eq!(hashed(&tagged, HashKinds::ALL), with_ports(Ipv4Tcp, &V4));
        let twice = frame(&[0x81, 0, 0, 20, 0x81, 0, 0, 30, 8, 0], &packet);
        assert_eq!(hashed(&twice, HashKinds::ALL), None);
        let service_tag = frame(&[0x88, 0xa8, 0, 20, 8, 0], &packet);
        assert_eq!(hashed(&service_tag, HashKinds::ALL), None);
    }

    #[test]
    fn ipv6_extension_headers_are_not_walked() {
        let hop_by_hop = v6_packet(0, &[&[6, 0, 1, 4, 0, 0, 0, 0], &PORTS[..]].concat());
        let frame = frame(&[0x86, 0xdd], &hop_by_hop);
        assert_eq!(hashed(&frame, HashKinds::ALL), alone(Ipv6, &V6));
    }

    #[test]
    fn frame_cut_before_its_ports_is_hashed_by_address() {
        let tcp = frame(&[8, 0], &v4_packet(6, 0, &[], &PORTS[..3]));
        assert_eq!(hashed(&tcp, HashKinds::ALL), alone(Ipv4, &V4));
        let tcp = frame(&[0x86, 0xdd], &v6_packet(6, &PORTS[..3]));
        assert_eq!(hashed(&tcp, HashKinds::ALL), alone(Ipv6, &V6));
    }

    #[test]
    fn header_cut_short_or_wrong_is_not_hashed() {
        let v4 = frame(&[8, 0], &v4_packet(6, 0, &[1; 4], &[]));
        assert!(input(&v4, HashKinds::ALL).is_some());
        assert_eq!(input(&v4[..v4.len() - 1], HashKinds::ALL), None);
        let v6 = frame(&[0x86, 0xdd], &v6_packet(6, &[]));
        assert!(input(&v6, HashKinds::ALL).is_some());
        assert_eq!(input(&v6[..v6.len() - 1], HashKinds::ALL), None);
        for first_byte in [0x44, 0x55, 0x65] {
            let mut wrong = frame(&[8, 0], &v4_packet(6, 0, &[], &PORTS));
            wrong[14] = first_byte;
            assert_eq!(input(&wrong, HashKinds::ALL), None);
        }
        let mut wrong = frame(&[0x86, 0xdd], &v6_packet(6, &PORTS));
        wrong[14] = 0x45;
        assert_eq!(input(&wrong, HashKinds::ALL), None);
    }

    #[test]
    fn padding_and_the_total_length_of_ip_change_nothing() {
        let mut packet = v4_packet(17, 0, &[], &PORTS);
        packet[2..4].copy_from_slice(&20_u16.to_be_bytes());
        let mut padded = frame(&[8, 0], &packet);
        padded.resize(60, 0);
        assert_eq!(hashed(&padded, HashKinds::ALL), with_ports(Ipv4Udp, &V4));
    }

    #[test]
    fn other_ether_types_are_not_hashed() {
        let arp = frame(&[8, 6], &v4_packet(6, 0, &[], &PORTS));
        assert_eq!(input(&arp, HashKinds::ALL), None);
    }

    proptest! {
        #[test]
        fn nothing_in_a_frame_panics(mut bytes in vec(any::<u8>(), 0..128), start in 0_usize..4) {
            // Random EtherTypes rarely reach a parser, so three of four are set.
            let ether_type: &[u8] = [&[][..], &[8, 0], &[0x86, 0xdd], &[0x81, 0]][start];
            if let Some(place) = bytes.get_mut(12..12 + ether_type.len()) {
                place.copy_from_slice(ether_type);
            }
            if let Some(input) = input(&bytes, HashKinds::ALL) {
                prop_assert!([8, 12, 32, 36].contains(&input.bytes().len()));
            }
        }
    }
}
