//! Receive side scaling: what is hashed.
//!
//! The most specific field set that MRQC enables is taken: addresses and ports
//! of an unfragmented TCP or UDP packet, else addresses alone.
//!
//! Not here: which queue follows ([`super::steering`]).

use lockgate_regs::descriptor::RssType;
use lockgate_regs::ixgbe::*;
use lockgate_rss::toeplitz;

use super::Nic;
use crate::buffer::Hash;
use crate::ethernet::Header;
use crate::packet::{TCP, UDP, key, parse};

impl Nic {
    /// The hash of a frame, if RSS is on and MRQC enables what the frame has.
    pub(super) fn hash(&self, header: &Header, frame: &[u8]) -> Option<Hash> {
        let mrqc = self.registers.get::<Mrqc>(());
        let on = matches!(
            mrqc.mode(),
            MultipleQueues::Rss | MultipleQueues::Vmdq32Rss | MultipleQueues::Vmdq64Rss
        );
        if !on || !self.registers.get::<Rxcsum>(()).hash_in_descriptor() {
            return None;
        }
        let packet = parse(header, frame)?;
        let with_ports = packet.ports.and_then(|(protocol, ports)| {
            let kind = match (packet.v6, protocol) {
                (false, TCP) if mrqc.tcp_ipv4() => RssType::TcpV4,
                (false, UDP) if mrqc.udp_ipv4() => RssType::UdpV4,
                (true, TCP) if mrqc.tcp_ipv6() => RssType::TcpV6,
                (true, UDP) if mrqc.udp_ipv6() => RssType::UdpV6,
                _ => return None,
            };
            Some((kind, [packet.addresses, ports].concat()))
        });
        let (kind, input) = match (with_ports, packet.v6) {
            (Some(chosen), _) => chosen,
            (None, false) if mrqc.ipv4() => (RssType::Ipv4, packet.addresses.to_vec()),
            (None, true) if mrqc.ipv6() => (RssType::Ipv6, packet.addresses.to_vec()),
            _ => return None,
        };
        Some((kind, toeplitz(&key(&self.registers), &input)))
    }
}
