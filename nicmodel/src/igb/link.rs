//! Link, PHY access and EEPROM.

use lockgate_regs::igb::*;

use super::Nic;
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
        if eerd.start() {
            let word = self.nvm.word(eerd.address());
            let done = eerd.with_start(false).with_done(true).with_data(word);
            self.registers.set::<Eerd>((), done);
        }
    }

    /// Reads or writes a PHY register; it is done at once.
    pub(super) fn write_mdic(&mut self, bus: &mut Bus, mdic: Mdic) {
        let (phy, number) = (mdic.phy(), mdic.register());
        let answer = match mdic.op() {
            mdic_op::READ => self.phy.read(phy, number, self.now),
            mdic_op::WRITE => {
                let answers = self.phy.write(phy, number, mdic.data(), self.now);
                answers.then_some(mdic.data())
            }
            _ => None,
        };
        let done = mdic.with_ready(true).with_error(answer.is_none());
        self.registers
            .set::<Mdic>((), done.with_data(answer.unwrap_or(0)));
        self.settle(bus);
    }
}
