//! Extended device control and interrupt masks.
//!
//! Source: 82576 datasheet, chapter 8.
//!
//! Not here: interrupt routing; the drivers poll.

use crate::registers;

registers! {
    /// Extended device control.
    Stable CtrlExt("CTRL_EXT", 0x0018) {
        #[bits(22)] __: u32,
        /// LINK_MODE: 0 copper, 2 SGMII, 3 SerDes.
        #[bits(2)] pub link_mode: u8,
        #[bits(4)] __: u8,
        /// DRV_LOAD: a driver has the card.
        pub driver_loaded: bool,
        #[bits(3)] __: u8,
    }
    /// Interrupt causes; reading clears them.
    ClearsOnRead Icr("ICR", 0x1500);
    /// Interrupt mask clear: each bit written forbids its interrupt.
    Stable Imc("IMC", 0x150C);
    /// Extended interrupt mask clear.
    Stable Eimc("EIMC", 0x1528);
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
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(CtrlExt: with_link_mode(3) = 0xC0_0000,
            with_driver_loaded(true) = 0x1000_0000);
    }
}
