//! Reads and writes of the BAR: what they return and what they set off.
//!
//! The map says which bits a driver can write; here is what a register does
//! besides holding them.

use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::undriven::{Eerd, Eiam, Eicr, Eims, Ics, Ims, Swsm, Torh, Toth};
use super::{AUTO_READ, Nic};
use crate::buffer::Buffered;
use crate::chip::Bus;
use crate::fault::Misuse;
use crate::registers::Access;

impl Nic {
    pub(super) fn read_register(&mut self, offset: u32) -> u32 {
        let offset = canonical(offset);
        if !self.registers.contains(offset) {
            return u32::MAX;
        }
        let value = match offset {
            Ctrl::BASE => self.read_ctrl(),
            Status::BASE => self.status().into(),
            Eecd::BASE => self.read_eecd(),
            Swsm::BASE => self.read_swsm(),
            Rttbcnrc::BASE => self.rates[self.selected_rate()],
            Imc::BASE => self.registers.get::<Ims>(()).get(),
            Eimc::BASE => self.registers.get::<Eims>(()).get(),
            _ => self.read_queue(offset),
        };
        if self.registers.access(offset) == Access::Clears {
            self.registers.put(offset, 0);
            if offset == Icr::BASE {
                self.icr_was_read();
            }
            if matches!(offset, Gorch::BASE | Gotch::BASE | Torh::BASE | Toth::BASE) {
                self.registers.put(offset - 4, 0);
            }
        }
        value
    }

    pub(super) fn write_register(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        let offset = canonical(offset);
        if !self.registers.contains(offset) {
            return;
        }
        if self.resetting {
            self.misuse.push(Misuse::WriteDuringReset(offset));
            return;
        }
        match self.registers.access(offset) {
            Access::Absent => self.misuse.push(Misuse::UnknownRegister(offset)),
            Access::Clears => self.write_causes(offset, value),
            Access::Stored { mask } => {
                let kept = self.registers.word(offset) & !mask;
                self.registers.put(offset, kept | (value & mask));
                self.written(bus, offset, value);
            }
        }
    }

    /// Interrupt causes clear by writing ones too; counters ignore writes.
    fn write_causes(&mut self, offset: u32, value: u32) {
        if matches!(offset, Icr::BASE | Eicr::BASE) {
            self.clear_causes(offset, value);
        }
    }

    fn written(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        match offset {
            Ctrl::BASE => self.write_ctrl(bus, Ctrl::from(value)),
            Eecd::BASE => self.write_eecd(),
            Eerd::BASE => self.write_eerd(Eerd::from(value)),
            Mdic::BASE => self.write_mdic(bus, Mdic::from(value)),
            Ics::BASE..=Eiam::BASE => self.written_interrupts(offset, value),
            Rttbcnrc::BASE => self.rates[self.selected_rate()] = self.registers.word(offset),
            Tctl::BASE | Vfte::BASE | Mrqc::BASE | Srrctl::BASE | Qde::BASE => self.resume(bus),
            _ => self.written_queue(bus, offset),
        }
    }

    fn selected_rate(&self) -> usize {
        (self.registers.get::<Rttdqsel>(()).get() & 0xF) as usize
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
            .with_transmit_off(self.paused)
            .with_speed(if self.link_up { 2 } else { 0 })
            .with_gio_master_enable(self.master.is_on())
    }

    /// SMBI is taken by reading it (82576 datasheet, chapter 8).
    fn read_swsm(&mut self) -> u32 {
        let swsm = self.registers.get::<Swsm>(());
        self.registers.set::<Swsm>((), swsm.with_smbi(true));
        swsm.into()
    }

    /// Whoever sees that the EEPROM was read knows that the reset is over.
    fn read_eecd(&mut self) -> u32 {
        let eecd = self.registers.get::<Eecd>(());
        let read = self.now >= self.reset_at.saturating_add(AUTO_READ);
        self.resetting &= !read;
        eecd.with_present(true).with_auto_read_done(read).into()
    }

    fn write_eecd(&mut self) {
        let eecd = self.registers.get::<Eecd>(());
        self.registers
            .set::<Eecd>((), eecd.with_grant(eecd.request()));
    }

