//! IP packets as the cards see them: what RSS can hash, and the headers found.
//!
//! Extension headers of IPv6 are not walked, as if RFCTL.IPV6_EX_DIS were always set.
//!
//! Not here: which kinds a card hashes (each card).

use lockgate_regs::common::{HashKeyWord, Reta, Rssrk};
use lockgate_regs::{Index, Register};
use lockgate_rss::Key;

use crate::ethernet::Header;
use crate::registers::Registers;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86DD;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// What of a frame could be hashed.
pub(crate) struct Packet<'a> {
    pub(crate) v6: bool,
    /// Source and destination address.
    pub(crate) addresses: &'a [u8],
    /// Protocol and the two ports, if the packet has them.
    pub(crate) ports: Option<(u8, &'a [u8])>,
}

/// The RSS key that the registers hold.
pub(crate) fn key(registers: &Registers) -> Key {
    let mut bytes = [0; Key::BYTES];
    let chunks = bytes.as_chunks_mut::<4>().0;
    for (chunk, index) in chunks.iter_mut().zip(HashKeyWord::all()) {
        *chunk = registers.get::<Rssrk>(index).get().to_le_bytes();
    }
    Key::new(bytes)
}

/// The indirection table's byte for a hash; 0 for a frame without.
pub(crate) fn indirection(registers: &Registers, hash: Option<u32>) -> u8 {
    let Some(value) = hash else {
        return 0;
    };
    let entry = value & 0x7F;
    let word = registers.word(Reta::BASE + (entry & !3));
    word.to_le_bytes()[(entry & 3) as usize]
}

/// What of a frame could be hashed.
pub(crate) fn parse<'a>(header: &Header, frame: &'a [u8]) -> Option<Packet<'a>> {
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
pub(crate) fn packet_type(header: &Header, frame: &[u8]) -> u16 {
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
