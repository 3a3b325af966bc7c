//! Reads and writes of the BAR: what they return and what they set off; the link.

use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, Register};

use super::map::{Ics, Ims};
use super::{Layout, Nic};
use crate::chip::Bus;
use crate::counters::clear_low_half;
use crate::fault::Misuse;
use crate::nvm::Eerd;
use crate::registers::Access;
use crate::ring::Ring;

/// Ticks from a reset until the EEPROM has been read.
pub(super) const AUTO_READ: u64 = 2;

/// ICR.LSC: the link changed.
const LINK_CHANGED: u32 = 1 << 2;

impl Nic {
    pub(super) fn read_register(&mut self, offset: u32) -> u32 {
        if !self.registers.contains(offset) {
            return u32::MAX;
        }
        let value = match offset {
            Ctrl::BASE => self.read_ctrl(),
            Status::BASE => self.status().into(),
            Eecd::BASE => self.read_eecd(),
            Imc::BASE => self.registers.word(Ims::BASE),
            _ => self.registers.word(offset),
        };
        if self.registers.access(offset) == Access::Clears {
            self.registers.put(offset, 0);
            if offset == Icr::BASE {
                self.icr_was_read();
            }
            clear_low_half(&mut self.registers, offset);
        }
        value
    }

    pub(super) fn write_register(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        if !self.registers.contains(offset) {
            return;
        }
        if self.resetting {
            self.misuse.push(Misuse::WriteDuringReset(offset));
            return;
        }
        match self.registers.access(offset) {
            Access::Absent => self.misuse.push(Misuse::UnknownRegister(offset)),
            // Interrupt causes clear by writing ones too; counters ignore writes.
            Access::Clears if offset == Icr::BASE => {
                self.registers
                    .put(offset, self.registers.word(offset) & !value);
            }
            Access::Clears => {}
            Access::Stored { mask } => {
                let kept = self.registers.word(offset) & !mask;
                self.registers.put(offset, kept | (value & mask));
                self.written(bus, offset, value);
            }
        }
    }

    fn written(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        match offset {
            Ctrl::BASE => self.write_ctrl(bus, Ctrl::from(value)),
            Eerd::BASE => self.write_eerd(Eerd::from(value)),
            Mdic::BASE => self.write_mdic(bus, Mdic::from(value)),
            Ics::BASE | Ims::BASE | Imc::BASE => self.written_interrupts(offset, value),
            Rctl::BASE => self.latch(),
            Tctl::BASE | Tarc::BASE => self.resume(bus),
            _ => self.written_tail(bus, offset),
        }
    }

    fn written_tail(&mut self, bus: &mut Bus, offset: u32) {
        for queue in RxQueue::all().filter(|&queue| Rdt::offset(queue) == offset) {
            if !Ring::announced(&self.registers, Rdbal::offset(queue)).tail_fits() {
                self.misuse.push(Misuse::ReceiveTail(queue.number() as u8));
            }
            self.drain(bus);
        }
        for queue in TxQueue::all() {
            if Tdt::offset(queue) == offset {
                if !Ring::announced(&self.registers, Tdbal::offset(queue)).tail_fits() {
                    self.misuse.push(Misuse::TransmitTail(queue.number() as u8));
                }
                self.transmit(bus, queue);
            } else if Tarc::offset(queue) == offset {
                self.transmit(bus, queue);
            }
        }
    }

    /// RCTL.EN latches how frames are laid out; the model knows one way.
    fn latch(&mut self) {
        let rctl = self.registers.get::<Rctl>(());
        if !rctl.enable() {
            self.held.clear();
            return;
        }
        let extended = self.registers.get::<Rfctl>(()).extended_status();
        if !extended || u32::from(rctl) >> 10 & 3 != 0 {
            self.misuse.push(Misuse::DescriptorType(0));
        }
        let scale = if rctl.large_buffers() && rctl.buffer_size() > 0 {
            16
        } else {
            1
        };
        self.layout = Layout {
            extended,
            buffer: (2048 >> rctl.buffer_size()) * scale,
        };
    }

    fn read_ctrl(&mut self) -> u32 {
        let ctrl = self.registers.get::<Ctrl>(());
        ctrl.with_reset(std::mem::take(&mut self.resetting)).into()
    }

    fn write_ctrl(&mut self, bus: &mut Bus, ctrl: Ctrl) {
        if ctrl.reset() {
            self.software_reset();
            return;
        }
        self.master.ask(!ctrl.gio_master_disable(), self.now);
        self.settle(bus);
    }

    fn status(&self) -> Status {
        Status::new()
            .with_full_duplex(self.link_up)
            .with_link_up(self.link_up)
            .with_speed(if self.link_up { 2 } else { 0 })
            .with_gio_master_enable(self.master.is_on())
    }

    /// Whoever sees that the EEPROM was read knows that the reset is over.
    fn read_eecd(&mut self) -> u32 {
        let eecd = self.registers.get::<Eecd>(());
        let read = self.now >= self.reset_at.saturating_add(AUTO_READ);
        self.resetting &= !read;
        eecd.with_present(true)
            .with_auto_read_done(read)
            .with_grant(eecd.request())
            .into()
    }

    /// Reads an EEPROM word; it is there at once.
    fn write_eerd(&mut self, eerd: Eerd) {
        self.registers.set::<Eerd>((), self.nvm.answer(eerd));
    }

    /// Reads or writes a PHY register; it is done at once. Whoever does so without
    /// owning the PHY may meet firmware there.
    fn write_mdic(&mut self, bus: &mut Bus, mdic: Mdic) {
        if !self.registers.get::<Extcnf>(()).software_owns() {
            self.misuse.push(Misuse::PhyNotOwned);
        }
        let done = self.phy.answer(mdic, self.now);
        self.registers.set::<Mdic>((), done);
        self.settle(bus);
    }

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
}
