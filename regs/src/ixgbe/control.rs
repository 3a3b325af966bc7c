//! Device, link, MAC and PCIe control, interrupt masks.
//!
//! Source: 82599 datasheet, chapter 8.

use crate::registers;

registers! {
    /// Extended device control.
    Stable CtrlExt("CTRL_EXT", 0x0018) {
        #[bits(16)] __: u16,
        /// NS_DIS: no access asks for no snooping.
        pub no_snoop_disable: bool,
        /// RO_DIS: no access is relaxed in its order.
        pub relaxed_order_disable: bool,
        #[bits(10)] __: u16,
        /// DRV_LOAD: a driver has the card.
        pub driver_loaded: bool,
        #[bits(3)] __: u8,
    }
    /// EEPROM control.
    Stable Eec("EEC", 0x1_0010) {
        #[bits(9)] __: u16,
        /// Auto_RD: the card has read its configuration.
        pub auto_read_done: bool,
        #[bits(22)] __: u32,
    }
    /// Autonegotiation control.
    Stable Autoc("AUTOC", 0x42A0) {
        #[bits(12)] __: u16,
        /// Restart_AN: negotiates again; clears itself.
        pub restart: bool,
        #[bits(19)] __: u32,
    }
    /// Link status.
    Stable Links("LINKS", 0x42A4) {
        #[bits(28)] __: u32,
        /// LINK_SPEED: 3 is 10 Gbit/s, 2 is 1 Gbit/s, 1 is 100 Mbit/s.
        #[bits(2)] pub speed: u8,
        /// Link_Up.
        pub up: bool,
        __: bool,
    }
    /// MAC control.
    Stable Hlreg0("HLREG0", 0x4240) {
        /// TXCRCEN: appends check sequences.
        pub insert_crc: bool,
        /// RXCRCSTRP: takes check sequences off; as [`Rdrxctl::strip_crc`].
        pub strip_crc: bool,
        /// JUMBOEN: takes frames up to [`Maxfrs`].
        pub jumbo: bool,
        #[bits(7)] __: u8,
        /// TXPADEN: pads short frames.
        pub pad_short: bool,
        #[bits(21)] __: u32,
    }
    /// Longest frame.
    Stable Maxfrs("MAXFRS", 0x4268) {
        __: u16,
        /// MFS: bytes of the longest frame, check sequence included, tag not.
        pub bytes: u16,
    }
    /// MAC flow control.
    Stable Mflcn("MFLCN", 0x4294) {
        /// PMCF: passes MAC control frames up.
        pub pass_mac_control: bool,
        /// DPF: discards pause frames.
        pub discard_pause: bool,
        __: bool,
        /// RFCE: obeys pause frames.
        pub obey_pause: bool,
        #[bits(28)] __: u32,
    }
    /// Interrupt causes; reading clears them.
    ClearsOnRead Eicr("EICR", 0x0800);
    /// Interrupt mask clear: each bit written forbids its interrupt.
    Stable Eimc("EIMC", 0x0888);
    /// General purpose interrupt enable; bits 15:14 as 1:0 of [`GcrExt`].
    Stable Gpie("GPIE", 0x0898);
    /// PCIe control extended; VT_Mode in bits 1:0: 0 no pools, 1 16, 2 32, 3 64 pools.
    Stable GcrExt("GCR_EXT", 0x1_1050);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<CtrlExt>("CTRL_EXT", 0x0018, 0x0018);
        assert_place::<Eec>("EEC", 0x1_0010, 0x1_0010);
        assert_place::<Autoc>("AUTOC", 0x42A0, 0x42A0);
        assert_place::<Links>("LINKS", 0x42A4, 0x42A4);
        assert_place::<Hlreg0>("HLREG0", 0x4240, 0x4240);
        assert_place::<Maxfrs>("MAXFRS", 0x4268, 0x4268);
        assert_place::<Mflcn>("MFLCN", 0x4294, 0x4294);
        assert_place::<Eicr>("EICR", 0x0800, 0x0800);
        assert_place::<Eimc>("EIMC", 0x0888, 0x0888);
        assert_place::<Gpie>("GPIE", 0x0898, 0x0898);
        assert_place::<GcrExt>("GCR_EXT", 0x1_1050, 0x1_1050);
    }

    #[test]
    fn device_and_link_fields_fill_their_bits() {
        assert_fields!(CtrlExt: with_no_snoop_disable(true) = 0x1_0000,
            with_relaxed_order_disable(true) = 0x2_0000, with_driver_loaded(true) = 0x1000_0000);
        assert_fields!(Eec: with_auto_read_done(true) = 0x200);
        assert_fields!(Autoc: with_restart(true) = 0x1000);
        assert_fields!(Links: with_speed(3) = 0x3000_0000, with_up(true) = 0x4000_0000);
    }

    #[test]
    fn mac_fields_fill_their_bits() {
        assert_fields!(Hlreg0: with_insert_crc(true) = 0x1, with_strip_crc(true) = 0x2,
            with_jumbo(true) = 0x4, with_pad_short(true) = 0x400);
        assert_fields!(Maxfrs: with_bytes(0xFFFF) = 0xFFFF_0000);
        assert_fields!(Mflcn: with_pass_mac_control(true) = 0x1, with_discard_pause(true) = 0x2,
            with_obey_pause(true) = 0x8);
    }
}
