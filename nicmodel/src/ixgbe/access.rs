//! The registers of the 82599 as such: what a reset, a read and a write do.
//!
//! The map says which bits a driver can write; here is what a register does
//! besides holding them.
//!
//! Not here: what follows on every card ([`crate::vmdq`]), and a queue's registers, which
//! it acts on.

use std::sync::Arc;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::descriptor::ring;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register, pci};

use super::extra_registers::*;
use super::interrupt::{Direction, Interrupts, cause};
use super::link::Cable;
use super::schedule::Arbiter;
use super::sfp::Sfp;
use super::{AUTO_READ, I82599, MAC, map};
use crate::counters::clear_low_half;
use crate::fault::Misuse;
use crate::nvm::{Eerd, Nvm};
use crate::registers::{Map, Registers};
use crate::vmdq::{Access, Effect, Event, Moment, QueueRegister};

const PFVFTE_LOW: u32 = Pfvfte::BASE;
const PFVFTE_HIGH: u32 = Pfvfte::BASE + 4;

/// Bits of EEC: EE_REQ, EE_GNT, EE_PRES.
mod eec {
    pub(super) const REQUEST: u32 = 1 << 6;
    pub(super) const GRANT: u32 = 1 << 7;
    pub(super) const PRESENT: u32 = 1 << 8;
}

impl Access for I82599 {
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
            cable: Cable::new(),
            sfp: Sfp::default(),
            nvm: Nvm::with_sfp(MAC),
            interrupts: Interrupts::default(),
            arbiter: Arbiter::default(),
            drops: 0,
        }
    }

    fn power_on(registers: &mut Registers) {
        for queue in TxQueue::all() {
            registers.set(queue, Tdwbal::new(0));
        }
    }

    /// Where head write-back goes.
    fn kept_by_reset() -> Vec<u32> {
        TxQueue::all().map(Tdwbal::offset).collect()
    }

    fn initialize(registers: &mut Registers) {
        map::initialize(registers, MAC);
    }

    fn reset(&mut self, now: u64) {
        self.cable.restart(now);
        self.interrupts = Interrupts::default();
        self.arbiter.reset();
        self.drops = 0;
    }

    fn is_live_after_reset(_queue: u32) -> bool {
        false
    }

    /// Only CTRL shows it.
    fn is_reset_over(_since_reset: u64) -> bool {
        false
    }

    fn shows_end_of_reset(_offset: u32, _value: u32) -> bool {
        false
    }

    fn canonical(offset: u32) -> u32 {
        canonical(offset)
    }

    fn queue_register(offset: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
        queue_register(offset)
    }

    fn read(&mut self, registers: &mut Registers, offset: u32, moment: Moment) -> u32 {
        let is_set_up = moment.since_reset >= AUTO_READ;
        match offset {
            Status::BASE => Status::new().with_gio_master_enable(moment.masters).into(),
            Eec::BASE => {
                let eec = registers.get::<Eec>(()).with_auto_read_done(is_set_up);
                u32::from(eec) | eec::PRESENT
            }
            Swsm::BASE => read_swsm(registers),
            Eicr::BASE => self.interrupts.read_eicr(),
            Links::BASE => self.links(registers).into(),
            I2cctl::BASE => self.sfp.read(registers.get::<I2cctl>(())).into(),
            Rdrxctl::BASE => registers
                .get::<Rdrxctl>(())
                .with_dma_ready(is_set_up)
                .into(),
            Rttbcnrc::BASE => self.arbiter.rate(registers),
            Rttdt1c::BASE => self.arbiter.credits(registers),
            Pfqde::BASE => self.read_qde(registers),
            _ => self
                .interrupts
                .read_mask(offset)
                .unwrap_or_else(|| registers.word(offset)),
        }
    }

    /// The high half of a wide counter clears the low half too.
    fn cleared(&mut self, registers: &mut Registers, offset: u32) {
        let of_set = StatisticsSet::all()
            .any(|set| [QbrcHigh::offset(set), QbtcHigh::offset(set)].contains(&offset));
        if of_set {
            registers.put(offset - 4, 0);
        }
        clear_low_half(registers, offset);
    }

    /// Causes clear by writing ones too; counters ignore writes.
    fn write_cleared(&mut self, registers: &mut Registers, offset: u32, value: u32) {
        self.interrupts.write_mask(registers, offset, value);
    }

    fn written(&mut self, registers: &mut Registers, offset: u32, value: u32, now: u64) -> Effect {
        if self.interrupts.write_mask(registers, offset, value) {
            return Effect::Nothing;
        }
        match offset {
            Ctrl::BASE => return write_ctrl(value),
            Eec::BASE => write_eec(registers),
            plain::EERD => registers.put(offset, self.nvm.answer(Eerd::from(value)).into()),
            Autoc::BASE => self.write_autoc(registers, now),
            I2cctl::BASE => self.sfp.write(I2cctl::from(value)),
            Msca::BASE => write_msca(registers),
            Fdirctrl::BASE => registers.set((), Fdirctrl::from(value).with_ready(true)),
            Fdircmd::BASE => registers.set((), Fdircmd::from(value).with_command(0)),
            Rttbcnrc::BASE => self.arbiter.set_rate(registers),
            Rttdt1c::BASE => self.arbiter.set_credits(registers),
            Pfqde::BASE => return self.write_qde(Pfqde::from(value)),
            Mtqc::BASE if !registers.get::<Rttdcs>(()).arbiter_off() => {
                return Effect::Misuse(Misuse::QueueLayout);
            }
            Dmatxctl::BASE | Rttdcs::BASE | Rxctrl::BASE | PFVFTE_LOW | PFVFTE_HIGH => {
                return Effect::Resume;
            }
            _ => {}
        }
        Effect::Nothing
    }

    fn plug(&mut self, cable: bool, now: u64) {
        self.cable.plug(cable, now);
    }

    fn notice_link(&mut self, _registers: &Registers, now: u64) -> bool {
        self.cable.notice(now)
    }

    fn link_is_up(&self, registers: &Registers) -> bool {
        self.has_link(registers)
    }

    fn raise(&mut self, registers: &mut Registers, event: Event<RxQueue, TxQueue>) {
        let interrupts = &mut self.interrupts;
        match event {
            Event::Received(queue) => {
                interrupts.raise_queue(registers, queue.number(), Direction::Receive);
            }
            Event::NoDescriptor => {}
            Event::Sent(queue) => {
                interrupts.raise_queue(registers, queue.number(), Direction::Transmit);
            }
            Event::LinkChanged => interrupts.raise(registers, cause::LINK),
        }
    }

    fn take_interrupts(&mut self) -> u64 {
        self.interrupts.take()
    }
}

