//! Exact address filters and the mode of RSS and pools.
//!
//! Source: 82576 datasheet, chapter 8.

use bitfield_struct::bitfield;

use super::{RarIndex, receive_address};
use crate::register::register;
use crate::{Register, Stable};

/// How frames are spread over queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultipleQueues {
    /// Everything goes to queue 0.
    #[default]
    Off,
    /// RSS over 16 queues.
    Rss,
    /// A queue per pool.
    Vmdq,
    /// Two queues per pool, chosen by RSS.
    VmdqRss,
    /// A value that the datasheet leaves open.
    Reserved(u8),
}

impl MultipleQueues {
    /// The mode behind the three bits of MRQC.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Off,
            2 => Self::Rss,
            3 => Self::Vmdq,
            5 => Self::VmdqRss,
            other => Self::Reserved(other),
        }
    }

    /// The three bits of MRQC.
    pub const fn into_bits(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Rss => 2,
            Self::Vmdq => 3,
            Self::VmdqRss => 5,
            Self::Reserved(other) => other & 7,
        }
    }
}

/// Multiple receive queues command.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Mrqc {
    /// How frames are spread.
    #[bits(3)]
    pub mode: MultipleQueues,
    #[bits(13)]
    __: u16,
    /// Hashes ports of TCP over IPv4.
    pub tcp_ipv4: bool,
    /// Hashes IPv4 addresses.
    pub ipv4: bool,
    /// Hashes ports of TCP over IPv6 with extension headers.
    pub tcp_ipv6_ex: bool,
    /// Hashes addresses named by IPv6 extension headers.
    pub ipv6_ex: bool,
    /// Hashes IPv6 addresses.
    pub ipv6: bool,
    /// Hashes ports of TCP over IPv6.
    pub tcp_ipv6: bool,
    /// Hashes ports of UDP over IPv4.
    pub udp_ipv4: bool,
    /// Hashes ports of UDP over IPv6.
    pub udp_ipv6: bool,
    /// Hashes ports of UDP over IPv6 with extension headers.
    pub udp_ipv6_ex: bool,
    #[bits(7)]
    __: u8,
}
register!(Mrqc, "MRQC", 0x5818);

/// Receive address low: octets 0 to 3, the first low.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Ral {
    /// Octets 0 to 3.
    pub octets: u32,
}

impl Register for Ral {
    const NAME: &'static str = "RAL";
    type Index = RarIndex;
    const BASE: u32 = 0x5400;
    const STRIDE: u32 = 8;

    fn offset(index: RarIndex) -> u32 {
        receive_address(index, Self::BASE)
    }
}
impl Stable for Ral {}

/// Receive address high.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Rah {
    /// Octets 4 and 5, octet 4 low.
    pub octets: u16,
    /// ASEL: what the address is compared with; 0 is the destination.
    #[bits(2)]
    pub select: u8,
    /// POOLSEL: which pools take the address, a bit each.
    pub pools: u8,
    #[bits(5)]
    __: u8,
    /// AV: the entry counts.
    pub valid: bool,
}

impl Register for Rah {
    const NAME: &'static str = "RAH";
    type Index = RarIndex;
    const BASE: u32 = 0x5404;
    const STRIDE: u32 = 8;

    fn offset(index: RarIndex) -> u32 {
        receive_address(index, Self::BASE)
    }
}
impl Stable for Rah {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Ral>("RAL", 0x5400, 0x5518);
        assert_place::<Rah>("RAH", 0x5404, 0x551C);
        assert_place::<Mrqc>("MRQC", 0x5818, 0x5818);
    }

    #[test]
    fn the_second_bank_of_addresses_starts_at_54e0() {
        use crate::Index;
        let offset = |n| RarIndex::new(n).map(Ral::offset);
        assert_eq!(offset(15), Some(0x5478));
        assert_eq!(offset(16), Some(0x54E0));
        assert_eq!(RarIndex::new(16).map(Rah::offset), Some(0x54E4));
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Mrqc: with_mode(MultipleQueues::Off) = 0, with_mode(MultipleQueues::Rss) = 2,
            with_mode(MultipleQueues::Vmdq) = 3, with_mode(MultipleQueues::VmdqRss) = 5,
            with_mode(MultipleQueues::Reserved(7)) = 7, with_tcp_ipv4(true) = 0x1_0000,
            with_ipv4(true) = 0x2_0000, with_tcp_ipv6_ex(true) = 0x4_0000,
            with_ipv6_ex(true) = 0x8_0000, with_ipv6(true) = 0x10_0000,
            with_tcp_ipv6(true) = 0x20_0000, with_udp_ipv4(true) = 0x40_0000,
            with_udp_ipv6(true) = 0x80_0000, with_udp_ipv6_ex(true) = 0x100_0000);
        assert_fields!(Ral: with_octets(u32::MAX) = 0xFFFF_FFFF);
        assert_fields!(Rah: with_octets(0xFFFF) = 0xFFFF, with_select(3) = 0x3_0000,
            with_pools(0xFF) = 0x3FC_0000, with_valid(true) = 0x8000_0000);
    }
}
