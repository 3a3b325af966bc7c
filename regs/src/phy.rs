//! Registers of the copper PHY behind MDIC (IEEE 802.3, 22.2.4).
//!
//! Only what starting and watching autonegotiation takes.

use bitfield_struct::bitfield;

/// The address of the PHY inside the 82574 and the 82576.
pub const INTERNAL: u8 = 1;

/// PHY register numbers, as MDIC takes them.
pub mod register {
    /// Control: [`super::Control`].
    pub const CONTROL: u8 = 0;
    /// Status: [`super::Status`].
    pub const STATUS: u8 = 1;
    /// Upper half of the identifier.
    pub const ID_HIGH: u8 = 2;
    /// Lower half of the identifier.
    pub const ID_LOW: u8 = 3;
    /// What this end offers.
    pub const ADVERTISEMENT: u8 = 4;
    /// What the other end offers.
    pub const PARTNER: u8 = 5;
}

/// PHY control register, number 0 (IEEE 802.3, 22.2.4.1).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Control {
    #[bits(6)]
    __: u8,
    /// Speed without autonegotiation, upper bit.
    pub speed_high: bool,
    __: bool,
    /// Full duplex without autonegotiation.
    pub full_duplex: bool,
    /// Starts autonegotiation afresh; clears itself.
    pub restart: bool,
    __: bool,
    /// Powers the PHY down.
    pub power_down: bool,
    /// Negotiates speed and duplex.
    pub autonegotiate: bool,
    /// Speed without autonegotiation, lower bit.
    pub speed_low: bool,
    /// Sends everything back.
    pub loopback: bool,
    /// Resets the PHY; clears itself.
    pub reset: bool,
}

/// PHY status register, number 1 (IEEE 802.3, 22.2.4.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Status {
    #[bits(2)]
    __: u8,
    /// The link is up, and was since the last read.
    pub link: bool,
    /// The PHY can negotiate.
    pub can_negotiate: bool,
    __: bool,
    /// Autonegotiation is over.
    pub negotiated: bool,
    #[bits(10)]
    __: u16,
}

#[cfg(test)]
mod tests {
    use super::{Control, Status};

    #[test]
    fn control_restarts_autonegotiation_with_1200() {
        let control = Control::new().with_autonegotiate(true).with_restart(true);
        assert_eq!(u16::from(control), 0x1200);
        assert_eq!(u16::from(Control::new().with_reset(true)), 0x8000);
        assert_eq!(u16::from(Control::new().with_loopback(true)), 0x4000);
        assert_eq!(u16::from(Control::new().with_speed_low(true)), 0x2000);
        assert_eq!(u16::from(Control::new().with_power_down(true)), 0x0800);
        assert_eq!(u16::from(Control::new().with_full_duplex(true)), 0x0100);
        assert_eq!(u16::from(Control::new().with_speed_high(true)), 0x0040);
    }

    #[test]
    fn status_has_link_in_bit_2_and_the_end_of_negotiation_in_bit_5() {
        assert_eq!(u16::from(Status::new().with_link(true)), 0x0004);
        assert_eq!(u16::from(Status::new().with_can_negotiate(true)), 0x0008);
        assert_eq!(u16::from(Status::new().with_negotiated(true)), 0x0020);
    }
}
