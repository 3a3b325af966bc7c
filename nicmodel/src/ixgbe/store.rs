//! From the packet buffer into a ring: offloads, buffers, write-back.
//!
//! Descriptors are written back one by one, the word with DD last.
//!
//! Not here: what happens when there are too few ([`super::buffer`]).

use lockgate_regs::descriptor::{BYTES, RxInfo, RxStatus, ring};
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::interrupt::Direction;
use crate::buffer::Parcel;
use crate::chip::Bus;
use crate::counters::Rnbc;
use crate::fault::DmaFault;
use crate::packet::packet_type;
use crate::ring::Ring;
use crate::wire::{HEADER, check_sequence};

impl Nic {
    /// Stores a copy in a queue's buffers; false when there are too few.
    pub(super) fn store(&mut self, bus: &mut Bus, queue: RxQueue, parcel: &Parcel<'_>) -> bool {
        let (bytes, mut status) = self.offload(queue, parcel);
        let mut descriptors = self.rx_ring(queue);
        let size = self.buffer_bytes(queue);
        let needed = bytes.len().div_ceil(size);
        if self.rx_side(queue).stuck || (descriptors.owned() as usize) < needed {
            self.registers.count::<Rnbc>((), 1);
            return false;
        }
        let info = self.info(parcel);
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
            if self
                .fill(bus, queue, &descriptors, piece, write_back)
                .is_err()
            {
                self.rx_side_mut(queue).stuck = true;
                return false;
            }
            let head = descriptors.advance();
            self.registers.put(Rdbal::offset(queue) + ring::HEAD, head);
        }
        self.count_queue_received(queue, parcel.frame.len());
        self.raise_queue(queue.number(), Direction::Receive);
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

    fn info(&self, parcel: &Parcel<'_>) -> RxInfo {
        let info = RxInfo::new().with_packet_type(packet_type(&parcel.header, parcel.frame));
        match parcel.hash {
            Some((kind, value)) => info.with_rss_type(kind).with_hash(value),
            None => info,
        }
    }

    /// The bytes that go to memory: without tag or with check sequence, as the
    /// switches say.
    fn offload(&self, queue: RxQueue, parcel: &Parcel<'_>) -> (Vec<u8>, RxStatus) {
        let mut bytes = parcel.frame.to_vec();
        let strips = self.registers.get::<Hlreg0>(()).strip_crc()
            && self.registers.get::<Rdrxctl>(()).strip_crc();
        if !strips {
            bytes.extend(check_sequence(parcel.frame));
        }
        let mut status = RxStatus::new().with_loopback(parcel.looped);
        let strips = self.registers.get::<Rxdctl>(queue).strip_vlan();
        if let Some(tag) = parcel.header.tag.filter(|_| strips) {
            bytes.drain(HEADER - 2..HEADER + 2);
            status = status.with_vlan_stripped(true).with_vlan(tag);
        }
        (bytes, status)
    }

    pub(super) fn rx_ring(&self, queue: RxQueue) -> Ring {
        Ring::new(
            &self.registers,
            Rdbal::offset(queue),
            self.rx_side(queue).tail,
        )
    }

    /// Bytes of the queue's buffers (SRRCTL); without a size there it is the least.
    pub(super) fn buffer_bytes(&self, queue: RxQueue) -> usize {
        usize::from(self.registers.get::<Srrctl>(queue).packet_kib().max(1)) * 1024
    }
}

/// A legacy write-back's second word: length, status and tag move down.
fn legacy(status: RxStatus) -> u64 {
    let bits = u64::from(status);
    u64::from(status.length()) | ((bits & 0xFF) << 32) | (u64::from(status.vlan()) << 48)
}
