//! Transmit: from rings to whole frames.
//!
//! Without a clock, everything up to the tail is sent inside the write that announces it,
//! as far as the card may: link, DMATXCTL, the queue and its pool must be on. With one,
//! the arbiter decides when ([`super::schedule`]). Descriptors are completed whatever
//! became of their frame.
//!
//! Not here: what becomes of a whole frame ([`super::send`]).

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::interrupt::Direction;
use super::undriven::HeadWriteBack;
use crate::chip::Bus;
use crate::fault::{DmaFault, Misuse};
use crate::queue::TxSide;
use crate::ring::Ring;

/// Where TDWBAH is from TDBAL on.
const WRITE_BACK_HIGH: u32 = 0x3C;

impl Nic {
    pub(super) fn tx_side(&self, queue: TxQueue) -> &TxSide {
        &self.tx[queue.number() as usize]
    }

    pub(super) fn tx_side_mut(&mut self, queue: TxQueue) -> &mut TxSide {
        &mut self.tx[queue.number() as usize]
    }

    pub(super) fn check_tail(&mut self, queue: TxQueue) {
        if !self.tx_ring(queue).tail_fits() {
            self.misuse.push(Misuse::TransmitTail(queue.number() as u8));
        }
    }

    pub(super) fn tx_ring(&self, queue: TxQueue) -> Ring {
        Ring::announced(&self.registers, Tdbal::offset(queue))
    }

    /// Sends what the queue holds, unless a clock says when; at most one ring's worth.
    pub(super) fn transmit(&mut self, bus: &mut Bus, queue: TxQueue) {
        if self.arbiter.has_clock() {
            return;
        }
        while self.may_transmit(bus, queue) && self.send_one(bus, queue).is_some() {}
    }

    /// Whether the queue could send if it had anything.
    pub(super) fn may_transmit(&self, bus: &Bus, queue: TxQueue) -> bool {
        let side = self.tx_side(queue);
        self.masters(bus)
            && self.link_is_up()
            && !self.paused
            && self.registers.get::<Dmatxctl>(()).enable()
            && !self.registers.get::<Rttdcs>(()).arbiter_off()
            && side.live.is_on()
            && !side.stuck
            && self
                .sender(queue)
                .is_none_or(|pool| self.registers.wide::<Pfvfte>(()) >> pool.number() & 1 != 0)
    }

    /// Takes descriptors up to the end of a frame and sends it. Gives the bytes that left
    /// with their check sequences; `None` when the ring ends first.
    pub(super) fn send_one(&mut self, bus: &mut Bus, queue: TxQueue) -> Option<usize> {
        let mut ring = self.tx_ring(queue);
        for _ in 0..ring.owned() {
            match self.take_descriptor(bus, queue, &mut ring) {
                Ok(Some(bytes)) => return Some(bytes),
                Ok(None) => {}
                Err(_) => {
                    self.tx_side_mut(queue).stuck = true;
                    return None;
                }
            }
        }
        None
    }

    /// Takes in the descriptor at the head and reports it if it asks for that.
    fn take_descriptor(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        ring: &mut Ring,
    ) -> Result<Option<usize>, DmaFault> {
        let at = ring.address();
        let [buffer, second] = [0, 8].map(|word| bus.domain.load_u64(at.wrapping_add(word)));
        let (buffer, command) = (buffer?, TxData::from(second?));
        let mut sent = None;
        match (command.extended(), command.dtyp()) {
            (true, dtyp::CONTEXT) => {
                self.tx_side_mut(queue).keep_context(buffer, command);
            }
            (true, dtyp::DATA) | (false, _) => {
                sent = self.take_data(bus, queue, buffer, command)?;
            }
            (true, _) => self.misuse.push(Misuse::Offload(queue.number() as u8)),
        }
        let head = ring.advance();
        self.registers.put(Tdh::offset(queue), head);
        if command.report_status() {
            self.report(bus, queue, at, command, head);
        }
        Ok(sent)
    }

    /// Says that the descriptor is done: in the descriptor, or by the head where
    /// TDWBAL asks for it. The writes are posted: a fault is the IOMMU's to tell.
    fn report(&mut self, bus: &mut Bus, queue: TxQueue, at: u64, command: TxData, head: u32) {
        let low = HeadWriteBack::from(self.registers.get::<Tdwbal>(queue).get());
        let _posted = if low.enable() {
            let high = self.registers.word(Tdbal::offset(queue) + WRITE_BACK_HIGH);
            let address = u64::from(high) << 32 | u64::from(low.address()) << 2;
            bus.domain.store_u32(address, head)
        } else {
            let done = command.with_done(true).into();
            bus.domain.store_u64(at.wrapping_add(8), done)
        };
        self.raise_queue(queue.number(), Direction::Transmit);
    }

    fn take_data(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        buffer: u64,
        command: TxData,
    ) -> Result<Option<usize>, DmaFault> {
        let whole = self.tx_side_mut(queue).gather(bus, buffer, command)?;
        Ok(whole.map(|(frame, first)| self.finish(bus, queue, frame, first, command)))
    }
}
