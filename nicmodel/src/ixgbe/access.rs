//! Reads and writes of the BAR: what they return and what they set off.
//!
//! The map says which bits a driver can write; here is what a register does
//! besides holding them.

use lockgate_regs::descriptor::ring;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::undriven::*;
use super::{AUTO_READ, Nic};
use crate::buffer::Buffered;
use crate::chip::Bus;
use crate::counters::{Torh, Toth};
use crate::fault::Misuse;
use crate::nvm::Eerd;
use crate::registers::Access;

const PFVFTE_LOW: u32 = Pfvfte::BASE;
const PFVFTE_HIGH: u32 = Pfvfte::BASE + 4;

/// Bits of EEC: EE_REQ, EE_GNT, EE_PRES.
mod eec {
    pub(super) const REQUEST: u32 = 1 << 6;
    pub(super) const GRANT: u32 = 1 << 7;
    pub(super) const PRESENT: u32 = 1 << 8;
}

/// RXDCTL.SWFLSH and TXDCTL.SWFLSH, which clear themselves.
const FLUSH: u32 = 1 << 26;

impl Nic {
    pub(super) fn read_register(&mut self, offset: u32) -> u32 {
        let offset = canonical(offset);
        if !self.registers.contains(offset) {
            return u32::MAX;
        }
        let value = match offset {
            Ctrl::BASE => self.read_ctrl(),
            Status::BASE => Status::new()
                .with_gio_master_enable(self.master.is_on())
                .into(),
            Eec::BASE => self.read_eec(),
            Swsm::BASE => self.read_swsm(),
            Eicr::BASE => self.read_eicr(),
            Links::BASE => self.links().into(),
            I2cctl::BASE => self.read_i2c(self.registers.get::<I2cctl>(())).into(),
            Rdrxctl::BASE => self.read_rdrxctl(),
            Rttbcnrc::BASE => self.read_rate(),
            Rttdt1c::BASE => self.read_credits(),
            Pfqde::BASE => self.read_qde(),
            _ => self
                .read_mask(offset)
                .unwrap_or_else(|| self.read_queue(offset)),
        };
        if self.registers.access(offset) == Access::Clears {
            self.registers.put(offset, 0);
            if self.is_high_half(offset) {
                self.registers.put(offset - 4, 0);
            }
        }
        value
    }

