//! EEPROM, PHY access and flow control, and the two global switches RCTL and TCTL.
//!
//! Source: 82576 datasheet, chapter 8.

use crate::registers;

registers! {
    /// EEPROM control.
    Stable Eecd("EECD", 0x0010) {
        #[bits(6)] __: u8,
        /// REQ: asks for the EEPROM.
        pub request: bool,
        /// GNT: software has the EEPROM.
        pub grant: bool,
        /// PRES: there is an EEPROM.
        pub present: bool,
        /// AUTO_RD: the card has read its configuration.
        pub auto_read_done: bool,
        #[bits(22)] __: u32,
    }
    /// PHY access.
    Stable Mdic("MDIC", 0x0020) {
        /// The word written or read.
        pub data: u16,
        /// Which PHY register.
        #[bits(5)] pub register: u8,
        /// Which PHY.
        #[bits(5)] pub phy: u8,
        /// [`mdic_op::WRITE`] or [`mdic_op::READ`].
        #[bits(2)] pub op: u8,
        /// The card is done.
        pub ready: bool,
        __: bool,
        /// Nobody answered.
        pub error: bool,
        __: bool,
    }
    /// Receive control.
    Stable Rctl("RCTL", 0x0100) {
        __: bool,
        /// EN: receives.
        pub enable: bool,
        /// SBP: stores bad frames.
        pub store_bad: bool,
        /// UPE: takes every unicast frame.
        pub unicast_promiscuous: bool,
        /// MPE: takes every multicast frame.
        pub multicast_promiscuous: bool,
        /// LPE: takes frames over 1522 bytes, up to RLPML where there is one.
        pub long_packets: bool,
        #[bits(6)] __: u8,
        /// MO: which 12 bits of the address index MTA; 0 is bits 47:36.
        #[bits(2)] pub multicast_offset: u8,
        __: bool,
        /// BAM: takes broadcast frames.
        pub broadcast: bool,
        /// BSIZE: buffer size where a queue gives none: 2048, 1024, 512, 256.
        #[bits(2)] pub buffer_size: u8,
        /// VFE: filters by VFTA.
        pub vlan_filter: bool,
        #[bits(3)] __: u8,
        /// DPF: drops pause frames that are not for this station (82574, 82576).
        pub discard_pause: bool,
        /// PMCF: passes MAC control frames up.
        pub pass_mac_control: bool,
        __: bool,
        /// BSEX: a `buffer_size` of 1 to 3 is 16 times as large (82574).
        pub large_buffers: bool,
        /// SECRC: takes the frame check sequence off.
        pub strip_crc: bool,
        #[bits(5)] __: u8,
    }
    /// Transmit control.
    Stable Tctl("TCTL", 0x0400) {
        __: bool,
        /// EN: transmits.
        pub enable: bool,
        __: bool,
        /// PSP: pads short frames to 64 bytes with the check sequence.
        pub pad_short: bool,
        /// CT: retries after a collision.
        pub collision_threshold: u8,
        #[bits(12)] __: u16,
        /// RTLC: sends again after a late collision.
        pub retransmit_late: bool,
        #[bits(7)] __: u8,
    }
    /// Flow control receive threshold low.
    Stable Fcrtl("FCRTL", 0x2160) {
        #[bits(4)] __: u8,
        /// RTL: below this many 16-byte units an XON frame is sent.
        #[bits(13)] pub threshold: u16,
        #[bits(14)] __: u16,
        /// XONE: sends XON frames.
        pub xon_enable: bool,
    }
    /// Flow control receive threshold high.
    Stable Fcrth("FCRTH", 0x2168) {
        #[bits(4)] __: u8,
        /// RTH: above this many 16-byte units an XOFF frame is sent; 0 for never.
        #[bits(13)] pub threshold: u16,
        #[bits(15)] __: u16,
    }
    /// PCIe control.
    Stable Gcr("GCR", 0x5B00) {
        #[bits(12)] __: u16,
        /// Completion timeout; 0 is the default of the PCIe capability.
        #[bits(4)] pub completion_timeout: u8,
        /// Sends a request again when its completion timed out.
        pub completion_resend: bool,
        __: bool,
        /// The PCIe capability is version 2 and holds the timeout.
        pub capability_v2: bool,
        #[bits(3)] __: u8,
        /// Set against lost completions (82574, as Intel's own drivers do).
        pub completion_fix: bool,
        #[bits(9)] __: u16,
    }
}

/// What MDIC does with the PHY register.
pub mod mdic_op {
    /// Writes it.
    pub const WRITE: u8 = 1;
    /// Reads it.
    pub const READ: u8 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Eecd>("EECD", 0x0010, 0x0010);
        assert_place::<Mdic>("MDIC", 0x0020, 0x0020);
        assert_place::<Rctl>("RCTL", 0x0100, 0x0100);
        assert_place::<Tctl>("TCTL", 0x0400, 0x0400);
        assert_place::<Fcrtl>("FCRTL", 0x2160, 0x2160);
        assert_place::<Fcrth>("FCRTH", 0x2168, 0x2168);
        assert_place::<Gcr>("GCR", 0x5B00, 0x5B00);
    }

    #[test]
    fn device_fields_fill_their_bits() {
        assert_fields!(Gcr: with_completion_timeout(0xF) = 0xF000,
            with_completion_resend(true) = 0x1_0000, with_capability_v2(true) = 0x4_0000,
            with_completion_fix(true) = 0x40_0000);
    }

    #[test]
    fn eeprom_and_phy_fields_fill_their_bits() {
        assert_fields!(Eecd: with_request(true) = 0x40, with_grant(true) = 0x80,
            with_present(true) = 0x100, with_auto_read_done(true) = 0x200);
        assert_fields!(Mdic: with_data(0xFFFF) = 0xFFFF, with_register(31) = 0x001F_0000,
            with_phy(31) = 0x03E0_0000, with_op(3) = 0x0C00_0000,
            with_ready(true) = 0x1000_0000, with_error(true) = 0x4000_0000);
    }

    #[test]
    fn flow_control_fields_fill_their_bits() {
        assert_fields!(Fcrtl: with_threshold(0x1FFF) = 0x1_FFF0,
            with_xon_enable(true) = 0x8000_0000);
        assert_fields!(Fcrth: with_threshold(0x1FFF) = 0x1_FFF0);
    }

    #[test]
    fn receive_and_transmit_switches_fill_their_bits() {
        assert_fields!(Rctl: with_enable(true) = 0x2, with_store_bad(true) = 0x4,
            with_unicast_promiscuous(true) = 0x8, with_multicast_promiscuous(true) = 0x10,
            with_long_packets(true) = 0x20, with_multicast_offset(3) = 0x3000,
            with_broadcast(true) = 0x8000, with_buffer_size(3) = 0x3_0000,
            with_vlan_filter(true) = 0x4_0000, with_discard_pause(true) = 0x40_0000,
            with_pass_mac_control(true) = 0x80_0000, with_large_buffers(true) = 0x200_0000,
            with_strip_crc(true) = 0x400_0000);
        assert_fields!(Tctl: with_enable(true) = 0x2, with_pad_short(true) = 0x8,
            with_collision_threshold(0xFF) = 0xFF0, with_retransmit_late(true) = 0x100_0000);
    }
}
