//! Exact address filters and the mode of RSS and pools.
//!
//! Source: 82576 datasheet, chapter 8.

use super::RarIndex;
use crate::register::kinds;
use crate::{Index, registers};

kinds! {
    /// How frames are spread over queues.
    MultipleQueues & 7, else Reserved {
        /// Everything goes to queue 0.
        Off = 0,
        /// RSS over 16 queues.
        Rss = 2,
        /// A queue per pool.
        Vmdq = 3,
        /// Two queues per pool, chosen by RSS.
        VmdqRss = 5,
    }
}

registers! {
    /// Receive address low.
    Stable Ral("RAL", RarIndex, 0x5400, 8, receive_address) {
        /// Octets 0 to 3, the first low.
        pub octets: u32,
    }
    /// Receive address high.
    Stable Rah("RAH", RarIndex, 0x5404, 8, receive_address) {
        /// Octets 4 and 5, octet 4 low.
        pub octets: u16,
        /// ASEL: what the address is compared with; 0 is the destination.
        #[bits(2)] pub select: u8,
        /// POOLSEL: which pools take the address, a bit each.
        pub pools: u8,
        #[bits(5)] __: u8,
        /// AV: the entry counts.
        pub valid: bool,
    }
    /// Multiple receive queues command.
    Stable Mrqc("MRQC", 0x5818) {
        /// How frames are spread.
        #[bits(3)] pub mode: MultipleQueues,
        #[bits(13)] __: u16,
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
        #[bits(7)] __: u8,
    }
}

/// The place of an exact filter: 16 are in one bank, the other 8 from 0x54E0
/// (82576 datasheet, chapter 8).
fn receive_address(index: RarIndex, base: u32) -> u32 {
    match index.number() {
        n @ 0..16 => base + 8 * n,
        n => base + 0xE0 + 8 * (n - 16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Register;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Ral>("RAL", 0x5400, 0x5518);
        assert_place::<Rah>("RAH", 0x5404, 0x551C);
        assert_place::<Mrqc>("MRQC", 0x5818, 0x5818);
    }

    #[test]
    fn the_second_bank_of_addresses_starts_at_54e0() {
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
