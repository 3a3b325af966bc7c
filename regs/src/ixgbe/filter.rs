//! Filters of the whole card: addresses, tables, RSS and the mode of pools.
//!
//! Source: 82599 datasheet, chapter 8.

use super::RarIndex;
use crate::register::kinds;
use crate::{TableWord, registers};

kinds! {
    /// How frames are spread over queues (MRQC.MRQE).
    MultipleQueues & 0xF, else Reserved {
        /// Everything goes to queue 0.
        Off = 0,
        /// RSS over 16 queues.
        Rss = 1,
        /// 64 pools without RSS.
        Vmdq64 = 8,
        /// 32 pools of four queues, chosen by RSS.
        Vmdq32Rss = 0xA,
        /// 64 pools of two queues, chosen by RSS.
        Vmdq64Rss = 0xB,
    }
}

registers! {
    /// Receive filter control.
    Stable Rfctl("RFCTL", 0x5008) {
        #[bits(5)] __: u8,
        /// RSC_DIS: joins no TCP segments.
        pub no_coalescing: bool,
        #[bits(26)] __: u32,
    }
    /// Filter control.
    Stable Fctrl("FCTRL", 0x5080) {
        #[bits(8)] __: u8,
        /// MPE: takes every multicast frame.
        pub multicast_promiscuous: bool,
        /// UPE: takes every unicast frame.
        pub unicast_promiscuous: bool,
        /// BAM: takes broadcast frames.
        pub broadcast: bool,
        #[bits(21)] __: u32,
    }
    /// VLAN control.
    Stable Vlnctrl("VLNCTRL", 0x5088) {
        /// VET: EtherType of a tag.
        pub ethertype: u16,
        #[bits(14)] __: u16,
        /// VFE: filters by VFTA.
        pub filter: bool,
        __: bool,
    }
    /// Multicast control.
    Stable Mcstctrl("MCSTCTRL", 0x5090) {
        /// MO: which 12 bits of the address index MTA; 0 is bits 47:36.
        #[bits(2)] pub offset: u8,
        /// MFE: filters by MTA.
        pub filter: bool,
        #[bits(29)] __: u32,
    }
    /// Multiple receive queues command.
    Stable Mrqc("MRQC", 0x5818) {
        /// MRQE: how frames are spread.
        #[bits(4)] pub mode: MultipleQueues,
        #[bits(12)] __: u16,
        /// Hashes ports of TCP over IPv4.
        pub tcp_ipv4: bool,
        /// Hashes IPv4 addresses.
        pub ipv4: bool,
        #[bits(2)] __: u8,
        /// Hashes IPv6 addresses.
        pub ipv6: bool,
        /// Hashes ports of TCP over IPv6.
        pub tcp_ipv6: bool,
        /// Hashes ports of UDP over IPv4.
        pub udp_ipv4: bool,
        /// Hashes ports of UDP over IPv6.
        pub udp_ipv6: bool,
        #[bits(8)] __: u8,
    }
    /// Receive address low.
    Stable Ral("RAL", RarIndex, 0xA200, 8) {
        /// Octets 0 to 3, the first low.
        pub octets: u32,
    }
    /// Receive address high.
    Stable Rah("RAH", RarIndex, 0xA204, 8) {
        /// Octets 4 and 5, octet 4 low.
        pub octets: u16,
        #[bits(15)] __: u16,
        /// AV: the entry counts.
        pub valid: bool,
    }
    /// The pools of an exact filter, a bit each: 0 to 31, and 32 to 63 in the next word.
    Stable Mpsar("MPSAR", RarIndex, 0xA600, 8);
    /// VLAN table: 4096 bits indexed by VID.
    Stable Vfta("VFTA", TableWord, 0xA000, 4);
    /// Unicast hash table, indexed as MTA.
    Stable Pfuta("PFUTA", TableWord, 0xF400, 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Rfctl>("RFCTL", 0x5008, 0x5008);
        assert_place::<Fctrl>("FCTRL", 0x5080, 0x5080);
        assert_place::<Vlnctrl>("VLNCTRL", 0x5088, 0x5088);
        assert_place::<Mcstctrl>("MCSTCTRL", 0x5090, 0x5090);
        assert_place::<Mrqc>("MRQC", 0x5818, 0x5818);
        assert_place::<Ral>("RAL", 0xA200, 0xA5F8);
        assert_place::<Rah>("RAH", 0xA204, 0xA5FC);
        assert_place::<Mpsar>("MPSAR", 0xA600, 0xA9F8);
        assert_place::<Vfta>("VFTA", 0xA000, 0xA1FC);
        assert_place::<Pfuta>("PFUTA", 0xF400, 0xF5FC);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Rfctl: with_no_coalescing(true) = 0x20);
        assert_fields!(Fctrl: with_multicast_promiscuous(true) = 0x100,
            with_unicast_promiscuous(true) = 0x200, with_broadcast(true) = 0x400);
        assert_fields!(Vlnctrl: with_ethertype(0xFFFF) = 0xFFFF, with_filter(true) = 0x4000_0000);
        assert_fields!(Mcstctrl: with_offset(3) = 0x3, with_filter(true) = 0x4);
        assert_fields!(Rah: with_octets(0xFFFF) = 0xFFFF, with_valid(true) = 0x8000_0000);
    }

    #[test]
    fn rss_fields_fill_their_bits() {
        assert_fields!(Mrqc: with_mode(MultipleQueues::Rss) = 1,
            with_mode(MultipleQueues::Vmdq64) = 8, with_mode(MultipleQueues::Vmdq32Rss) = 0xA,
            with_mode(MultipleQueues::Vmdq64Rss) = 0xB, with_tcp_ipv4(true) = 0x1_0000,
            with_ipv4(true) = 0x2_0000, with_ipv6(true) = 0x10_0000,
            with_tcp_ipv6(true) = 0x20_0000, with_udp_ipv4(true) = 0x40_0000,
            with_udp_ipv6(true) = 0x80_0000);
    }
}
