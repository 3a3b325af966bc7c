//! Registers of the copper PHY behind MDIC (IEEE 802.3, 22.2.4).
//!
//! Only what starting autonegotiation takes.

use crate::fields;

/// The address of the PHY inside the 82574 and the 82576.
pub const INTERNAL: u8 = 1;

/// PHY register numbers, as MDIC takes them.
pub mod register {
    /// Control: [`super::Control`].
    pub const CONTROL: u8 = 0;
    /// What this end offers.
    pub const ADVERTISEMENT: u8 = 4;
}

fields! {
    /// PHY control register, number 0 (IEEE 802.3, 22.2.4.1).
    Control(u16) {
        #[bits(9)] __: u16,
        /// Starts autonegotiation afresh; clears itself.
        pub restart: bool,
        #[bits(2)] __: u8,
        /// Negotiates speed and duplex.
        pub autonegotiate: bool,
        #[bits(3)] __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn control_restarts_autonegotiation_with_1200() {
        assert_eq!(u16::from(Control::new().with_restart(true)), 0x0200);
        assert_eq!(u16::from(Control::new().with_autonegotiate(true)), 0x1000);
    }
}
