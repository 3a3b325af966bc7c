//! Extended device control, interrupt masks and packet buffer sizes.
//!
//! Source: 82576 datasheet, chapter 8.
//!
//! Not here: interrupt routing; the drivers poll.

use bitfield_struct::bitfield;

use crate::register::{register, words};

/// Extended device control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CtrlExt {
    #[bits(13)]
    __: u16,
    /// EE_RST: reads the EEPROM again.
    pub eeprom_reset: bool,
    /// PFRSTD: tells virtual functions that the reset is over.
    pub pf_reset_done: bool,
    #[bits(2)]
    __: u8,
    /// RO_DIS: no relaxed ordering.
    pub no_relaxed_ordering: bool,
    #[bits(4)]
    __: u8,
    /// LINK_MODE: 0 copper, 2 SGMII, 3 SerDes.
    #[bits(2)]
    pub link_mode: u8,
    #[bits(4)]
    __: u8,
    /// DRV_LOAD: a driver has the card.
    pub driver_loaded: bool,
    #[bits(3)]
    __: u8,
}
register!(CtrlExt, "CTRL_EXT", 0x0018);

words! {
    /// Interrupt causes; reading clears them.
    clears: Icr, "ICR", (0x1500);
    /// Interrupt mask clear: each bit written forbids its interrupt.
    : Imc, "IMC", (0x150C);
    /// Extended interrupt mask clear.
    : Eimc, "EIMC", (0x1528);
    /// Extended interrupt causes; reading clears them.
    clears: Eicr, "EICR", (0x1580);
    /// Receive packet buffer in KiB, bits 6:0.
    : Rxpbs, "RXPBS", (0x2404);
    /// Transmit packet buffer in KiB, bits 5:0.
    : Txpbs, "TXPBS", (0x3404);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<CtrlExt>("CTRL_EXT", 0x0018, 0x0018);
        assert_place::<Icr>("ICR", 0x1500, 0x1500);
        assert_place::<Imc>("IMC", 0x150C, 0x150C);
        assert_place::<Eimc>("EIMC", 0x1528, 0x1528);
        assert_place::<Eicr>("EICR", 0x1580, 0x1580);
        assert_place::<Rxpbs>("RXPBS", 0x2404, 0x2404);
        assert_place::<Txpbs>("TXPBS", 0x3404, 0x3404);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(CtrlExt: with_eeprom_reset(true) = 0x2000, with_pf_reset_done(true) = 0x4000,
            with_no_relaxed_ordering(true) = 0x2_0000, with_link_mode(3) = 0xC0_0000,
            with_driver_loaded(true) = 0x1000_0000);
    }
}
