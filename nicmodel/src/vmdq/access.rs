//! Reads and writes of the BAR: what the core makes of them.
//!
//! The table of registers says which bits a driver can write, the map what a register does
//! besides holding them; here is what a queue's registers and a reset do on every card.

use lockgate_regs::descriptor::DescriptorType;
use lockgate_regs::ixgbe::Ctrl;
use lockgate_regs::{Index, Register};

use super::{Effect, Moment, Nic, QueueRegister, RegisterMap};
use crate::chip::Bus;
use crate::fault::Misuse;
use crate::registers::Access;
use crate::ring::Ring;

/// RXDCTL.ENABLE and TXDCTL.ENABLE (82576 datasheet, chapter 8; 82599 datasheet, 8.2.3.8.6
/// and 8.2.3.9.10).
const ENABLE: u32 = 1 << 25;

/// RXDCTL.SWFLSH and TXDCTL.SWFLSH, which clear themselves.
const FLUSH: u32 = 1 << 26;

impl<M: RegisterMap> Nic<M> {
    pub(super) fn read_register(&mut self, offset: u32) -> u32 {
        let offset = M::canonical(offset);
        if !self.registers.contains(offset) {
            return u32::MAX;
        }
        let moment = self.moment();
        let value = match M::queue_register(offset) {
            Some(register) => self.read_queue(offset, register),
            None if offset == Ctrl::BASE => self.read_ctrl(),
            None => self.map.read(&mut self.registers, offset, moment),
        };
        self.resetting &= !M::shows_end_of_reset(offset, value);
        if self.registers.access(offset) == Access::Clears {
            self.registers.put(offset, 0);
            self.map.cleared(&mut self.registers, offset);
        }
        value
    }

    fn moment(&self) -> Moment {
        Moment {
            since_reset: self.since_reset(),
            masters: self.master.is_on(),
            paused: self.paused,
        }
    }

    /// CTRL, of which only RST is not as written: it reads 1 once after a reset.
    fn read_ctrl(&mut self) -> u32 {
        let ctrl = self.registers.get::<Ctrl>(());
        ctrl.with_reset(std::mem::take(&mut self.resetting)).into()
    }

    /// The enable bit of a queue shows whether it is live, not what was asked.
    fn read_queue(&self, offset: u32, register: QueueRegister<M::RxQueue, M::TxQueue>) -> u32 {
        let value = self.registers.word(offset);
        let live = match register {
            QueueRegister::ReceiveEnable(queue) => self.rx_side(queue).live,
            QueueRegister::TransmitEnable(queue) => self.tx_side(queue).live,
            _ => return value,
        };
        let enable = if live.is_on() { ENABLE } else { 0 };
        value & !(ENABLE | FLUSH) | enable
    }

    pub(super) fn write_register(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        let offset = M::canonical(offset);
        if !self.registers.contains(offset) {
            return;
        }
        if self.resetting {
            self.misuse.push(Misuse::WriteDuringReset(offset));
            return;
        }
        match self.registers.access(offset) {
            Access::Absent => self.misuse.push(Misuse::UnknownRegister(offset)),
            Access::Clears => self.map.write_cleared(&mut self.registers, offset, value),
            Access::Stored { mask } => {
                let kept = self.registers.word(offset) & !mask;
                self.registers.put(offset, kept | (value & mask));
                self.written(bus, offset, value);
            }
        }
    }

    fn written(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        if let Some(register) = M::queue_register(offset) {
            self.written_queue(bus, offset, register);
            return;
        }
        let registers = &mut self.registers;
        match self.map.written(registers, offset, value, self.now) {
            Effect::Nothing => {}
            Effect::Reset => self.software_reset(),
            Effect::Mastering { allowed } => {
                self.master.ask(allowed, self.now);
                self.settle(bus);
            }
            Effect::Settle => self.settle(bus),
            Effect::Resume => {
                self.unsettled = true;
                self.settle(bus);
                self.resume(bus);
            }
            Effect::Drain => self.drain(bus),
            Effect::Misuse(misuse) => self.misuse.push(misuse),
        }
    }

    fn written_queue(
        &mut self,
        bus: &mut Bus,
        offset: u32,
        register: QueueRegister<M::RxQueue, M::TxQueue>,
    ) {
        let enable = self.registers.word(offset) & ENABLE != 0;
        let now = self.now;
        match register {
            QueueRegister::ReceiveTail(queue) => self.announce(bus, queue),
            QueueRegister::ReceiveControl(queue) => {
                self.check_descriptor_type(queue);
                self.drain(bus);
            }
            QueueRegister::ReceiveEnable(queue) => {
                self.rx_side_mut(queue).live.ask(enable, now);
                self.unsettled = true;
            }
            QueueRegister::TransmitTail(queue) => {
                if !self.tx_ring(queue).tail_fits() {
                    self.misuse.push(Misuse::TransmitTail(queue.number() as u8));
                }
                self.transmit(bus, queue);
            }
            QueueRegister::TransmitEnable(queue) => {
                self.tx_side_mut(queue).live.ask(enable, now);
                self.unsettled = true;
            }
        }
    }

    /// Takes note of a new tail.
    fn announce(&mut self, bus: &mut Bus, queue: M::RxQueue) {
        let ring = Ring::announced(&self.registers, M::receive_ring(queue));
        if !ring.tail_fits() {
            self.misuse.push(Misuse::ReceiveTail(queue.number() as u8));
        }
        let side = self.rx_side_mut(queue);
        if side.live.is_on() {
            side.tail = ring.tail();
            self.drain(bus);
        }
    }

    fn check_descriptor_type(&mut self, queue: M::RxQueue) {
        let kind = M::descriptor_type(&self.registers, queue);
        if matches!(kind, DescriptorType::Other(_)) {
            self.misuse
                .push(Misuse::DescriptorType(queue.number() as u8));
        }
    }
}