    /// The enable bit of a queue shows whether it is live, not what was asked.
    fn read_queue(&mut self, offset: u32) -> u32 {
        let value = self.registers.word(offset);
        if let Some(queue) = queue_at(offset, Rxdctl::BASE).and_then(RxQueue::new) {
            let live = self.rx[queue.number() as usize].live.is_on();
            return Rxdctl::from(value).with_enable(live).into();
        }
        if let Some(queue) = queue_at(offset, Txdctl::BASE).and_then(TxQueue::new) {
            let live = self.tx[queue.number() as usize].live.is_on();
            return Txdctl::from(value).with_enable(live).into();
        }
        value
    }

    fn written_queue(&mut self, bus: &mut Bus, offset: u32) {
        let rx = |base| queue_at(offset, base).and_then(RxQueue::new);
        let tx = |base| queue_at(offset, base).and_then(TxQueue::new);
        if let Some(queue) = rx(Rdt::BASE) {
            self.announce(bus, queue);
        } else if let Some(queue) = tx(Tdt::BASE) {
            self.check_tail(queue);
            self.transmit(bus, queue);
        } else if let Some(queue) = rx(Srrctl::BASE) {
            self.check_descriptor_type(queue);
            self.drain(bus);
        } else if let Some(queue) = rx(Rxdctl::BASE) {
            let on = self.registers.get::<Rxdctl>(queue).enable();
            self.rx[queue.number() as usize].live.ask(on, self.now);
        } else if let Some(queue) = tx(Txdctl::BASE) {
            let on = self.registers.get::<Txdctl>(queue).enable();
            self.tx[queue.number() as usize].live.ask(on, self.now);
        }
    }
}

/// Which queue the register at `offset` belongs to, if it is the one that is at
/// `base` for queue 0.
fn queue_at(offset: u32, base: u32) -> Option<u32> {
    let distance = offset.checked_sub(base)?;
    let queue = distance / 0x40;
    (distance.is_multiple_of(0x40) && queue < 16).then_some(queue)
}

