//! Receive side scaling: what is hashed.
//!
//! The most specific field set that the card's MRQC enables is taken: addresses and ports
//! of an unfragmented TCP or UDP packet, else addresses alone.
//!
//! Not here: which queue follows (each card), and the hash itself (`lockgate-rss`).

use lockgate_regs::descriptor::RssType;
use lockgate_rss::toeplitz;

use crate::ethernet::Header;
use crate::packet::{TCP, UDP, key, parse};
use crate::registers::Registers;

/// What was hashed, and the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash {
    pub(crate) kind: RssType,
    pub(crate) value: u32,
}

/// The field sets that may be hashed, as MRQC has them; `ex` are those that look for
/// addresses in IPv6 extension headers, which no packet here has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HashFields {
    pub(crate) tcp_ipv4: bool,
    pub(crate) udp_ipv4: bool,
    pub(crate) ipv4: bool,
    pub(crate) tcp_ipv6: bool,
    pub(crate) udp_ipv6: bool,
    pub(crate) ipv6: bool,
    pub(crate) tcp_ipv6_ex: bool,
    pub(crate) udp_ipv6_ex: bool,
    pub(crate) ipv6_ex: bool,
}

impl HashFields {
    /// What a packet with ports is hashed as, if its ports are.
    fn with_ports(&self, v6: bool, protocol: u8) -> Option<RssType> {
        match (v6, protocol) {
            (false, TCP) if self.tcp_ipv4 => Some(RssType::TcpV4),
            (false, UDP) if self.udp_ipv4 => Some(RssType::UdpV4),
            (true, TCP) if self.tcp_ipv6 => Some(RssType::TcpV6),
            (true, TCP) if self.tcp_ipv6_ex => Some(RssType::TcpV6Ex),
            (true, UDP) if self.udp_ipv6 => Some(RssType::UdpV6),
            (true, UDP) if self.udp_ipv6_ex => Some(RssType::UdpV6Ex),
            _ => None,
        }
    }

    /// What a packet is hashed as by its addresses alone.
    fn addresses(&self, v6: bool) -> Option<RssType> {
        match v6 {
            false if self.ipv4 => Some(RssType::Ipv4),
            true if self.ipv6 => Some(RssType::Ipv6),
            true if self.ipv6_ex => Some(RssType::Ipv6Ex),
            _ => None,
        }
    }
}

/// The hash of a frame by the key in the registers, if `fields` has what the frame has.
pub(crate) fn hash(
    registers: &Registers,
    fields: &HashFields,
    header: &Header,
    frame: &[u8],
) -> Option<Hash> {
    let packet = parse(header, frame)?;
    let with_ports = packet
        .ports
        .and_then(|(protocol, ports)| Some((fields.with_ports(packet.v6, protocol)?, ports)));
    let (kind, ports) = match with_ports {
        Some(chosen) => chosen,
        None => (fields.addresses(packet.v6)?, &[][..]),
    };
    let input = [packet.addresses, ports].concat();
    Some(Hash {
        kind,
        value: toeplitz(&key(registers), &input),
    })
}
