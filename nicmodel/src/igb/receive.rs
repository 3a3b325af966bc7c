//! Receive: what the card makes of a frame that reaches it.
//!
//! A frame is padded, counted, looked at as MAC control, steered; what is wanted
//! goes into the packet buffer. Descriptors count only if they were announced
//! while their queue was live.
//!
//! Not here: which queues a frame is for ([`super::steering`]) and how it gets
//! there ([`super::buffer`], [`super::store`]).

use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::steering::{Origin, Verdict};
use super::undriven::Vet;
use crate::buffer::{Buffered, Parcel, numbers};
use crate::chip::{Bus, Receive};
use crate::counters::count_total;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::ring::Ring;
use crate::wire::{FCS, SHORTEST, padded};

impl Nic {
    pub(super) fn receive_frame(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        if !self.receives(bus) {
            return Receive::NotReady;
        }
        let mut space = [0; SHORTEST];
        let frame = padded(frame, &mut space);
        count_total(&mut self.registers, frame.len());
        let Some(header) = self.parse(frame) else {
            self.registers.count::<Ruc>((), 1);
            return Receive::Filtered;
        };
        if self.is_control(&header) && !self.passes_control(bus, &header, frame) {
            return Receive::Filtered;
        }
        match self.steer(&header, frame, Origin::Wire) {
            Verdict::Unwanted => Receive::Filtered,
            Verdict::TooLong => {
                self.registers.count::<Roc>((), 1);
                Receive::Filtered
            }
            Verdict::Wanted(queues, hash) => {
                let queues = queues.into();
                let parcel = Parcel {
                    frame,
                    header,
                    hash,
                    queues,
                    looped: false,
                };
                self.accept(bus, parcel)
            }
        }
    }

    /// Takes a frame that a pool sent to others through the card's switch.
    pub(super) fn loop_back(&mut self, bus: &mut Bus, sender: Pool, frame: &[u8]) {
        if !self.registers.get::<Rctl>(()).enable() {
            return;
        }
        let Some(header) = self.parse(frame) else {
            return;
        };
        if let Verdict::Wanted(queues, hash) = self.steer(&header, frame, Origin::Pool(sender)) {
            let queues = queues.into();
            let parcel = Parcel {
                frame,
                header,
                hash,
                queues,
                looped: true,
            };
            self.accept(bus, parcel);
        }
    }

    pub(super) fn has_room(&self, bus: &Bus, frame: &[u8]) -> bool {
        if !self.receives(bus) || self.packet_buffer.is_holding() {
            return false;
        }
        let Some(header) = self.parse(frame) else {
            return true;
        };
        let Verdict::Wanted(queues, _) = self.steer(&header, frame, Origin::Wire) else {
            return true;
        };
        let bytes = frame.len().max(SHORTEST) + FCS;
        numbers(queues.into())
            .filter_map(RxQueue::new)
            .all(|queue| {
                let side = &self.rx[queue.number() as usize];
                let needed = bytes.div_ceil(self.buffer_bytes(queue));
                !side.live.is_on()
                    || (!side.stuck && self.rx_ring(queue).owned() as usize >= needed)
            })
    }

    /// Takes note of a new tail.
    pub(super) fn announce(&mut self, bus: &mut Bus, queue: RxQueue) {
        let tail = self.registers.get::<Rdt>(queue).get();
        let number = queue.number() as usize;
        if !Ring::new(&self.registers, Rdbal::offset(queue), tail).tail_fits() {
            self.misuse.push(Misuse::ReceiveTail(number as u8));
        }
        if self.rx[number].live.is_on() {
            self.rx[number].tail = tail;
            self.drain(bus);
        }
    }

    pub(super) fn check_descriptor_type(&mut self, queue: RxQueue) {
        let kind = self.registers.get::<Srrctl>(queue).descriptor_type();
        if matches!(kind, DescriptorType::Other(_)) {
            self.misuse
                .push(Misuse::DescriptorType(queue.number() as u8));
        }
    }

    fn receives(&self, bus: &Bus) -> bool {
        self.masters(bus) && self.link_up && self.registers.get::<Rctl>(()).enable()
    }

    pub(super) fn parse(&self, frame: &[u8]) -> Option<Header> {
        let tag_type = self.registers.get::<Vet>(()).get() & 0xFFFF;
        Header::parse(frame, tag_type as u16)
    }
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::{ONE, Rig, frame, mac};
    use crate::{Misuse, Receive};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const MISSED: Receive = Receive::Stored {
        copies: 0,
        missed: 1,
    };

    #[test]
    fn a_frame_reaches_its_buffer_and_done_is_set() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 100);

        assert_eq!(rig.model.receive(&sent), ONE);

        let got = rig.got(0);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].bytes, sent);
        assert!(got[0].status.end_of_packet());
        assert_eq!(rig.get(Rdh::BASE), 1);
        assert_eq!(rig.model.misuse(), []);
        assert_eq!(rig.model.faults(), []);
    }

    #[test]
    fn a_short_frame_is_padded_and_a_runt_is_counted() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 14);
        assert_eq!(rig.model.receive(&sent), ONE);
        let got = rig.got(0).remove(0).bytes;
        assert_eq!(got[..14], sent);
        assert_eq!(got[14..], [0; 46]);
        assert_eq!(rig.get(Ruc::BASE), 0);

        assert_eq!(rig.model.receive(&sent[..13]), Receive::Filtered);
        assert_eq!(rig.model.receive(&[]), Receive::Filtered);
        assert_eq!(rig.get(Ruc::BASE), 2);
    }

    #[test]
    fn descriptors_announced_before_the_queue_is_live_do_not_exist() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.set(Mrqc::BASE, 0);
        rig.rx(0, 0);
        rig.set(Rxdctl::BASE, 0);
        while rig.get(Rxdctl::BASE) & (1 << 25) != 0 {}
        rig.set(Rdt::BASE, 7);
        rig.set(Rxdctl::BASE, 1 << 25);
        while rig.get(Rxdctl::BASE) & (1 << 25) == 0 {}
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&sent), MISSED);
        rig.set(Rdt::BASE, 7);
        assert_eq!(rig.model.receive(&sent), ONE);
    }

    #[test]
    fn a_tail_beyond_the_ring_offers_nothing() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 8);
        assert_eq!(rig.model.misuse(), [Misuse::ReceiveTail(0)]);
        assert_eq!(rig.model.receive(&frame(mac(1), mac(9), 60)), MISSED);
    }

    #[test]
    fn nothing_is_received_without_link_bus_mastering_or_rctl_en() {
        use lockgate_drivers::device::Function;
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 60);
        rig.model.set_link(false);
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        assert!(!rig.model.room(&sent));
        rig.model.set_link(true);
        while rig.get(Status::BASE) & 2 == 0 {}
        rig.model.set_bus_master(false).unwrap();
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        rig.model.set_bus_master(true).unwrap();
        rig.set(Rctl::BASE, 0);
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        rig.set(Rctl::BASE, 0x0400_0002);
        assert_eq!(rig.model.receive(&sent), ONE);
        assert_eq!(rig.got(0).len(), 1);
    }
}
