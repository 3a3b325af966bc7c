//! Link, PHY access and EEPROM.

use lockgate_regs::igb::*;

use super::Nic;
use super::undriven::Eerd;
use crate::chip::Bus;

/// ICR.LSC: the link changed.
const LINK_CHANGED: u32 = 1 << 2;

impl Nic {
    /// Looks at the PHY; says whether the link changed. The MAC follows the PHY
    /// only while CTRL.SLU is set.
    pub(super) fn notice_link(&mut self) -> bool {
        let up = self.registers.get::<Ctrl>(()).set_link_up() && self.phy.is_up(self.now);
        let changed = up != self.link_up;
        if changed {
            self.link_up = up;
            self.raise(LINK_CHANGED);
        }
        changed
    }

    /// Reads an EEPROM word; it is there at once.
    pub(super) fn write_eerd(&mut self, eerd: Eerd) {
        self.registers.set::<Eerd>((), self.nvm.answer(eerd));
    }

    /// Reads or writes a PHY register; it is done at once.
    pub(super) fn write_mdic(&mut self, bus: &mut Bus, mdic: Mdic) {
        let done = self.phy.answer(mdic, self.now);
        self.registers.set::<Mdic>((), done);
        self.settle(bus);
    }
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::Rig;
    use crate::igb::undriven::Eerd;
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    #[test]
    fn the_link_needs_slu_and_negotiation() {
        let rig = Rig::new();
        rig.set(Ctrl::BASE, 0x0400_0000);
        assert_eq!(rig.get(Status::BASE) & 2, 0);
        while rig.get(Ctrl::BASE) & 0x0400_0000 != 0 {}
        rig.set(Mdic::BASE, 0x0420_1200);
        (0..20).for_each(|_| assert_eq!(rig.get(Status::BASE) & 2, 0));
        rig.set(Ctrl::BASE, 0x40);
        assert_eq!(rig.get(Status::BASE) & 0xC3, 0x83);
        assert_eq!(rig.get(Icr::BASE) & 4, 4);
        assert_eq!(rig.get(Icr::BASE) & 4, 0);
    }

    #[test]
    fn pulling_the_cable_takes_the_link_down_at_once() {
        let rig = Rig::new();
        rig.model.set_link(false);
        assert_eq!(rig.get(Status::BASE) & 2, 0);
        rig.model.set_link(true);
        let up = (0..10).any(|_| rig.get(Status::BASE) & 2 != 0);
        assert!(up);
    }

    #[test]
    fn mdic_reads_the_phy_and_reports_one_that_is_not_there() {
        let rig = Rig::new();
        rig.set(Mdic::BASE, 0x0821_0000);
        assert_eq!(rig.get(Mdic::BASE), 0x1821_002C);
        rig.set(Mdic::BASE, 0x0841_0000);
        assert_eq!(rig.get(Mdic::BASE), 0x5841_0000);
    }

    #[test]
    fn eerd_reads_a_word_of_the_address() {
        let rig = Rig::new();
        rig.set(Eerd::BASE, (2 << 2) | 1);
        assert_eq!(rig.get(Eerd::BASE), 0x7682_000A);
    }
}
