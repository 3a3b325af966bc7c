//! Receive side scaling: what is hashed, and the queue that follows.
//!
//! The most specific field set that MRQC enables is taken: addresses and ports
//! of an unfragmented TCP or UDP packet, else addresses alone. Extension headers
//! of IPv6 are not walked, as if RFCTL.IPV6_EX_DIS were always set.
//!
//! Not here: which pool the frame is for ([`super::steering`]).

use lockgate_regs::descriptor::RssType;
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};
use lockgate_rss::{Key, toeplitz};

use super::Nic;
use crate::ethernet::Header;
use crate::registers::Registers;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What was hashed, and the hash.
pub(super) type Hash = (RssType, u32);

/// What of a frame could be hashed.
struct Packet<'a> {
    v6: bool,
    /// Source and destination address.
    addresses: &'a [u8],
    /// Protocol and the two ports, if the packet has them.
    ports: Option<(u8, &'a [u8])>,
}

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

    /// The indirection table's byte for a hash; 0 for a frame without.
    pub(super) fn indirection(&self, hash: Option<Hash>) -> u8 {
        let Some((_, value)) = hash else {
            return 0;
        };
        let entry = value & 0x7F;
        let word = self.registers.word(Reta::BASE + (entry & !3));
        word.to_le_bytes()[(entry & 3) as usize]
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

fn key(registers: &Registers) -> Key {
    let mut bytes = [0; Key::BYTES];
    let chunks = bytes.as_chunks_mut::<4>().0;
    for (chunk, index) in chunks.iter_mut().zip(HashKeyWord::all()) {
        *chunk = registers.get::<Rssrk>(index).get().to_le_bytes();
    }
    Key::new(bytes)
}

fn parse<'a>(header: &Header, frame: &'a [u8]) -> Option<Packet<'a>> {
    let ip = frame.get(header.payload..)?;
    match header.ethertype {
        IPV4 => parse_v4(ip),
        IPV6 => parse_v6(ip),
        _ => None,
    }
}

fn parse_v4(ip: &[u8]) -> Option<Packet<'_>> {
    let first = *ip.first()?;
    let bytes = usize::from(first & 0xF) * 4;
    let (header, rest) = ip.split_at_checked(bytes)?;
    if first >> 4 != 4 || bytes < 20 {
        return None;
    }
    // More fragments, or an offset: bits 13 and 12:0 of the third half word.
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF != 0;
    let ports = rest.get(..4).filter(|_| !fragment);
    Some(Packet {
        v6: false,
        addresses: header.get(12..20)?,
        ports: ports.map(|ports| (header[9], ports)),
    })
}

fn parse_v6(ip: &[u8]) -> Option<Packet<'_>> {
    let (header, rest) = ip.split_at_checked(40)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    Some(Packet {
        v6: true,
        addresses: header.get(8..40)?,
        ports: rest.get(..4).map(|ports| (header[6], ports)),
    })
}

/// The headers found, as the write-back shows them: IPv4 bit 0, with options bit
/// 1, IPv6 bit 2, TCP bit 4, UDP bit 5.
pub(super) fn packet_type(header: &Header, frame: &[u8]) -> u16 {
    let Some(packet) = parse(header, frame) else {
        return 0;
    };
    let options = frame.get(header.payload).is_some_and(|&first| first > 0x45);
    let network = match packet.v6 {
        true => 0x4,
        false if options => 0x3,
        false => 0x1,
    };
    let transport = match packet.ports {
        Some((TCP, _)) => 0x10,
        Some((UDP, _)) => 0x20,
        _ => 0,
    };
    network | transport
}
