//! From the packet buffer into a ring: offloads, buffers, write-back.
//!
//! Descriptors are written back one by one, the word with DD last.
//!
//! Not here: what happens when there are too few ([`super::buffer`]).

use lockgate_regs::descriptor::{BYTES, RxInfo, RxStatus};
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::undriven::Rnbc;
use crate::buffer::Parcel;
use crate::chip::Bus;
use crate::fault::DmaFault;
use crate::packet::packet_type;
use crate::ring::Ring;
use crate::wire::{HEADER, check_sequence};

/// ICR.RXDW and ICR.RXO: a frame was stored; one found no descriptor.
const STORED: u32 = 1 << 7;
const OVERRUN: u32 = 1 << 6;

impl Nic {
    /// Stores a copy in a queue's buffers; false when there are too few.
    pub(super) fn store(&mut self, bus: &mut Bus, queue: RxQueue, parcel: &Parcel<'_>) -> bool {
        let number = queue.number() as usize;
        let (bytes, mut status) = self.offload(queue, parcel);
        let mut ring = self.rx_ring(queue);
        let size = self.buffer_bytes(queue);
        let needed = bytes.len().div_ceil(size);
        if self.rx[number].stuck || (ring.owned() as usize) < needed {
            self.registers.count::<Rnbc>((), 1);
            self.raise(OVERRUN);
            return false;
        }
        let info = self.info(queue, parcel);
        for (at, piece) in bytes.chunks(size).enumerate() {
            let last = at + 1 == needed;
            status.set_length(piece.len() as u16);
            let write_back = match last {
                true => (info, status.with_end_of_packet(true)),
                false => (
                    RxInfo::new(),
                    RxStatus::new().with_length(piece.len() as u16),
                ),
            };
            if self.fill(bus, queue, &ring, piece, write_back).is_err() {
                self.rx[number].stuck = true;
                return false;
            }
            let head = ring.advance();
            self.registers.put(Rdh::offset(queue), head);
        }
        self.raise(STORED);
        self.raise_received(queue);
        if self.has_pools() {
            let multicast = parcel.header.is_multicast();
            self.count_pool_received(queue.pool(), multicast, parcel.frame.len());
        }
        true
    }

    /// Fills the buffer of the descriptor at the head and writes it back. A write
    /// that the IOMMU refuses is posted: the card does not notice.
    ///
    /// # Errors
    /// The fault, when the descriptor itself could not be read.
    fn fill(
        &self,
        bus: &mut Bus,
        queue: RxQueue,
        ring: &Ring,
        piece: &[u8],
        (info, status): (RxInfo, RxStatus),
    ) -> Result<(), DmaFault> {
        let at = ring.address();
        let buffer = bus.domain.load_u64(at)?;
        let _posted = bus.domain.write(buffer, piece);
        let status = status.with_done(true);
        let kind = self.registers.get::<Srrctl>(queue).descriptor_type();
        let (first, second) = match kind {
            DescriptorType::Legacy => (buffer, legacy(status)),
            _ => (info.into(), status.into()),
        };
        let _posted = bus.domain.store_u64(at, first);
        let _posted = bus
            .domain
            .store_u64(at.wrapping_add(BYTES as u64 / 2), second);
        Ok(())
    }

    fn info(&self, queue: RxQueue, parcel: &Parcel<'_>) -> RxInfo {
        let info = RxInfo::new().with_packet_type(packet_type(&parcel.header, parcel.frame));
        let spread = match self.has_pools() {
            true => self.registers.get::<Vmolr>(queue.pool()).rss(),
            false => true,
        };
        match parcel.hash.filter(|_| spread) {
            Some((kind, value)) => info.with_rss_type(kind).with_hash(value),
            None => info,
        }
    }

