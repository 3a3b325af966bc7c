//! Transmit: from rings to whole frames.
//!
//! Everything up to the tail is sent inside the write that announces it, as far
//! as the card may: link, TCTL, the queue and its pool must be on. Descriptors
//! are completed whatever became of their frame.
//!
//! Not here: what becomes of a whole frame ([`super::send`]).

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use crate::chip::Bus;
use crate::fault::{DmaFault, Misuse};
use crate::ring::Ring;

/// ICR.TXDW: a descriptor was written back.
const DONE: u32 = 1 << 0;

impl Nic {
    pub(super) fn check_tail(&mut self, queue: TxQueue) {
        if !Ring::announced(&self.registers, Tdbal::offset(queue)).tail_fits() {
            self.misuse.push(Misuse::TransmitTail(queue.number() as u8));
        }
    }

    /// Sends what the queue holds; at most one ring's worth.
    pub(super) fn transmit(&mut self, bus: &mut Bus, queue: TxQueue) {
        let mut ring = Ring::announced(&self.registers, Tdbal::offset(queue));
        for _ in 0..ring.owned() {
            if !self.may_transmit(bus, queue) {
                return;
            }
            if self.take_descriptor(bus, queue, &mut ring).is_err() {
                self.tx[queue.number() as usize].stuck = true;
                return;
            }
        }
    }

    fn may_transmit(&self, bus: &Bus, queue: TxQueue) -> bool {
        let side = &self.tx[queue.number() as usize];
        let pools = self.registers.get::<Vfte>(()).get();
        self.masters(bus)
            && self.link_up
            && !self.paused
            && self.registers.get::<Tctl>(()).enable()
            && side.live.is_on()
            && !side.stuck
            && (!self.has_pools() || pools & u32::from(queue.pool().bit()) != 0)
    }

    /// Takes in the descriptor at the head and reports it if it asks for that.
    fn take_descriptor(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        ring: &mut Ring,
    ) -> Result<(), DmaFault> {
        let at = ring.address();
        let [buffer, second] = [0, 8].map(|word| bus.domain.load_u64(at.wrapping_add(word)));
        let (buffer, command) = (buffer?, TxData::from(second?));
        match (command.extended(), command.dtyp()) {
            (true, dtyp::CONTEXT) => {
                self.tx[queue.number() as usize].keep_context(buffer, command);
            }
            (true, dtyp::DATA) | (false, _) => self.take_data(bus, queue, buffer, command)?,
            (true, _) => self.misuse.push(Misuse::Offload(queue.number() as u8)),
        }
        let head = ring.advance();
        self.registers.put(Tdh::offset(queue), head);
        if command.report_status() {
            self.report(bus, queue, at, command, head);
        }
        Ok(())
    }

    /// Says that the descriptor is done: in the descriptor, or by the head where
    /// TDWBAL asks for it. The writes are posted: a fault is the IOMMU's to tell.
    fn report(&mut self, bus: &mut Bus, queue: TxQueue, at: u64, command: TxData, head: u32) {
        let low = self.registers.get::<Tdwbal>(queue);
        let _posted = if low.enable() {
            let high = self.registers.get::<Tdwbah>(queue).get();
            let address = (u64::from(high) << 32) | (u64::from(low.address()) << 2);
            bus.domain.store_u32(address, head)
        } else {
            let done = command.with_done(true).into();
            bus.domain.store_u64(at.wrapping_add(8), done)
        };
        self.raise(DONE);
        self.raise_sent(queue);
    }

    fn take_data(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        buffer: u64,
        command: TxData,
    ) -> Result<(), DmaFault> {
        let whole = self.tx[queue.number() as usize].gather(bus, buffer, command)?;
        if let Some((frame, first)) = whole {
            self.finish(bus, queue, frame, first, command);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::{BROADCAST, HEADS, Rig, frame, mac};
    use lockgate_drivers::device::Bar;
    use lockgate_regs::Register;
    use lockgate_regs::descriptor::TxData;
    use lockgate_regs::igb::*;

    fn done(rig: &Rig, n: u32) -> bool {
        TxData::from(rig.dma.memory.load_u64(Rig::tx_at(0, n) + 8).unwrap()).done()
    }

    #[test]
    fn a_frame_leaves_inside_the_tail_write_and_is_reported() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 200);
        rig.send(0, &sent);
        assert_eq!(rig.model.transmitted(), [sent]);
        assert!(done(&rig, 0));
        assert_eq!(rig.get(Tdh::BASE), 1);
        assert_eq!(rig.get(Gptc::BASE), 1);
        assert_eq!(rig.get(Gotcl::BASE), 204);
        assert_eq!(rig.model.misuse(), []);
    }

    #[test]
    fn only_descriptors_that_ask_are_reported() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.push(0, &sent, Rig::data(60).with_report_status(false));
        rig.push(0, &sent, Rig::data(60));
        rig.ring(0);
        assert_eq!([done(&rig, 0), done(&rig, 1)], [false, true]);
    }

    #[test]
    fn with_head_write_back_the_head_is_stored_and_no_descriptor_is_touched() {
        let mut rig = Rig::new();
        rig.tx(0);
        let at = rig.base.get() + HEADS as u64;
        rig.set(Tdwbah::BASE, (at >> 32) as u32);
        rig.set(Tdwbal::BASE, at as u32 | 1);
        let sent = frame(BROADCAST, mac(1), 60);
        for turn in 1..20 {
            rig.send(0, &sent);
            assert_eq!(rig.dma.memory.load_u32(HEADS), Some(turn % 8));
        }
        assert!(!done(&rig, 0));
    }

    #[test]
    fn a_frame_may_be_in_several_buffers_and_announced_in_pieces() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 100);
        let (a, b) = sent.split_at(37);
        let piece = |bytes: usize| Rig::data(bytes).with_payload_length(100);
        rig.push(0, a, piece(37).with_end_of_packet(false));
        rig.ring(0);
        assert!(rig.model.transmitted().is_empty());
        rig.push(0, b, piece(63));
        rig.ring(0);
        assert_eq!(rig.model.transmitted(), [sent]);
    }

    #[test]
    fn a_pool_sends_only_while_vfte_lets_it() {
        let mut rig = Rig::with_pools(3);
        rig.tx(2);
        rig.set(Vfte::BASE, 0xFB);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.send(2, &sent);
        assert!(rig.model.transmitted().is_empty());
        rig.set(Vfte::BASE, 0x04);
        assert_eq!(rig.model.transmitted(), [sent]);
    }

    #[test]
    fn a_buffer_outside_every_mapping_stops_the_queue_and_sends_nothing() {
        let mut rig = Rig::new();
        rig.tx(0);
        rig.push_raw(0, 0xDEAD_0000, Rig::data(60).into());
        rig.ring(0);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert!(rig.model.transmitted().is_empty());
        assert_eq!(rig.model.fault_count(), 1);
        assert_eq!(rig.get(Tdh::BASE), 0);
        rig.tx(0);
        rig.set(Txdctl::BASE, 0);
        rig.model.flush();
        rig.model.flush();
        rig.tx(0);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 1);
    }

    #[test]
    fn nothing_is_sent_without_link_and_everything_once_it_is_back() {
        let mut rig = Rig::new();
        rig.tx(0);
        rig.model.set_link(false);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert!(rig.model.transmitted().is_empty());
        rig.model.set_link(true);
        while rig.get(Status::BASE) & 2 == 0 {}
        assert_eq!(rig.model.transmitted().len(), 1);
    }
}
