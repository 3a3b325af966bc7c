//! What all cards have in common: registers at one place with one meaning on the 82574,
//! the 82576 and the 82599.
//!
//! Bits that only some have are in the type and say so. A 64-bit counter is two registers;
//! the low one is read first, and reading the high one clears both.
//!
//! Source: chapter 8 of the 82576 and 82599 datasheets, 10 of the 82574's.

use crate::index::indices;
use crate::{TableWord, registers};

indices! {
    /// A word of RETA, which holds four of its 128 entries.
    RetaWord, 32;
    /// A word of the 40-byte RSS key.
    HashKeyWord, 10;
}

registers! {
    /// Device control.
    Stable Ctrl("CTRL", 0x0000) {
        #[bits(2)] __: u8,
        /// Asks the card to stop DMA; [`Status::gio_master_enable`] tells when it has.
        pub gio_master_disable: bool,
        #[bits(3)] __: u8,
        /// SLU: set link up.
        pub set_link_up: bool,
        #[bits(4)] __: u8,
        /// FRCSPD: forces the speed.
        pub force_speed: bool,
        /// FRCDPLX: forces the duplex.
        pub force_duplex: bool,
        #[bits(13)] __: u16,
        /// RST: resets the port; clears itself.
        pub reset: bool,
        /// RFCE: obeys pause frames.
        pub receive_flow_control: bool,
        /// TFCE: sends pause frames.
        pub transmit_flow_control: bool,
        __: bool,
        /// VME: takes VLAN tags out of received frames.
        pub vlan_mode: bool,
        __: bool,
    }
    /// Device status.
    Stable Status("STATUS", 0x0008) {
        /// FD: the link is full duplex.
        pub full_duplex: bool,
        /// LU: the link is up.
        pub link_up: bool,
        #[bits(2)] __: u8,
        /// TXOFF: a pause frame has stopped transmission.
        pub transmit_off: bool,
        __: bool,
        /// SPEED: 0 is 10, 1 is 100, 2 or 3 is 1000 Mbit/s.
        #[bits(2)] pub speed: u8,
        #[bits(11)] __: u16,
        /// The card may still start DMA.
        pub gio_master_enable: bool,
        #[bits(12)] __: u16,
    }
    /// Receive checksum control.
    Stable Rxcsum("RXCSUM", 0x5000) {
        #[bits(13)] __: u16,
        /// PCSD: reports the RSS hash instead of the fragment checksum.
        pub hash_in_descriptor: bool,
        #[bits(18)] __: u32,
    }
    /// Multicast table: 4096 bits indexed by 12 bits of the address.
    Stable Mta("MTA", TableWord, 0x5200, 4);
    /// Four entries of the RSS indirection table, the first low.
    Stable Reta("RETA", RetaWord, 0x5C00, 4);
    /// Four bytes of the RSS key, the first low.
    Stable Rssrk("RSSRK", HashKeyWord, 0x5C80, 4);
    /// Frames with a wrong check sequence.
    ClearsOnRead Crcerrs("CRCERRS", 0x4000);
    /// Good frames received.
    ClearsOnRead Gprc("GPRC", 0x4074);
    /// Good frames sent.
    ClearsOnRead Gptc("GPTC", 0x4080);
    /// Octets of good frames received, low half.
    Stable Gorcl("GORCL", 0x4088);
    /// Octets of good frames received, high half; reading clears both.
    ClearsOnRead Gorch("GORCH", 0x408C);
    /// Octets of good frames sent, low half.
    Stable Gotcl("GOTCL", 0x4090);
    /// Octets of good frames sent, high half; reading clears both.
    ClearsOnRead Gotch("GOTCH", 0x4094);
    /// Frames under 64 bytes with a good check sequence.
    ClearsOnRead Ruc("RUC", 0x40A4);
    /// Frames under 64 bytes with a wrong check sequence.
    ClearsOnRead Rfc("RFC", 0x40A8);
    /// Frames that were too long.
    ClearsOnRead Roc("ROC", 0x40AC);
    /// Frames that were too long and had a wrong check sequence.
    ClearsOnRead Rjc("RJC", 0x40B0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Ctrl>("CTRL", 0x0000, 0x0000);
        assert_place::<Status>("STATUS", 0x0008, 0x0008);
        assert_place::<Rxcsum>("RXCSUM", 0x5000, 0x5000);
        assert_place::<Mta>("MTA", 0x5200, 0x53FC);
        assert_place::<Reta>("RETA", 0x5C00, 0x5C7C);
        assert_place::<Rssrk>("RSSRK", 0x5C80, 0x5CA4);
        assert_place::<Crcerrs>("CRCERRS", 0x4000, 0x4000);
        assert_place::<Gprc>("GPRC", 0x4074, 0x4074);
        assert_place::<Gptc>("GPTC", 0x4080, 0x4080);
        assert_place::<Gorcl>("GORCL", 0x4088, 0x4088);
        assert_place::<Gorch>("GORCH", 0x408C, 0x408C);
        assert_place::<Gotcl>("GOTCL", 0x4090, 0x4090);
        assert_place::<Gotch>("GOTCH", 0x4094, 0x4094);
        assert_place::<Ruc>("RUC", 0x40A4, 0x40A4);
        assert_place::<Rfc>("RFC", 0x40A8, 0x40A8);
        assert_place::<Roc>("ROC", 0x40AC, 0x40AC);
        assert_place::<Rjc>("RJC", 0x40B0, 0x40B0);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Ctrl: with_gio_master_disable(true) = 0x0000_0004,
            with_set_link_up(true) = 0x0000_0040, with_force_speed(true) = 0x0000_0800,
            with_force_duplex(true) = 0x0000_1000, with_reset(true) = 0x0400_0000,
            with_receive_flow_control(true) = 0x0800_0000,
            with_transmit_flow_control(true) = 0x1000_0000,
            with_vlan_mode(true) = 0x4000_0000);
        assert_fields!(Status: with_full_duplex(true) = 0x1, with_link_up(true) = 0x2,
            with_transmit_off(true) = 0x10, with_speed(3) = 0xC0,
            with_gio_master_enable(true) = 0x8_0000);
        assert_fields!(Rxcsum: with_hash_in_descriptor(true) = 0x2000);
    }
}
