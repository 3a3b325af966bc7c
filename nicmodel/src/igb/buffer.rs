//! The packet buffer of the 82576: how large it is, and which queues may drop.
//!
//! A queue may drop if SRRCTL.DROP_EN or QDE says so.
//!
//! Not here: what waits and in which order ([`crate::buffer`]).

use lockgate_regs::Index;
use lockgate_regs::igb::*;

use super::Nic;
use super::undriven::Rxpbs;
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

    fn capacity(&self) -> usize {
        self.registers.get::<Rxpbs>(()).get() as usize * 1024
    }

    fn count_missed(&mut self) {
        self.registers.count::<Mpc>((), 1);
    }

    fn may_move(&self, bus: &Bus) -> bool {
        self.masters(bus)
    }

    fn place(&mut self, bus: &mut Bus, queue: u32, parcel: &Parcel<'_>) -> Placed {
        let live = |queue: &RxQueue| self.rx[queue.number() as usize].live.is_on();
        let Some(queue) = RxQueue::new(queue).filter(live) else {
            return Placed::Missed;
        };
        if self.store(bus, queue, parcel) {
            return Placed::Stored;
        }
        let all = self.registers.get::<Qde>(()).get();
        if !self.registers.get::<Srrctl>(queue).drop_enable() && all & 1 << queue.number() == 0 {
            return Placed::Blocked;
        }
        self.count_dropped(queue);
        Placed::Missed
    }
}

#[cfg(test)]
mod tests {
    use crate::Receive;
    use crate::igb::rig::{ONE, Rig, frame, mac};
    use crate::igb::undriven::Rnbc;
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const MISSED: Receive = Receive::Stored {
        copies: 0,
        missed: 1,
    };

    #[test]
    fn a_full_ring_drops_and_counts_if_it_may() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 2);
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!(
            [(); 3].map(|()| rig.model.receive(&sent)),
            [ONE, ONE, MISSED]
        );
        assert!(!rig.model.room(&sent));
        assert_eq!(rig.get(Rqdpc::BASE), 1);
        assert_eq!(rig.get(Rqdpc::BASE), 0);
        assert_eq!(rig.get(Rnbc::BASE), 1);
        assert_eq!(rig.get(Gprc::BASE), 3);

        rig.set(Rdt::BASE, 3);
        assert!(rig.model.room(&sent));
        assert_eq!(rig.model.receive(&sent), ONE);
    }

    #[test]
    fn a_full_ring_that_may_not_drop_holds_up_its_neighbours() {
        let mut rig = Rig::with_pools(3);
        rig.address(0, mac(1), 1);
        rig.address(1, mac(2), 2);
        rig.rx_with(0, 1, 0x0200_0002);
        rig.rx(1, 7);
        let (first, second) = (frame(mac(1), mac(9), 60), frame(mac(2), mac(9), 60));
        assert_eq!(rig.model.receive(&first), ONE);
        assert_eq!(rig.model.receive(&first), Receive::Held);
        assert_eq!(rig.model.receive(&second), Receive::Held);
        assert_eq!(rig.got(1), []);

        rig.set(Rdt::BASE, 3);
        assert_eq!(rig.got(0).len(), 2);
        assert_eq!(rig.got(1).len(), 1);
    }

    #[test]
    fn what_exceeds_the_packet_buffer_is_missed() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx_with(0, 0, 0x0200_0002);
        let sent = frame(mac(1), mac(9), 1024);
        for _ in 0..64 {
            assert_eq!(rig.model.receive(&sent), Receive::Held);
        }
        assert_eq!(rig.model.receive(&sent), MISSED);
        assert_eq!(rig.get(Mpc::BASE), 1);
        rig.set(Qde::BASE, 1);
        assert_eq!(rig.get(Rqdpc::BASE), 64);
    }

    #[test]
    fn a_reset_empties_the_packet_buffer() {
        use lockgate_drivers::device::Function;
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx_with(0, 0, 0x0200_0002);
        let old = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&old), Receive::Held);
        rig.model.reset().unwrap();
        rig.model.set_bus_master(true).unwrap();
        rig.link_up();
        rig.set(Rctl::BASE, 0x0400_0002);
        rig.address(0, mac(1), 0);
        rig.rx_with(0, 7, 0x0200_0002);
        assert_eq!(rig.got(0), []);
        assert!(rig.model.room(&old));
    }
}