    /// Whether reading the counter clears the word before it too.
    fn is_high_half(&self, offset: u32) -> bool {
        let of_set = StatisticsSet::all()
            .any(|set| [QbrcHigh::offset(set), QbtcHigh::offset(set)].contains(&offset));
        of_set || matches!(offset, Gorch::BASE | Gotch::BASE | Torh::BASE | Toth::BASE)
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
            // Causes clear by writing ones too; counters ignore writes.
            Access::Clears => {
                self.write_mask(offset, value);
            }
            Access::Stored { mask } => {
                let kept = self.registers.word(offset) & !mask;
                self.registers.put(offset, kept | (value & mask));
                if !self.write_mask(offset, value) {
                    self.written(bus, offset, value);
                }
            }
        }
    }

    fn written(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        match offset {
            Ctrl::BASE => self.write_ctrl(bus, value),
            Eec::BASE => self.write_eec(),
            plain::EERD => {
                let done = self.nvm.answer(Eerd::from(value));
                self.registers.put(offset, done.into());
            }
            Autoc::BASE => self.write_autoc(),
            I2cctl::BASE => self.write_i2c(I2cctl::from(value)),
            Msca::BASE => self.write_msca(),
            Fdirctrl::BASE => self
                .registers
                .set((), Fdirctrl::from(value).with_ready(true)),
            Fdircmd::BASE => self.registers.set((), Fdircmd::from(value).with_command(0)),
            Rttbcnrc::BASE => self.write_rate(),
            Rttdt1c::BASE => self.write_credits(),
            Pfqde::BASE => self.write_qde(bus, Pfqde::from(value)),
            Mtqc::BASE if !self.registers.get::<Rttdcs>(()).arbiter_off() => {
                self.misuse.push(Misuse::QueueLayout);
            }
            Dmatxctl::BASE | Rttdcs::BASE | Rxctrl::BASE => self.switch(bus),
            PFVFTE_LOW | PFVFTE_HIGH => self.resume(bus),
            _ => self.written_queue(bus, offset),
        }
    }

    /// A switch that many queues hang on has changed.
    fn switch(&mut self, bus: &mut Bus) {
        self.unsettled = true;
        self.settle(bus);
        self.resume(bus);
    }

    fn read_ctrl(&mut self) -> u32 {
        let ctrl = self.registers.get::<Ctrl>(());
        ctrl.with_reset(std::mem::take(&mut self.resetting)).into()
    }

    fn write_ctrl(&mut self, bus: &mut Bus, value: u32) {
        /// LNK_RST: resets the link as well.
        const LINK_RESET: u32 = 1 << 3;
        let ctrl = Ctrl::from(value);
        if ctrl.reset() || value & LINK_RESET != 0 {
            self.software_reset();
            return;
        }
        self.master.ask(!ctrl.gio_master_disable(), self.now);
        self.settle(bus);
    }

    fn is_set_up(&self) -> bool {
        self.now >= self.reset_at.saturating_add(AUTO_READ)
    }

    fn read_eec(&self) -> u32 {
        let eec = self
            .registers
            .get::<Eec>(())
            .with_auto_read_done(self.is_set_up());
        u32::from(eec) | eec::PRESENT
    }

    /// The EEPROM is granted to whoever asks.
    fn write_eec(&mut self) {
        let eec = self.registers.word(Eec::BASE);
        let granted = if eec & eec::REQUEST != 0 {
            eec::GRANT
        } else {
            0
        };
        self.registers.put(Eec::BASE, eec & !eec::GRANT | granted);
    }

    fn read_rdrxctl(&self) -> u32 {
        self.registers
            .get::<Rdrxctl>(())
            .with_dma_ready(self.is_set_up())
            .into()
    }

    /// SMBI is taken by reading it (82599 datasheet, 8.2.3.4.11).
    fn read_swsm(&mut self) -> u32 {
        let swsm = self.registers.get::<Swsm>(());
        self.registers.set((), swsm.with_smbi(true));
        swsm.into()
    }

    /// There is no PHY behind MDIO: a read gives all ones.
    fn write_msca(&mut self) {
        let msca = self.registers.get::<Msca>(());
        self.registers.set((), msca.with_busy(false));
        let msrwd = self.registers.get::<Msrwd>(());
        self.registers.set((), msrwd.with_read(u16::MAX));
    }

    fn read_qde(&self) -> u32 {
        let qde = self.registers.get::<Pfqde>(());
        qde.with_enable(self.drops & 1 << qde.queue() != 0).into()
    }

    fn write_qde(&mut self, bus: &mut Bus, qde: Pfqde) {
        if qde.write() {
            self.drops &= !(1 << qde.queue());
            self.drops |= u128::from(qde.enable()) << qde.queue();
            self.drain(bus);
        }
    }

    /// The enable bit of a queue shows whether it is live, not what was asked.
    fn read_queue(&mut self, offset: u32) -> u32 {
        let value = self.registers.word(offset);
        match place(offset) {
            Some(Place::Rx(queue, RXDCTL)) => {
                let live = self.rx_side(queue).live.is_on();
                u32::from(Rxdctl::from(value).with_enable(live)) & !FLUSH
            }
            Some(Place::Tx(queue, TXDCTL)) => {
                let live = self.tx_side(queue).live.is_on();
                u32::from(Txdctl::from(value).with_enable(live)) & !FLUSH
            }
            _ => value,
        }
    }

    fn written_queue(&mut self, bus: &mut Bus, offset: u32) {
        let now = self.now;
        match place(offset) {
            Some(Place::Rx(queue, ring::TAIL)) => self.announce(bus, queue),
            Some(Place::Rx(queue, SRRCTL)) => {
                self.check_descriptor_type(queue);
                self.drain(bus);
            }
            Some(Place::Rx(queue, RXDCTL)) => {
                let on = self.registers.get::<Rxdctl>(queue).enable();
                self.rx_side_mut(queue).live.ask(on, now);
                self.unsettled = true;
            }
            Some(Place::Tx(queue, ring::TAIL)) => {
                self.check_tail(queue);
                self.transmit(bus, queue);
            }
            Some(Place::Tx(queue, TXDCTL)) => {
                let on = self.registers.get::<Txdctl>(queue).enable();
                self.tx_side_mut(queue).live.ask(on, now);
                self.unsettled = true;
            }
            _ => {}
        }
    }
}

/// Where in the block of a queue its registers are.
const SRRCTL: u32 = 0x14;
const RXDCTL: u32 = 0x28;
const TXDCTL: u32 = 0x28;

/// A register of a queue, by its place in the queue's block.
enum Place {
    Rx(RxQueue, u32),
    Tx(TxQueue, u32),
}

