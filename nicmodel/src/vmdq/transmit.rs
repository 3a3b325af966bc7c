//! Transmit: from rings to whole frames.
//!
//! Without a clock, everything up to the tail is sent inside the write that announces it,
//! as far as the card may: link, transmitter, the queue and its pool must be on. With one,
//! the card's arbiter decides when. Descriptors are completed whatever became of their
//! frame.
//!
//! Not here: what becomes of a whole frame ([`super::send`]).

use lockgate_regs::Index;
use lockgate_regs::descriptor::{BYTES, TxData, dtyp, ring};

use super::{Event, Nic, RegisterMap};
use crate::chip::Bus;
use crate::fault::{DmaFault, Misuse};
use crate::ring::Ring;

impl<M: RegisterMap> Nic<M> {
    pub(crate) fn tx_ring(&self, queue: M::TxQueue) -> Ring {
        Ring::announced(&self.registers, M::transmit_ring(queue))
    }

    /// Sends what the queue holds, unless a clock says when; at most one ring's worth.
    pub(super) fn transmit(&mut self, bus: &mut Bus, queue: M::TxQueue) {
        if self.map.is_clocked() {
            return;
        }
        while self.may_transmit(bus, queue) && self.send_one(bus, queue).is_some() {}
    }

    /// Whether the queue could send if it had anything.
    pub(crate) fn may_transmit(&self, bus: &Bus, queue: M::TxQueue) -> bool {
        let side = self.tx_side(queue);
        self.masters(bus)
            && self.map.link_is_up(&self.registers)
            && !self.paused
            && M::transmits(&self.registers)
            && side.live.is_on()
            && !side.stuck
            && self.pool_may_send(queue)
    }

    fn pool_may_send(&self, queue: M::TxQueue) -> bool {
        let pools = M::sending_pools(&self.registers);
        M::sender(&self.registers, queue).is_none_or(|pool| pools >> pool.number() & 1 != 0)
    }

    /// Takes descriptors up to the end of a frame and sends it. Gives the bytes that left
    /// with their check sequences; `None` when the ring ends first.
    pub(crate) fn send_one(&mut self, bus: &mut Bus, queue: M::TxQueue) -> Option<usize> {
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

    /// Takes in the descriptor at the head and reports it if it asks for that. Gives the
    /// bytes that left if a frame ends with it.
    fn take_descriptor(
        &mut self,
        bus: &mut Bus,
        queue: M::TxQueue,
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
        self.registers
            .put(M::transmit_ring(queue) + ring::HEAD, head);
        if command.report_status() {
            self.report(bus, queue, at, command, head);
        }
        Ok(sent)
    }

    /// Says that the descriptor at address `at` is done: in the descriptor, or by the head
    /// where TDWBAL asks for it. The writes are posted: a fault is the IOMMU's to tell.
    fn report(&mut self, bus: &mut Bus, queue: M::TxQueue, at: u64, command: TxData, head: u32) {
        let _posted = match M::head_write_back(&self.registers, queue) {
            Some(address) => bus.domain.store_u32(address, head),
            None => {
                let done = command.with_done(true).into();
                bus.domain
                    .store_u64(at.wrapping_add(BYTES as u64 / 2), done)
            }
        };
        self.map.raise(&mut self.registers, Event::Sent(queue));
    }

    fn take_data(
        &mut self,
        bus: &mut Bus,
        queue: M::TxQueue,
        buffer: u64,
        command: TxData,
    ) -> Result<Option<usize>, DmaFault> {
        let whole = self.tx_side_mut(queue).gather(bus, buffer, command)?;
        Ok(whole.map(|(frame, first)| {
            let described = Described {
                first,
                last: command,
            };
            self.finish(bus, queue, frame, described)
        }))
    }
}

/// The first and the last data descriptor of a frame: some fields count in the one, some
/// in the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described {
    pub(super) first: TxData,
    pub(super) last: TxData,
}

impl Described {
    /// Whether the card is to append the check sequence.
    pub(super) fn inserts_fcs(self) -> bool {
        self.first.insert_fcs() || self.last.insert_fcs()
    }

    /// Whether the card is to insert a tag.
    pub(super) fn inserts_tag(self) -> bool {
        self.first.insert_vlan() || self.last.insert_vlan()
    }

    /// Whether the card is to cut the frame, or to put checksums in.
    pub(super) fn offloads(self) -> bool {
        self.first.extended() && (self.first.segment() || self.first.options() != 0)
    }

    /// Whether the card is to cut the frame.
    pub(super) fn is_cut(self) -> bool {
        self.first.extended() && self.first.segment()
    }
}
