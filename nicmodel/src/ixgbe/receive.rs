//! Receive: what the card makes of a frame that reaches it.
//!
//! A frame is padded, counted, looked at as MAC control, steered; what is wanted
//! goes into the packet buffer. Descriptors count only if they were announced
//! while their queue was live.
//!
//! Not here: which queues a frame is for ([`super::steering`]) and how it gets
//! there ([`super::buffer`], [`super::store`]).

use lockgate_regs::descriptor::ring;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::steering::{Origin, Verdict};
use crate::buffer::{Buffered, Parcel, numbers};
use crate::chip::{Bus, Receive};
use crate::counters::count_total;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::ring::Ring;
use crate::wire::{FCS, SHORTEST, padded};

use crate::queue::RxSide;

impl Nic {
    pub(super) fn rx_side(&self, queue: RxQueue) -> &RxSide {
        &self.rx[queue.number() as usize]
    }

    pub(super) fn rx_side_mut(&mut self, queue: RxQueue) -> &mut RxSide {
        &mut self.rx[queue.number() as usize]
    }

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
        if !self.registers.get::<Rxctrl>(()).enable() {
            return;
        }
        let Some(header) = self.parse(frame) else {
            return;
        };
        if let Verdict::Wanted(queues, hash) = self.steer(&header, frame, Origin::Pool(sender)) {
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
        numbers(queues).filter_map(RxQueue::new).all(|queue| {
            let side = self.rx_side(queue);
            let needed = bytes.div_ceil(self.buffer_bytes(queue));
            !side.live.is_on() || (!side.stuck && self.rx_ring(queue).owned() as usize >= needed)
        })
    }

    /// Takes note of a new tail.
    pub(super) fn announce(&mut self, bus: &mut Bus, queue: RxQueue) {
        let tail = self.registers.word(Rdbal::offset(queue) + ring::TAIL);
        if !Ring::new(&self.registers, Rdbal::offset(queue), tail).tail_fits() {
            self.misuse.push(Misuse::ReceiveTail(queue.number() as u8));
        }
        let side = self.rx_side_mut(queue);
        if side.live.is_on() {
            side.tail = tail;
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
        self.masters(bus)
            && self.link_is_up()
            && self.registers.get::<Rxctrl>(()).enable()
            && !self.registers.get::<Secrxctrl>(()).pause()
    }

    pub(super) fn parse(&self, frame: &[u8]) -> Option<Header> {
        Header::parse(frame, self.registers.get::<Vlnctrl>(()).ethertype())
    }
}
