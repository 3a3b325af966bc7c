//! The packet buffer of the 82599: how large it is, and which queues may drop.
//!
//! A queue may drop if SRRCTL.Drop_En or PFQDE says so.
//!
//! Not here: what waits and in which order ([`crate::buffer`]).

use lockgate_regs::Index;
use lockgate_regs::ixgbe::{self, Mpc, RxQueue, Srrctl};

use super::Nic;
use super::undriven::Rxpbsize;
use crate::buffer::{Buffered, PacketBuffer, Parcel, Placed};
use crate::chip::Bus;
use crate::registers::Registers;

impl Buffered for Nic {
    fn packet_buffer(&mut self) -> &mut PacketBuffer {
        &mut self.packet_buffer
    }

    fn registers(&mut self) -> &mut Registers {
        &mut self.registers
    }

    /// Of packet buffer 0, which all frames go to without traffic classes.
    fn capacity(&self) -> usize {
        let first = ixgbe::PacketBuffer::new(0);
        first.map_or(0, |at| self.registers.get::<Rxpbsize>(at).get() as usize)
    }

    fn count_missed(&mut self) {
        if let Some(first) = ixgbe::PacketBuffer::new(0) {
            self.registers.count::<Mpc>(first, 1);
        }
    }

    fn may_move(&self, bus: &Bus) -> bool {
        self.masters(bus)
    }

    fn place(&mut self, bus: &mut Bus, queue: u32, parcel: &Parcel<'_>) -> Placed {
        let live = |queue: &RxQueue| self.rx_side(*queue).live.is_on();
        let Some(queue) = RxQueue::new(queue).filter(live) else {
            return Placed::Missed;
        };
        if self.store(bus, queue, parcel) {
            return Placed::Stored;
        }
        let all = self.drops & 1 << queue.number() != 0;
        if !self.registers.get::<Srrctl>(queue).drop_enable() && !all {
            return Placed::Blocked;
        }
        self.count_dropped(queue);
        Placed::Missed
    }
}
