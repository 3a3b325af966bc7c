//! The link: cable, negotiation, and how fast it is.
//!
//! The rule: with a cable in, the link is up some ticks after the last reset, restart of
//! negotiation or plugging.

use lockgate_regs::Register;
use lockgate_regs::ixgbe::*;

use super::Nic;
use super::undriven::{Anlp1, Autoc2};

/// Ticks that negotiation takes.
const NEGOTIATION: u64 = 4;

/// Bits per nanosecond of the link.
pub(super) const SPEED: u64 = 10;

/// What is plugged in, and since when.
#[derive(Debug)]
pub(super) struct Cable {
    plugged: bool,
    since: u64,
    /// The link as of the last look.
    up: bool,
}

impl Cable {
    pub(super) fn new() -> Self {
        Self {
            plugged: true,
            since: 0,
            up: false,
        }
    }

    /// Negotiates again from `now`.
    pub(super) fn restart(&mut self, now: u64) {
        self.since = now;
        self.up = false;
    }

    pub(super) fn plug(&mut self, plugged: bool, now: u64) {
        self.plugged = plugged;
        self.since = now;
    }

    /// Looks; says whether the link changed.
    pub(super) fn notice(&mut self, now: u64) -> bool {
        let up = self.plugged && now >= self.since.saturating_add(NEGOTIATION);
        std::mem::replace(&mut self.up, up) != up
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }
}

impl Nic {
    pub(super) fn link_is_up(&self) -> bool {
        self.cable.is_up() && !self.registers.get::<Autoc2>(()).link_disabled()
    }

    pub(super) fn links(&self) -> Links {
        let up = self.link_is_up();
        Links::new().with_up(up).with_speed(if up { 3 } else { 0 })
    }

    /// Restarts negotiation where asked to; that bit clears itself.
    pub(super) fn write_autoc(&mut self) {
        let autoc = self.registers.get::<Autoc>(());
        if autoc.restart() {
            self.cable.restart(self.now);
            self.registers.put(Anlp1::BASE, Anlp1::LEFT_STATE_0);
        }
        self.registers.set((), autoc.with_restart(false));
    }
}

#[cfg(test)]
mod tests {
    use crate::ixgbe::rig::Rig;

    #[test]
    fn the_link_comes_up_by_itself_and_again_after_a_restart() {
        let rig = Rig::bare();
        let up = |rig: &Rig| rig.get(0x42A4) & (1 << 30) != 0;
        assert!((0..8).any(|_| up(&rig)));
        assert_eq!(rig.get(0x42A4) >> 28 & 3, 3, "10 Gbit/s");
        rig.set(0x42A0, rig.get(0x42A0) | 1 << 12);
        assert!(!up(&rig));
        assert_ne!(rig.get(0x42B0) & 0xF_0000, 0, "negotiation has begun");
        assert!((0..8).any(|_| up(&rig)));
        rig.model.set_link(false);
        assert!(!up(&rig));
    }
}
