//! Statistics of the MAC and of the pools.
//!
//! Octets and lengths include the check sequence. "Good" frames received are
//! those that passed the filters and found room in the packet buffer, once each,
//! however many pools they are for; pools count their copies.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Nic;
use crate::ethernet::Header;
use crate::wire::FCS;

impl Nic {
    /// Counts a frame off the wire, whatever becomes of it.
    pub(super) fn count_total_received(&mut self, bytes: usize) {
        self.registers.count::<Tpr>((), 1);
        self.registers.count_wide::<Torl>((), octets(bytes));
    }

    /// Counts a frame that passed the filters.
    pub(super) fn count_received(&mut self, header: &Header, bytes: usize) {
        let classes = [
            Prc64::BASE,
            Prc127::BASE,
            Prc255::BASE,
            Prc511::BASE,
            Prc1023::BASE,
            Prc1522::BASE,
        ];
        self.count_size(classes, bytes);
        self.registers.count::<Gprc>((), 1);
        self.registers.count_wide::<Gorcl>((), octets(bytes));
        if header.is_broadcast() {
            self.registers.count::<Bprc>((), 1);
        } else if header.is_multicast() {
            self.registers.count::<Mprc>((), 1);
        }
    }

    /// Counts a copy that reached a pool.
    pub(super) fn count_pool_received(&mut self, pool: Pool, multicast: bool, bytes: usize) {
        self.wrap::<Pvfgprc>(pool, 1);
        self.wrap::<Pvfgorc>(pool, octets(bytes) as u32);
        self.wrap::<Pvfmprc>(pool, u32::from(multicast));
    }

    /// Counts a frame that left on the wire.
    pub(super) fn count_sent(&mut self, header: &Header, bytes: usize) {
        let classes = [
            Ptc64::BASE,
            Ptc127::BASE,
            Ptc255::BASE,
            Ptc511::BASE,
            Ptc1023::BASE,
            Ptc1522::BASE,
        ];
        self.count_size(classes, bytes);
        self.registers.count::<Gptc>((), 1);
        self.registers.count::<Tpt>((), 1);
        self.registers.count_wide::<Gotcl>((), octets(bytes));
        self.registers.count_wide::<Totl>((), octets(bytes));
        if header.is_broadcast() {
            self.registers.count::<Bptc>((), 1);
        } else if header.is_multicast() {
            self.registers.count::<Mptc>((), 1);
        }
    }

    /// Counts a frame that a pool was let send.
    pub(super) fn count_pool_sent(&mut self, pool: Pool, bytes: usize) {
        self.wrap::<Pvfgptc>(pool, 1);
        self.wrap::<Pvfgotc>(pool, octets(bytes) as u32);
    }

    fn count_size(&mut self, classes: [u32; 6], bytes: usize) {
        let [c64, c127, c255, c511, c1023, longer] = classes;
        let class = match bytes + FCS {
            0..=64 => c64,
            65..=127 => c127,
            128..=255 => c255,
            256..=511 => c511,
            512..=1023 => c1023,
            _ => longer,
        };
        let old = self.registers.word(class);
        self.registers.put(class, old.saturating_add(1));
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

fn octets(bytes: usize) -> u64 {
    (bytes + FCS) as u64
}
