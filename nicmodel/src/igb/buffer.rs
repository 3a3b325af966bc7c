//! The packet buffer, between filters and rings.
//!
//! A queue that finds no descriptors drops the frame if it may (SRRCTL.DROP_EN or
//! QDE); if it may not, the frame stays and everything behind it waits, whichever
//! queue it is for.
//!
//! Not here: which queues a frame is for ([`super::steering`]) and how a ring
//! takes one ([`super::store`]).

use std::collections::VecDeque;

use lockgate_regs::Index;
use lockgate_regs::igb::*;

use super::Nic;
use super::rss::Hash;
use super::undriven::Rxpbs;
use crate::chip::{Bus, Receive};
use crate::counters::count_received;
use crate::ethernet::Header;

/// A frame in the packet buffer, and the queues that have yet to get it.
#[derive(Debug, Clone)]
pub(super) struct Parcel<'a> {
    pub(super) frame: &'a [u8],
    pub(super) header: Header,
    pub(super) hash: Option<Hash>,
    pub(super) queues: u16,
    pub(super) looped: bool,
}

/// A parcel that waits.
#[derive(Debug)]
struct Waiting {
    frame: Box<[u8]>,
    header: Header,
    hash: Option<Hash>,
    queues: u16,
    looped: bool,
}

/// Frames that wait for descriptors, oldest first.
#[derive(Debug, Default)]
pub(super) struct PacketBuffer {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

/// What became of a parcel's copies.
#[derive(Debug, Default)]
struct Outcome {
    copies: u8,
    missed: u8,
    /// Queues that are full and may not drop.
    blocked: u16,
}

impl Nic {
    /// Puts a frame into the packet buffer, and on into rings if nothing waits.
    pub(super) fn accept(&mut self, bus: &mut Bus, parcel: Parcel<'_>) -> Receive {
        let size = self.registers.get::<Rxpbs>(()).get() as usize * 1024;
        if self.packet_buffer.bytes + parcel.frame.len() > size {
            self.registers.count::<Mpc>((), 1);
            return Receive::Stored { copies: 0, missed: parcel.queues.count_ones() as u8 };
        }
        if !parcel.looped {
            count_received(&mut self.registers, &parcel.header, parcel.frame.len());
        }
        let outcome = match self.packet_buffer.waiting.is_empty() {
            true => self.deliver(bus, &parcel),
            false => Outcome { blocked: parcel.queues, ..Outcome::default() },
        };
        if outcome.blocked == 0 {
            return Receive::Stored { copies: outcome.copies, missed: outcome.missed };
        }
        self.packet_buffer.bytes += parcel.frame.len();
        self.packet_buffer.waiting.push_back(Waiting {
            frame: parcel.frame.into(),
            header: parcel.header,
            hash: parcel.hash,
            queues: outcome.blocked,
            looped: parcel.looped,
        });
        Receive::Held
    }

    fn deliver(&mut self, bus: &mut Bus, parcel: &Parcel<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for queue in queues_of(parcel.queues) {
            if !self.rx[queue.number() as usize].live.is_on() {
                outcome.missed += 1;
            } else if self.store(bus, queue, parcel) {
                outcome.copies += 1;
            } else if self.may_drop(queue) {
                self.count_dropped(queue);
                outcome.missed += 1;
            } else {
                outcome.blocked |= 1 << queue.number();
            }
        }
        outcome
    }

    /// Moves what waits in the packet buffer, as far as rings have room.
    pub(super) fn drain(&mut self, bus: &mut Bus) {
        while self.masters(bus)
            && let Some(mut first) = self.packet_buffer.waiting.pop_front()
        {
            let parcel = Parcel {
                frame: &first.frame,
                header: first.header,
                hash: first.hash,
                queues: first.queues,
                looped: first.looped,
            };
            let blocked = self.deliver(bus, &parcel).blocked;
            if blocked != 0 {
                first.queues = blocked;
                self.packet_buffer.waiting.push_front(first);
                return;
            }
            self.packet_buffer.bytes -= first.frame.len();
        }
    }

    /// Whether a frame waits.
    pub(super) fn is_holding(&self) -> bool {
        !self.packet_buffer.waiting.is_empty()
    }

    fn may_drop(&self, queue: RxQueue) -> bool {
        let all = self.registers.get::<Qde>(()).get();
        self.registers.get::<Srrctl>(queue).drop_enable() || all & (1 << queue.number()) != 0
    }
}

/// The queues of a bit map, in order.
pub(super) fn queues_of(bits: u16) -> impl Iterator<Item = RxQueue> {
    RxQueue::all().filter(move |queue| bits & (1 << queue.number()) != 0)
}

#[cfg(test)]
mod tests {
    use crate::Receive;
    use crate::igb::rig::{ONE, Rig, frame, mac};
    use crate::igb::undriven::Rnbc;
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const MISSED: Receive = Receive::Stored { copies: 0, missed: 1 };

    #[test]
    fn a_full_ring_drops_and_counts_if_it_may() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 2);
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!([(); 3].map(|()| rig.model.receive(&sent)), [ONE, ONE, MISSED]);
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
