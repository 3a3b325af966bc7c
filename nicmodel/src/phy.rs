//! The copper PHY behind MDIC, and the cable in it.
//!
//! Autonegotiation starts when software restarts it (as on QEMU's card: the link
//! never comes up by itself) and takes a few ticks, if a cable is in. Speed is
//! always 1000 Mbit/s, full duplex.
//!
//! Not here: who may use MDIC and what the MAC does with the link (each card).

use lockgate_regs::fields;
use lockgate_regs::gigabit::phy::INTERNAL;
use lockgate_regs::gigabit::{Mdic, mdic_op};

/// PHY register numbers (IEEE 802.3, 22.2.4).
mod register {
    pub(super) const CONTROL: u8 = 0;
    pub(super) const STATUS: u8 = 1;
    pub(super) const ID_HIGH: u8 = 2;
    pub(super) const ID_LOW: u8 = 3;
    pub(super) const ADVERTISEMENT: u8 = 4;
    pub(super) const PARTNER: u8 = 5;
    pub(super) const GIGABIT_CONTROL: u8 = 9;
    pub(super) const GIGABIT_STATUS: u8 = 10;
}

/// 1000BASE-T control: advertises full and half duplex (IEEE 802.3, 40.5.1.1).
const ADVERTISED: u16 = 0x0300;

/// 1000BASE-T status of a link: both receivers are well, the partner can do full and half
/// duplex (IEEE 802.3, 40.5.1.1).
const GIGABIT_UP: u16 = 0x3C00;

fields! {
    /// PHY control register, number 0 (IEEE 802.3, 22.2.4.1).
    Control(u16) {
        #[bits(6)] __: u8,
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
        #[bits(2)] __: u8,
        /// Resets the PHY; clears itself.
        pub reset: bool,
    }
}

fields! {
    /// PHY status register, number 1 (IEEE 802.3, 22.2.4.2).
    Status(u16) {
        #[bits(2)] __: u8,
        /// The link is up, and was since the last read.
        pub link: bool,
        /// The PHY can negotiate.
        pub can_negotiate: bool,
        __: bool,
        /// Autonegotiation is over.
        pub negotiated: bool,
        #[bits(10)] __: u16,
    }
}

/// Ticks that negotiation takes.
const NEGOTIATION: u64 = 3;

/// What the identifier registers say: which PHY it is, by which drivers know what else
/// its registers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u16, u16);

impl Id {
    /// The PHY in an 82576.
    pub(crate) const I82576: Self = Self(0x02A8, 0x0391);
    /// The PHY in an 82574.
    pub(crate) const I82574: Self = Self(0x0141, 0x0CB1);
}

/// One PHY.
#[derive(Debug)]
pub(crate) struct Phy {
    id: Id,
    words: [u16; 32],
    cable: bool,
    /// The tick from which on the link is up.
    up_from: Option<u64>,
}

impl Phy {
    /// A PHY after reset, with a cable in it or not.
    pub(crate) fn new(id: Id, cable: bool) -> Self {
        let mut words = [0; 32];
        let control = Control::new()
            .with_autonegotiate(true)
            .with_full_duplex(true)
            .with_speed_high(true);
        words[usize::from(register::CONTROL)] = control.into();
        words[usize::from(register::ID_HIGH)] = id.0;
        words[usize::from(register::ID_LOW)] = id.1;
        words[usize::from(register::ADVERTISEMENT)] = 0x01E1;
        words[usize::from(register::PARTNER)] = 0x41E1;
        words[usize::from(register::GIGABIT_CONTROL)] = ADVERTISED;
        Self {
            id,
            words,
            cable,
            up_from: None,
        }
    }

