//! Statistics of the pools: each counts its copies.
//!
//! Not here: those of the MAC ([`crate::counters`]).

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Nic;
use super::undriven::*;
use crate::counters::octets;

impl Nic {
    /// Counts a copy that reached a pool.
    pub(super) fn count_pool_received(&mut self, pool: Pool, multicast: bool, bytes: usize) {
        self.wrap::<Pvfgprc>(pool, 1);
        self.wrap::<Pvfgorc>(pool, octets(bytes) as u32);
        self.wrap::<Pvfmprc>(pool, u32::from(multicast));
    }

    /// Counts a frame that a pool was let send.
    pub(super) fn count_pool_sent(&mut self, pool: Pool, bytes: usize) {
        self.wrap::<Pvfgptc>(pool, 1);
        self.wrap::<Pvfgotc>(pool, octets(bytes) as u32);
    }

    /// Adds to a counter that wraps, as those of the pools do.
    fn wrap<R: Register<Index = Pool>>(&mut self, pool: Pool, by: u32) {
        let offset = R::offset(pool);
        let old = self.registers.word(offset);
        self.registers.put(offset, old.wrapping_add(by));
    }

    /// Counts a frame that receive queue `queue` dropped, in 12 bits.
    pub(super) fn count_dropped(&mut self, queue: RxQueue) {
        let offset = Rqdpc::offset(queue);
        let old = self.registers.word(offset);
        self.registers.put(offset, (old + 1).min(0xFFF));
    }
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::{BROADCAST, Rig, frame, mac};
    use crate::igb::undriven::*;
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    #[test]
    fn every_counter_returns_to_zero_when_read() {
        let mut rig = Rig::new();
        rig.rx(0, 7);
        rig.set(Rctl::BASE, 0x0400_8002);
        rig.model.receive(&frame(BROADCAST, mac(9), 123));
        rig.model.receive(&frame(mac(1), mac(9), 60));
        let ones = [Tpr::BASE, Gprc::BASE, Bprc::BASE, Prc127::BASE, Torl::BASE];
        assert_eq!(ones.map(|at| rig.get(at)), [2, 1, 1, 1, 191]);
        assert_eq!(ones.map(|at| rig.get(at)), [0, 0, 0, 0, 191]);
        assert_eq!(rig.get(Torh::BASE), 0);
        assert_eq!(rig.get(Torl::BASE), 0);
    }

    #[test]
    fn pools_count_their_copies_and_the_mac_counts_once() {
        let mut rig = Rig::with_pools(3);
        for pool in 0..3 {
            rig.rx(pool, 7);
            rig.set(Vmolr::BASE + 4 * pool, 0x9000_2600);
        }
        rig.model
            .receive(&frame([1, 0, 0x5E, 0, 0, 1], mac(9), 100));
        assert_eq!(rig.get(Gprc::BASE), 1);
        assert_eq!(rig.get(Mprc::BASE), 1);
        for pool in 0..3 {
            let at = |first: u32| first + 0x100 * pool;
            let counters = [Pvfgprc::BASE, Pvfgorc::BASE, Pvfmprc::BASE];
            assert_eq!(counters.map(|first| rig.get(at(first))), [1, 104, 1]);
            assert_eq!(rig.get(at(Pvfgprc::BASE)), 1, "not cleared by reading");
        }
    }

    #[test]
    fn frames_sent_are_counted_by_size_and_kind() {
        let mut rig = Rig::with_pools(3);
        rig.tx(1);
        rig.send(1, &frame(BROADCAST, mac(1), 60));
        rig.send(1, &frame([1, 0, 0x5E, 0, 0, 1], mac(1), 61));
        rig.send(1, &frame(mac(2), mac(1), 1514));
        let counters = [
            Gptc::BASE,
            Tpt::BASE,
            Bptc::BASE,
            Mptc::BASE,
            Ptc64::BASE,
            Ptc127::BASE,
            Ptc1522::BASE,
            Totl::BASE,
            Pvfgptc::BASE + 0x100,
            Pvfgotc::BASE + 0x100,
        ];
        let bytes = 64 + 65 + 1518;
        assert_eq!(
            counters.map(|at| rig.get(at)),
            [3, 3, 1, 1, 1, 1, 1, bytes, 3, bytes]
        );
    }
}
