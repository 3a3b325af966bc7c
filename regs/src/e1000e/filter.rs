//! Exact address filters and the mode of RSS.
//!
//! Source: 82574 datasheet, chapter 10.

use super::RarIndex;
use crate::register::kinds;
use crate::registers;

kinds! {
    /// How frames are spread over the two queues.
    MultipleQueues & 3, else Reserved {
        /// Everything goes to queue 0.
        Off = 0,
        /// RSS over both.
        Rss = 1,
    }
}

registers! {
    /// Receive address low.
    Stable Ral("RAL", RarIndex, 0x5400, 8) {
        /// Octets 0 to 3, the first low.
        pub octets: u32,
    }
    /// Receive address high.
    Stable Rah("RAH", RarIndex, 0x5404, 8) {
        /// Octets 4 and 5, octet 4 low.
        pub octets: u16,
        /// ASEL: what the address is compared with; 0 is the destination.
        #[bits(2)] pub select: u8,
        #[bits(13)] __: u16,
        /// AV: the entry counts.
        pub valid: bool,
    }
    /// Multiple receive queues command. Entries of RETA pick a queue by bit 7.
    Stable Mrqc("MRQC", 0x5818) {
        /// How frames are spread.
        #[bits(2)] pub mode: MultipleQueues,
        #[bits(14)] __: u16,
        /// Hashes ports of TCP over IPv4.
        pub tcp_ipv4: bool,
        /// Hashes IPv4 addresses.
        pub ipv4: bool,
        /// Hashes ports of TCP over IPv6.
        pub tcp_ipv6: bool,
        /// Hashes addresses named by IPv6 extension headers.
        pub ipv6_ex: bool,
        /// Hashes IPv6 addresses.
        pub ipv6: bool,
        #[bits(11)] __: u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Ral>("RAL", 0x5400, 0x5478);
        assert_place::<Rah>("RAH", 0x5404, 0x547C);
        assert_place::<Mrqc>("MRQC", 0x5818, 0x5818);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Ral: with_octets(u32::MAX) = 0xFFFF_FFFF);
        assert_fields!(Rah: with_octets(0xFFFF) = 0xFFFF, with_select(3) = 0x3_0000,
            with_valid(true) = 0x8000_0000);
        assert_fields!(Mrqc: with_mode(MultipleQueues::Off) = 0, with_mode(MultipleQueues::Rss) = 1,
            with_mode(MultipleQueues::Reserved(3)) = 3, with_tcp_ipv4(true) = 0x1_0000,
            with_ipv4(true) = 0x2_0000, with_tcp_ipv6(true) = 0x4_0000,
            with_ipv6_ex(true) = 0x8_0000, with_ipv6(true) = 0x10_0000);
    }
}