    /// Resets it; the cable stays as it is.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.id, self.cable);
    }

    /// Plugs the cable in or pulls it out.
    pub(crate) fn set_cable(&mut self, cable: bool, now: u64) {
        if cable && !self.cable && self.control().autonegotiate() && self.up_from.is_some() {
            self.up_from = Some(now.saturating_add(NEGOTIATION));
        }
        self.cable = cable;
    }

    /// Whether the link is up at tick `now`.
    pub(crate) fn is_up(&self, now: u64) -> bool {
        self.cable && !self.control().power_down() && self.up_from.is_some_and(|from| now >= from)
    }

    /// What MDIC holds once the access that `mdic` asks for is done, which is at once.
    pub(crate) fn answer(&mut self, mdic: Mdic, now: u64) -> Mdic {
        let (phy, number) = (mdic.phy(), mdic.register());
        let answer = match mdic.op() {
            mdic_op::READ => self.read(phy, number, now),
            mdic_op::WRITE => {
                let answers = self.write(phy, number, mdic.data(), now);
                answers.then_some(mdic.data())
            }
            _ => None,
        };
        let done = mdic.with_ready(true).with_error(answer.is_none());
        done.with_data(answer.unwrap_or(0))
    }

    /// Register `number` of the PHY at `address`, if one answers there.
    fn read(&self, address: u8, number: u8, now: u64) -> Option<u16> {
        if address != INTERNAL {
            return None;
        }
        if number == register::STATUS {
            let status = Status::new()
                .with_can_negotiate(true)
                .with_negotiated(self.is_up(now))
                .with_link(self.is_up(now));
            return Some(status.into());
        }
        if number == register::GIGABIT_STATUS {
            return Some(if self.is_up(now) { GIGABIT_UP } else { 0 });
        }
        self.words.get(usize::from(number)).copied()
    }

    /// Writes a register; says whether a PHY answered.
    fn write(&mut self, address: u8, number: u8, value: u16, now: u64) -> bool {
        if address != INTERNAL {
            return false;
        }
        match number {
            register::CONTROL => self.set_control(Control::from(value), now),
            register::STATUS
            | register::ID_HIGH
            | register::ID_LOW
            | register::PARTNER
            | register::GIGABIT_STATUS => {}
            _ => {
                if let Some(word) = self.words.get_mut(usize::from(number)) {
                    *word = value;
                }
            }
        }
        true
    }

    fn control(&self) -> Control {
        Control::from(self.words[usize::from(register::CONTROL)])
    }

    fn set_control(&mut self, control: Control, now: u64) {
        if control.reset() {
            self.reset();
            return;
        }
        if control.restart() && control.autonegotiate() {
            self.up_from = Some(now.saturating_add(NEGOTIATION));
        }
        self.words[usize::from(register::CONTROL)] = control.with_restart(false).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_comes_up_a_while_after_negotiation_is_restarted() {
        let mut phy = Phy::new(Id::I82576, true);
        assert!(!phy.is_up(1000));
        assert!(phy.write(1, 0, 0x1200, 10));
        assert!(!phy.is_up(12));
        assert!(phy.is_up(13));
        assert_eq!(phy.read(1, 1, 13), Some(0x002C));
        assert_eq!(phy.read(1, 0, 13), Some(0x1000));
        assert_eq!(
            [phy.read(1, 10, 12), phy.read(1, 10, 13)],
            [Some(0), Some(0x3C00)]
        );
    }

    #[test]
    fn without_a_cable_there_is_no_link_and_a_new_cable_negotiates_by_itself() {
        let mut phy = Phy::new(Id::I82576, false);
        phy.write(1, 0, 0x1200, 0);
        assert!(!phy.is_up(100));
        phy.set_cable(true, 100);
        assert!(!phy.is_up(102));
        assert!(phy.is_up(103));
    }

    #[test]
    fn only_address_1_answers() {
        let mut phy = Phy::new(Id::I82576, true);
        assert_eq!(phy.read(2, 0, 0), None);
        assert!(!phy.write(0, 0, 0x1200, 0));
        assert!(phy.read(1, 31, 0).is_some());
    }

    #[test]
    fn fields_fill_their_bits() {
        let control = Control::new().with_autonegotiate(true).with_restart(true);
        assert_eq!(u16::from(control), 0x1200);
        assert_eq!(u16::from(Control::new().with_reset(true)), 0x8000);
        assert_eq!(u16::from(Control::new().with_power_down(true)), 0x0800);
        assert_eq!(u16::from(Control::new().with_full_duplex(true)), 0x0100);
        assert_eq!(u16::from(Control::new().with_speed_high(true)), 0x0040);
        assert_eq!(u16::from(Status::new().with_link(true)), 0x0004);
        assert_eq!(u16::from(Status::new().with_can_negotiate(true)), 0x0008);
        assert_eq!(u16::from(Status::new().with_negotiated(true)), 0x0020);
    }
}