    /// The bytes that go to memory: without tag or with check sequence, as the
    /// switches say.
    fn offload(&self, queue: RxQueue, parcel: &Parcel<'_>) -> (Vec<u8>, RxStatus) {
        let mut bytes = parcel.frame.to_vec();
        if !self.strips_crc(queue, parcel) {
            bytes.extend(check_sequence(parcel.frame));
        }
        let mut status = RxStatus::new().with_loopback(parcel.looped);
        if let Some(tag) = parcel
            .header
            .tag
            .filter(|_| self.strips_vlan(queue, parcel))
        {
            bytes.drain(HEADER - 2..HEADER + 2);
            status = status.with_vlan_stripped(true).with_vlan(tag);
        }
        (bytes, status)
    }

    /// Multicast frames follow RPLOLR, others VMOLR of the pool.
    fn strips_vlan(&self, queue: RxQueue, parcel: &Parcel<'_>) -> bool {
        if !self.has_pools() {
            return self.registers.get::<Ctrl>(()).vlan_mode();
        }
        match parcel.header.is_multicast() {
            true => self.registers.get::<Rplolr>(()).strip_vlan(),
            false => self.registers.get::<Vmolr>(queue.pool()).strip_vlan(),
        }
    }

    /// The check sequence goes only if every switch that there is says so.
    fn strips_crc(&self, queue: RxQueue, parcel: &Parcel<'_>) -> bool {
        let all = self.registers.get::<Rctl>(()).strip_crc();
        if !self.has_pools() {
            return all;
        }
        let pool = match parcel.header.is_multicast() {
            true => self.registers.get::<Rplolr>(()).strip_crc(),
            false => self.registers.get::<Vmolr>(queue.pool()).strip_crc(),
        };
        all && pool
    }

    pub(super) fn rx_ring(&self, queue: RxQueue) -> Ring {
        let tail = self.rx[queue.number() as usize].tail;
        Ring::new(&self.registers, Rdbal::offset(queue), tail)
    }

    /// Bytes of the queue's buffers (SRRCTL, or else RCTL).
    pub(super) fn buffer_bytes(&self, queue: RxQueue) -> usize {
        match self.registers.get::<Srrctl>(queue).packet_kib() {
            0 => 2048 >> self.registers.get::<Rctl>(()).buffer_size(),
            kib => usize::from(kib) * 1024,
        }
    }
}

/// A legacy write-back's second word: length, status and tag move down.
fn legacy(status: RxStatus) -> u64 {
    let bits = u64::from(status);
    u64::from(status.length()) | ((bits & 0xFF) << 32) | (u64::from(status.vlan()) << 48)
}

#[cfg(test)]
mod tests {
    use crate::Receive;
    use crate::igb::rig::{BROADCAST, ONE, Rig, frame, mac, tagged};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const MISSED: Receive = Receive::Stored {
        copies: 0,
        missed: 1,
    };