/// Queues 0 to 3 are also at 0x2800 and 0x3800, where the 82575 had them, and the
/// interrupt causes and masks at 0xC0, where all cards before had them.
fn canonical(offset: u32) -> u32 {
    let (old, new) = match offset {
        0xC0 | 0xC8 | 0xD0 | 0xD8 | 0xE0 => return Icr::BASE + (offset - 0xC0) / 2,
        0x2800..0x2C00 => (0x2800, 0xC000),
        0x3800..0x3C00 => (0x3800, 0xE000),
        _ => return offset,
    };
    let (queue, register) = ((offset - old) / 0x100, (offset - old) % 0x100);
    match register {
        0..0x40 => new + 0x40 * queue + register,
        _ => offset,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use crate::Misuse;
    use crate::igb::rig::{BROADCAST, Rig, frame, mac};
    use crate::igb::undriven::Rxpbs;
    use lockgate_drivers::device::{Bar, Function};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    #[test]
    fn the_old_places_of_four_queues_lead_to_the_new_ones() {
        assert_eq!(canonical(0x2800), 0xC000);
        assert_eq!(canonical(0x2B18), 0xC0D8);
        assert_eq!(canonical(0x3B14), 0xE0D4);
        assert_eq!(canonical(0x2840), 0x2840);
        assert_eq!(canonical(0x2C00), 0x2C00);
        let causes = [0xC0, 0xC8, 0xD0, 0xD8, 0xE0].map(canonical);
        assert_eq!(causes, [0x1500, 0x1504, 0x1508, 0x150C, 0x1510]);
    }

    #[test]
    fn outside_the_bar_reads_are_all_ones_and_an_unknown_register_reads_0() {
        let rig = Rig::new();
        assert_eq!(rig.get(0x2_0000), u32::MAX);
        assert_eq!(rig.get(2), u32::MAX);
        rig.set(0x2_0000, 1);
        assert_eq!(rig.model.misuse(), []);
        rig.set(0x0F00, 1);
        assert_eq!(rig.get(0x0F00), 0);
        assert_eq!(rig.model.misuse(), [Misuse::UnknownRegister(0x0F00)]);
    }

    #[test]
    fn registers_hold_the_bits_they_have() {
        let rig = Rig::new();
        for (offset, mask) in [
            (0xC3C0, 0xFFFF_FF80),
            (0xC008, 0x000F_FF80),
            (0x5818, 0x01FF_0007),
            (0x5D7C, 0x801F_FFFF),
            (0x0C8C, 0x0000_00FF),
            (0x551C, 0x83FF_FFFF),
        ] {
            rig.set(offset, u32::MAX);
            assert_eq!(rig.get(offset), mask, "{offset:#x}");
        }
    }

    #[test]
    fn each_queue_has_a_rate_of_its_own_behind_one_register() {
        let rig = Rig::new();
        for queue in 0..16 {
            rig.set(Rttdqsel::BASE, queue);
            rig.set(Rttbcnrc::BASE, 0x8000_0000 | queue);
        }
        rig.set(Rttdqsel::BASE, 3);
        assert_eq!(rig.get(Rttbcnrc::BASE), 0x8000_0003);
    }

    #[test]
    fn a_queue_is_live_only_when_its_enable_bit_says_so() {
        let mut rig = Rig::new();
        rig.rx(1, 7);
        let at = 0xC068;
        rig.set(at, 0);
        assert_ne!(rig.get(at) & (1 << 25), 0);
        assert_eq!(rig.get(at) & (1 << 25), 0);
        rig.set(at, 1 << 25);
        assert_eq!(rig.get(at) & (1 << 25), 0);
        assert_ne!(rig.get(at) & (1 << 25), 0);
    }

    #[test]
    fn a_reset_forgets_everything_but_the_buffer_split_and_takes_no_writes_meanwhile() {
        let mut rig = Rig::with_pools(3);
        rig.rx(3, 7);
        rig.set(Rxpbs::BASE, 0x30);
        rig.set(Ctrl::BASE, 1 << 26);
        rig.set(Rctl::BASE, 2);
        assert_eq!(rig.model.misuse(), [Misuse::WriteDuringReset(0x100)]);
        assert_eq!(rig.get(Eecd::BASE) & 0x200, 0);
        assert_ne!(rig.get(Ctrl::BASE) & (1 << 26), 0);
        assert_eq!(rig.get(Ctrl::BASE) & (1 << 26), 0);
        assert_ne!(rig.get(Eecd::BASE) & 0x200, 0);
        let values = [
            0x100, 0x5818, 0xC0E8, 0x2404, 0x5400, 0x5404, 0x5AD0, 0xC028,
        ];
        let after = [
            0,
            0,
            0x0001_0000,
            0x30,
            0xFF47_4C02,
            0x8000_7682,
            0x8000_2600,
            0x0201_0000,
        ];
        assert_eq!(values.map(|at| rig.get(at)), after);
    }

    #[test]
    fn a_function_reset_ends_bus_mastering_and_a_master_disable_ends_dma() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.set(Ctrl::BASE, 0x45);
        assert_ne!(rig.get(Status::BASE) & (1 << 19), 0);
        assert_eq!(rig.get(Status::BASE) & (1 << 19), 0);
        rig.send(0, &sent);
        assert!(rig.model.transmitted().is_empty());
        rig.set(Ctrl::BASE, 0x41);
        rig.model.flush();
        rig.model.flush();
        assert_eq!(rig.model.transmitted().len(), 1);

        rig.model.reset().unwrap();
        rig.link_up();
        rig.set(Tctl::BASE, 2);
        rig.tx(0);
        rig.send(0, &sent);
        assert!(rig.model.transmitted().is_empty());
        rig.model.set_bus_master(true).unwrap();
        assert_eq!(rig.model.transmitted().len(), 1);
    }

    #[test]
    fn a_card_that_was_pulled_out_reads_all_ones() {
        let mut rig = Rig::new();
        rig.rx(0, 7);
        rig.model.unplug();
        assert_eq!(rig.get(Status::BASE), u32::MAX);
        rig.set(Rctl::BASE, 0);
        assert!(rig.model.reset().is_err());
        let sent = frame(BROADCAST, mac(1), 60);
        assert_eq!(rig.model.receive(&sent), crate::Receive::NotReady);
    }
}
