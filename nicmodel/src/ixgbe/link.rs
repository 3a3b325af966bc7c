//! The link: cable, negotiation, and how fast it is.
//!
//! The rule: with a cable in, the link is up some ticks after the last reset, restart of
//! negotiation or plugging.

use lockgate_regs::Register;
use lockgate_regs::ixgbe::*;

use super::I82599;
use super::extra_registers::{Anlp1, Autoc2};
use crate::registers::Registers;

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

impl I82599 {
    pub(super) fn has_link(&self, registers: &Registers) -> bool {
        self.cable.is_up() && !registers.get::<Autoc2>(()).link_disabled()
    }

    pub(super) fn links(&self, registers: &Registers) -> Links {
        let up = self.has_link(registers);
        Links::new().with_up(up).with_speed(if up { 3 } else { 0 })
    }

    /// Restarts negotiation where asked to; that bit clears itself.
    pub(super) fn write_autoc(&mut self, registers: &mut Registers, now: u64) {
        let autoc = registers.get::<Autoc>(());
        if autoc.restart() {
            self.cable.restart(now);
            registers.put(Anlp1::BASE, Anlp1::LEFT_STATE_0);
        }
        registers.set((), autoc.with_restart(false));
    }
}