    #[test]
    fn a_frame_over_several_buffers_ends_in_the_last() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.set(Rctl::BASE, 0x0400_0022);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 4097);

        assert_eq!(rig.model.receive(&sent), ONE);

        let got = rig.got(0);
        let ends: Vec<bool> = got.iter().map(|g| g.status.end_of_packet()).collect();
        assert_eq!(ends, [false, false, true]);
        let bytes: Vec<u8> = got.into_iter().flat_map(|g| g.bytes).collect();
        assert_eq!(bytes, sent);
    }

    #[test]
    fn without_secrc_the_check_sequence_follows_the_frame() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.set(Rctl::BASE, 0x0000_0002);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 60);
        rig.model.receive(&sent);
        let got = rig.got(0).remove(0).bytes;
        assert_eq!(got.len(), 64);
        assert_eq!(got[60..], super::check_sequence(&sent));
    }

    #[test]
    fn a_ring_can_be_filled_to_its_last_posted_descriptor_and_goes_round() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        for turn in 0..40_u32 {
            let sent = frame(mac(1), mac(9), 60 + turn as usize);
            assert_eq!(rig.model.receive(&sent), ONE);
            assert_eq!(rig.got(0)[0].bytes, sent);
            rig.set(Rdt::BASE, turn % 8);
        }
        assert_eq!(rig.model.faults(), []);
    }

    #[test]
    fn a_buffer_outside_every_mapping_is_a_fault_that_the_card_does_not_notice() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 2);
        assert!(rig.dma.memory.store_u64(0, 0xDEAD_0000));
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&sent), ONE);
        let faults = rig.model.faults();
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].iova.get(), faults[0].write), (0xDEAD_0000, true));
        assert_eq!(rig.model.receive(&sent), ONE);
        assert_eq!(rig.got(0).len(), 2);
    }

    #[test]
    fn a_ring_outside_every_mapping_is_stuck() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        rig.set(Rdbah::BASE, 0);
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&sent), MISSED);
        assert_eq!(rig.model.receive(&sent), MISSED);
        assert_eq!(rig.model.fault_count(), 1);
    }

    #[test]
    fn the_tag_goes_into_the_descriptor_where_the_pool_or_rplolr_says_so() {
        let mut rig = Rig::with_pools(3);
        rig.rx(0, 7);
        rig.address(1, mac(1), 1);
        rig.set(Vmolr::BASE, 0xD800_2600);
        let group = [1, 0, 0x5E, 0, 0, 1];
        let receive = |rig: &mut Rig, to| {
            let plain = frame(to, mac(9), 60);
            assert_eq!(rig.model.receive(&tagged(&plain, 0x6014)), ONE);
            let got = rig.got(0).remove(0);
            let stripped = got.bytes == plain;
            assert_eq!(stripped, got.status.vlan_stripped());
            assert_eq!(got.status.vlan(), if stripped { 0x6014 } else { 0 });
            stripped
        };
        assert!(receive(&mut rig, mac(1)));
        assert!(receive(&mut rig, BROADCAST));
        assert!(!receive(&mut rig, group));
        rig.set(Rplolr::BASE, 0xC000_0000);
        rig.set(Vmolr::BASE, 0x9800_2600);
        assert!(!receive(&mut rig, mac(1)));
        rig.set(Rdt::BASE, 3);
        assert!(!receive(&mut rig, BROADCAST));
        assert!(receive(&mut rig, group));
    }

    #[test]
    fn without_pools_ctrl_vme_takes_the_tag_out() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        rig.set(Ctrl::BASE, 0x4000_0041);
        let plain = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&tagged(&plain, 7)), ONE);
        assert_eq!(rig.got(0)[0].bytes, plain);
    }

    #[test]
    fn a_pool_that_keeps_check_sequences_gets_them_even_with_secrc() {
        let mut rig = Rig::with_pools(3);
        rig.address(1, mac(1), 1);
        rig.rx(0, 7);
        rig.set(Vmolr::BASE, 0x0000_2600);
        rig.model.receive(&frame(mac(1), mac(9), 60));
        assert_eq!(rig.got(0)[0].bytes.len(), 64);
    }

    #[test]
    fn a_legacy_queue_gets_the_legacy_layout() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx_with(0, 7, 0x8000_0002);
        rig.model.receive(&frame(mac(1), mac(9), 70));
        let buffer = rig.base.get() + 0x2_0000;
        assert_eq!(rig.dma.memory.load_u64(0), Some(buffer));
        assert_eq!(rig.dma.memory.load_u64(8), Some(3 << 32 | 70));
    }

    #[test]
    fn without_a_size_of_its_own_a_queue_has_that_of_rctl() {
        for (size, pieces) in [(0, 1), (1, 1), (2, 2), (3, 4)] {
            let mut rig = Rig::new();
            rig.address(0, mac(1), 0);
            rig.set(Rctl::BASE, 0x0400_0002 | size << 16);
            rig.rx_with(0, 7, 0x8200_0000);
            assert_eq!(rig.model.receive(&frame(mac(1), mac(9), 1000)), ONE);
            assert_eq!(rig.got(0).len(), pieces);
        }
    }
}
