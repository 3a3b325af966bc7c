//! Extended device control, interrupts, and who may use the PHY.
//!
//! Source: 82574 datasheet, chapter 10; bits marked so, Intel's Linux driver alone.
//!
//! Not here: interrupt routing; the drivers poll.

use crate::registers;

registers! {
    /// Extended device control.
    Stable CtrlExt("CTRL_EXT", 0x0018) {
        #[bits(22)] __: u32,
        /// LINK_MODE: 1 is what Intel's Linux driver sets on this card.
        #[bits(2)] pub link_mode: u8,
        #[bits(4)] __: u8,
        /// DRV_LOAD: a driver has the card.
        pub driver_loaded: bool,
        #[bits(3)] __: u8,
    }
    /// The type by which a tag is known, bits 15:0.
    Stable Vet("VET", 0x0038);
    /// Interrupt causes; reading clears them.
    ClearsOnRead Icr("ICR", 0x00C0);
    /// Interrupt mask clear: each bit written forbids its interrupt.
    Stable Imc("IMC", 0x00D8);
    /// Extended configuration control.
    Stable Extcnf("EXTCNF_CTRL", 0x0F00) {
        #[bits(5)] __: u8,
        /// MDIO/NVM software ownership; reads back as set once it is granted.
        pub software_owns: bool,
        #[bits(26)] __: u32,
    }
    /// PCIe control 2; bit 0 is set against lost completions (Intel's Linux driver).
    Stable Gcr2("GCR2", 0x5B64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<CtrlExt>("CTRL_EXT", 0x0018, 0x0018);
        assert_place::<Vet>("VET", 0x0038, 0x0038);
        assert_place::<Icr>("ICR", 0x00C0, 0x00C0);
        assert_place::<Imc>("IMC", 0x00D8, 0x00D8);
        assert_place::<Extcnf>("EXTCNF_CTRL", 0x0F00, 0x0F00);
        assert_place::<Gcr2>("GCR2", 0x5B64, 0x5B64);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(CtrlExt: with_link_mode(3) = 0xC0_0000,
            with_driver_loaded(true) = 0x1000_0000);
        assert_fields!(Extcnf: with_software_owns(true) = 0x20);
    }
}
