//! The registers of the 82576 as such: what a reset, a read and a write do.
//!
//! The map says which bits a driver can write; here is what a register does
//! besides holding them.
//!
//! Not here: what follows on every card ([`crate::vmdq`]), and a queue's registers, which
//! it acts on.

use std::sync::Arc;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register, pci};

use super::extra_registers::{Eerd, Eiam, Eicr, Eims, Ics, Ims, Rxpbs, Swsm, Txpbs};
use super::{AUTO_READ, I82576, MAC, map};
use crate::counters::clear_low_half;
use crate::nvm::Nvm;
use crate::phy::{Id, Phy};
use crate::registers::{Map, Registers};
use crate::vmdq::{Access, Effect, Event, Moment, QueueRegister};

impl Access for I82576 {
    type RxQueue = RxQueue;
    type TxQueue = TxQueue;
    type Pool = Pool;

    fn id() -> DeviceId {
        let [device, ..] = DEVICE_IDS;
        DeviceId {
            vendor: pci::INTEL,
            device,
        }
    }

    fn registers() -> Arc<Map> {
        map::map()
    }

    fn new() -> Self {
        Self {
            phy: Phy::new(Id::I82576, true),
            nvm: Nvm::new(MAC),
            link_up: false,
            rates: [0; 16],
            messages: 0,
        }
    }

    fn power_on(registers: &mut Registers) {
        map::power_on(registers);
    }

    /// The packet buffer sizes.
    fn kept_by_reset() -> Vec<u32> {
        vec![Rxpbs::BASE, Txpbs::BASE]
    }

    fn initialize(registers: &mut Registers) {
        map::initialize(registers, MAC);
    }

    fn reset(&mut self, _now: u64) {
        self.phy.reset();
        self.link_up = false;
        self.rates = [0; 16];
        self.messages = 0;
    }

    fn is_live_after_reset(queue: u32) -> bool {
        queue == 0
    }

    fn is_reset_over(since_reset: u64) -> bool {
        since_reset > AUTO_READ
    }

    /// EECD.Auto_RD.
    fn shows_end_of_reset(offset: u32, value: u32) -> bool {
        offset == Eecd::BASE && Eecd::from(value).auto_read_done()
    }

    fn canonical(offset: u32) -> u32 {
        canonical(offset)
    }

    fn queue_register(offset: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
        queue_register(offset)
    }

    fn read(&mut self, registers: &mut Registers, offset: u32, moment: Moment) -> u32 {
        match offset {
            Status::BASE => self.status(moment).into(),
            Eecd::BASE => registers
                .get::<Eecd>(())
                .with_present(true)
                .with_auto_read_done(moment.since_reset >= AUTO_READ)
                .into(),
            Swsm::BASE => read_swsm(registers),
            Rttbcnrc::BASE => self.rates[selected_rate(registers)],
            Imc::BASE => registers.get::<Ims>(()).get(),
            Eimc::BASE => registers.get::<Eims>(()).get(),
            _ => registers.word(offset),
        }
    }

    fn cleared(&mut self, registers: &mut Registers, offset: u32) {
        if offset == Icr::BASE {
            self.icr_was_read(registers);
        }
        clear_low_half(registers, offset);
    }

    /// Interrupt causes clear by writing ones too; counters ignore writes.
    fn write_cleared(&mut self, registers: &mut Registers, offset: u32, value: u32) {
        if matches!(offset, Icr::BASE | Eicr::BASE) {
            registers.put(offset, registers.word(offset) & !value);
        }
    }

    fn written(&mut self, registers: &mut Registers, offset: u32, value: u32, now: u64) -> Effect {
        match offset {
            Ctrl::BASE => return write_ctrl(Ctrl::from(value)),
            Eecd::BASE => {
                let eecd = registers.get::<Eecd>(());
                registers.set::<Eecd>((), eecd.with_grant(eecd.request()));
            }
            // A word of the EEPROM is there at once.
            Eerd::BASE => registers.set::<Eerd>((), self.nvm.answer(Eerd::from(value))),
            // A register of the PHY as well.
            Mdic::BASE => {
                registers.set::<Mdic>((), self.phy.answer(Mdic::from(value), now));
                return Effect::Settle;
            }
            Ics::BASE..=Eiam::BASE => self.written_interrupts(registers, offset, value),
            Rttbcnrc::BASE => self.rates[selected_rate(registers)] = registers.word(offset),
            Tctl::BASE | Vfte::BASE | Mrqc::BASE | Qde::BASE => return Effect::Resume,
            _ => {}
        }
        Effect::Nothing
    }

    fn plug(&mut self, cable: bool, now: u64) {
        self.phy.set_cable(cable, now);
    }

    /// The MAC follows the PHY only while CTRL.SLU is set.
    fn notice_link(&mut self, registers: &Registers, now: u64) -> bool {
        let up = registers.get::<Ctrl>(()).set_link_up() && self.phy.is_up(now);
        std::mem::replace(&mut self.link_up, up) != up
    }

    fn link_is_up(&self, _registers: &Registers) -> bool {
        self.link_up
    }

    fn raise(&mut self, registers: &mut Registers, event: Event<RxQueue, TxQueue>) {
        self.raise_event(registers, event);
    }

    fn take_interrupts(&mut self) -> u64 {
        std::mem::take(&mut self.messages)
    }
}

impl I82576 {
    fn status(&self, moment: Moment) -> Status {
        Status::new()
            .with_full_duplex(self.link_up)
            .with_link_up(self.link_up)
            .with_transmit_off(moment.paused)
            .with_speed(if self.link_up { 2 } else { 0 })
            .with_gio_master_enable(moment.masters)
    }
}

fn write_ctrl(ctrl: Ctrl) -> Effect {
    if ctrl.reset() {
        return Effect::Reset;
    }
    Effect::Mastering {
        allowed: !ctrl.gio_master_disable(),
    }
}

fn selected_rate(registers: &Registers) -> usize {
    (registers.get::<Rttdqsel>(()).get() & 0xF) as usize
}

/// SMBI is taken by reading it (82576 datasheet, chapter 8).
fn read_swsm(registers: &mut Registers) -> u32 {
    let swsm = registers.get::<Swsm>(());
    registers.set::<Swsm>((), swsm.with_smbi(true));
    swsm.into()
}

/// Which queue's register is at `offset`.
pub(super) fn queue_register(offset: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
    let rx = |base| queue_at(offset, base).and_then(RxQueue::new);
    let tx = |base| queue_at(offset, base).and_then(TxQueue::new);
    rx(Rdt::BASE)
        .map(QueueRegister::ReceiveTail)
        .or_else(|| rx(Srrctl::BASE).map(QueueRegister::ReceiveControl))
        .or_else(|| rx(Rxdctl::BASE).map(QueueRegister::ReceiveEnable))
        .or_else(|| tx(Tdt::BASE).map(QueueRegister::TransmitTail))
        .or_else(|| tx(Txdctl::BASE).map(QueueRegister::TransmitEnable))
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
pub(super) fn canonical(offset: u32) -> u32 {
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
}