fn place(offset: u32) -> Option<Place> {
    let (first, base, rx) = match offset {
        0x1000..0x2000 => (0, 0x1000, true),
        0xD000..0xE000 => (64, 0xD000, true),
        0x6000..0x8000 => (0, 0x6000, false),
        _ => return None,
    };
    let (queue, register) = (first + (offset - base) / 0x40, (offset - base) % 0x40);
    match rx {
        true => RxQueue::new(queue).map(|queue| Place::Rx(queue, register)),
        false => TxQueue::new(queue).map(|queue| Place::Tx(queue, register)),
    }
}

/// The first 16 of some registers are also where the 82598 had them.
fn canonical(offset: u32) -> u32 {
    match offset {
        // RAL and RAH, PSRTYPE, SRRCTL, DCA_RXCTRL.
        0x5400..0x5480 => offset - 0x5400 + 0xA200,
        0x5480..0x54C0 => offset - 0x5480 + 0xEA00,
        0x2100..0x2140 => (offset - 0x2100) * 0x10 + 0x1014,
        0x2200..0x2240 => (offset - 0x2200) * 0x10 + 0x100C,
        _ => offset,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use crate::Misuse;
    use crate::ixgbe::rig::Rig;

    #[test]
    fn the_old_places_lead_to_the_new_ones() {
        assert_eq!(canonical(0x5478), 0xA278);
        assert_eq!(canonical(0x5484), 0xEA04);
        assert_eq!(canonical(0x2104), 0x1054);
        assert_eq!(canonical(0x223C), 0x13CC);
        assert_eq!(canonical(0x2140), 0x2140);
    }

    #[test]
    fn outside_the_bar_reads_are_all_ones_and_an_unknown_register_reads_0() {
        let rig = Rig::bare();
        assert_eq!(rig.get(0x2_0000), u32::MAX);
        rig.set(0x0F00, 1);
        assert_eq!(rig.get(0x0F00), 0);
        assert_eq!(rig.model.misuse(), [Misuse::UnknownRegister(0x0F00)]);
    }

    #[test]
    fn registers_hold_the_bits_they_have() {
        let rig = Rig::bare();
        for (offset, mask) in [
            (0x1000, 0xFFFF_FF80),
            (0xDFC8, 0x000F_FF80),
            (0xA5FC, 0x8000_FFFF),
            (0xA604, u32::MAX),
            (0xF1FC, 0x8000_0FFF),
            (0x5C7C, 0x0F0F_0F0F),
            (0x51B0, 0x6000_1F81),
            (0x821C, 0xFFFF),
        ] {
            rig.set(offset, u32::MAX);
            assert_eq!(rig.get(offset), mask, "{offset:#x}");
        }
    }

    #[test]
    fn a_write_during_a_reset_is_lost() {
        let rig = Rig::bare();
        rig.set(0x0, 1 << 26);
        rig.set(0x5200, 1);
        assert_eq!(rig.model.misuse(), [Misuse::WriteDuringReset(0x5200)]);
        assert_ne!(rig.get(0x0) & (1 << 26), 0);
        assert_eq!(rig.get(0x0) & (1 << 26), 0);
        rig.set(0x5200, 1);
        assert_eq!(rig.get(0x5200), 1);
    }

    #[test]
    fn each_queue_has_a_rate_and_a_drop_bit_of_its_own_behind_one_register() {
        let rig = Rig::bare();
        for queue in [0_u32, 5, 127] {
            rig.set(0x4904, queue);
            rig.set(0x4984, 0x8000_0000 | queue);
            rig.set(0x2F04, 1 << 16 | queue << 8 | 1);
        }
        for queue in [0_u32, 5, 127] {
            rig.set(0x4904, queue);
            assert_eq!(rig.get(0x4984), 0x8000_0000 | queue);
            rig.set(0x2F04, 1 << 17 | queue << 8);
            assert_eq!(rig.get(0x2F04) & 1, 1);
        }
        rig.set(0x2F04, 1 << 17 | 6 << 8);
        assert_eq!(rig.get(0x2F04) & 1, 0);
    }

    #[test]
    fn the_eeprom_has_a_valid_sum_and_the_modules_list() {
        let rig = Rig::bare();
        let word = |at: u32| {
            rig.set(0x1_0014, at << 2 | 1);
            let read = rig.get(0x1_0014);
            assert_eq!(read & 2, 2);
            read >> 16
        };
        assert_eq!(
            (0..64).map(word).fold(0, |sum, word| (sum + word) & 0xFFFF),
            0xBABA
        );
        let list = word(0x2B);
        assert_eq!(word(list + 1), 3, "passive copper, port 0");
    }
}
