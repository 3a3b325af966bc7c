//! Receive: what the card makes of a frame that reaches it.
//!
//! A frame is padded, counted, looked at as MAC control, steered; what is wanted
//! goes into the packet buffer. Descriptors count only if they were announced
//! while their queue was live.
//!
//! Not here: which queues a frame is for ([`super::steering`]) and how it gets
//! there ([`super::buffer`], [`super::store`]).

use lockgate_regs::Index;
use lockgate_regs::ixgbe::{Roc, Ruc};

use super::buffer::{Parcel, numbers};
use super::steering::{Origin, Verdict};
use super::{Nic, RegisterMap};
use crate::chip::{Bus, Receive};
use crate::counters::count_total;
use crate::ethernet::Header;
use crate::wire::{FCS, SHORTEST, padded};

impl<M: RegisterMap> Nic<M> {
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
            Verdict::Wanted { queues, hash } => {
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
    pub(super) fn loop_back(&mut self, bus: &mut Bus, sender: M::Pool, frame: &[u8]) {
        if !M::receives(&self.registers) {
            return;
        }
        let Some(header) = self.parse(frame) else {
            return;
        };
        let origin = Origin::Pool(sender.number());
        if let Verdict::Wanted { queues, hash } = self.steer(&header, frame, origin) {
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

    /// Whether every queue that would get the frame has room for it, or drops it anyway.
    pub(super) fn has_room(&self, bus: &Bus, frame: &[u8]) -> bool {
        if !self.receives(bus) || self.packet_buffer.is_holding() {
            return false;
        }
        let Some(header) = self.parse(frame) else {
            return true;
        };
        let Verdict::Wanted { queues, .. } = self.steer(&header, frame, Origin::Wire) else {
            return true;
        };
        let bytes = frame.len().max(SHORTEST) + FCS;
        numbers(queues).filter_map(M::RxQueue::new).all(|queue| {
            let side = self.rx_side(queue);
            let needed = bytes.div_ceil(M::buffer_bytes(&self.registers, queue));
            !side.live.is_on() || (!side.stuck && self.rx_ring(queue).owned() as usize >= needed)
        })
    }

    fn receives(&self, bus: &Bus) -> bool {
        self.masters(bus)
            && self.map.link_is_up(&self.registers)
            && M::receives(&self.registers)
            && !M::is_receive_paused(&self.registers)
    }

    pub(super) fn parse(&self, frame: &[u8]) -> Option<Header> {
        Header::parse(frame, M::tag_type(&self.registers))
    }
}