impl I82599 {
    fn read_qde(&self, registers: &Registers) -> u32 {
        let qde = registers.get::<Pfqde>(());
        qde.with_enable(self.drops & 1 << qde.queue() != 0).into()
    }

    fn write_qde(&mut self, qde: Pfqde) -> Effect {
        if !qde.write() {
            return Effect::Nothing;
        }
        self.drops &= !(1 << qde.queue());
        self.drops |= u128::from(qde.enable()) << qde.queue();
        Effect::Drain
    }
}

fn write_ctrl(value: u32) -> Effect {
    /// LNK_RST: resets the link as well.
    const LINK_RESET: u32 = 1 << 3;
    let ctrl = Ctrl::from(value);
    if ctrl.reset() || value & LINK_RESET != 0 {
        return Effect::Reset;
    }
    Effect::Mastering {
        allowed: !ctrl.gio_master_disable(),
    }
}

/// The EEPROM is granted to whoever asks.
fn write_eec(registers: &mut Registers) {
    let eec = registers.word(Eec::BASE);
    let granted = if eec & eec::REQUEST != 0 {
        eec::GRANT
    } else {
        0
    };
    registers.put(Eec::BASE, eec & !eec::GRANT | granted);
}

/// SMBI is taken by reading it (82599 datasheet, 8.2.3.4.11).
fn read_swsm(registers: &mut Registers) -> u32 {
    let swsm = registers.get::<Swsm>(());
    registers.set((), swsm.with_smbi(true));
    swsm.into()
}

/// There is no PHY behind MDIO: a read gives all ones.
fn write_msca(registers: &mut Registers) {
    let msca = registers.get::<Msca>(());
    registers.set((), msca.with_busy(false));
    let msrwd = registers.get::<Msrwd>(());
    registers.set((), msrwd.with_read(u16::MAX));
}

/// Where in the block of a queue its registers are.
const SRRCTL: u32 = 0x14;
const RXDCTL: u32 = 0x28;
const TXDCTL: u32 = 0x28;

/// Which queue's register is at `offset`.
pub(super) fn queue_register(offset: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
    let (first, base) = match offset {
        0x1000..0x2000 => (0, 0x1000),
        0xD000..0xE000 => (64, 0xD000),
        0x6000..0x8000 => return transmit_register((offset - 0x6000) / 0x40, offset % 0x40),
        _ => return None,
    };
    let queue = RxQueue::new(first + (offset - base) / 0x40)?;
    match offset % 0x40 {
        ring::TAIL => Some(QueueRegister::ReceiveTail(queue)),
        SRRCTL => Some(QueueRegister::ReceiveControl(queue)),
        RXDCTL => Some(QueueRegister::ReceiveEnable(queue)),
        _ => None,
    }
}

fn transmit_register(queue: u32, register: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
    let queue = TxQueue::new(queue)?;
    match register {
        ring::TAIL => Some(QueueRegister::TransmitTail(queue)),
        TXDCTL => Some(QueueRegister::TransmitEnable(queue)),
        _ => None,
    }
}

/// The first 16 of some registers are also where the 82598 had them.
pub(super) fn canonical(offset: u32) -> u32 {
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

    #[test]
    fn the_old_places_lead_to_the_new_ones() {
        assert_eq!(canonical(0x5478), 0xA278);
        assert_eq!(canonical(0x5484), 0xEA04);
        assert_eq!(canonical(0x2104), 0x1054);
        assert_eq!(canonical(0x223C), 0x13CC);
        assert_eq!(canonical(0x2140), 0x2140);
    }
}
