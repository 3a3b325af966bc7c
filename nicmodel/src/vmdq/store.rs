//! From the packet buffer into a ring: offloads, buffers, write-back.
//!
//! Descriptors are written back one by one, the word with DD last.
//!
//! Not here: what happens when there are too few ([`super::buffer`]).

use lockgate_regs::descriptor::{BYTES, DescriptorType, RxInfo, RxStatus, ring};

use super::buffer::Parcel;
use super::{Event, Nic, RegisterMap};
use crate::chip::Bus;
use crate::counters::Rnbc;
use crate::fault::DmaFault;
use crate::packet::packet_type;
use crate::ring::Ring;
use crate::wire::{HEADER, check_sequence};

/// What is written back into a descriptor.
#[derive(Debug, Clone, Copy)]
struct WriteBack {
    info: RxInfo,
    status: RxStatus,
}

impl<M: RegisterMap> Nic<M> {
    /// Stores a copy in a queue's buffers; false when there are too few.
    pub(super) fn store(&mut self, bus: &mut Bus, queue: M::RxQueue, parcel: &Parcel<'_>) -> bool {
        let (bytes, whole) = self.offload(queue, parcel);
        let size = M::buffer_bytes(&self.registers, queue);
        let needed = bytes.len().div_ceil(size);
        let mut descriptors = self.rx_ring(queue);
        if self.rx_side(queue).stuck || (descriptors.owned() as usize) < needed {
            self.registers.count::<Rnbc>((), 1);
            self.map.raise(&mut self.registers, Event::NoDescriptor);
            return false;
        }
        for (at, piece) in bytes.chunks(size).enumerate() {
            let mut back = WriteBack {
                info: RxInfo::new(),
                status: RxStatus::new(),
            };
            if at + 1 == needed {
                back.info = self.info(queue, parcel);
                back.status = whole.with_end_of_packet(true);
            }
            back.status.set_length(piece.len() as u16);
            if self.fill(bus, queue, &descriptors, piece, back).is_err() {
                self.rx_side_mut(queue).stuck = true;
                return false;
            }
            let head = M::receive_ring(queue) + ring::HEAD;
            self.registers.put(head, descriptors.advance());
        }
        M::count_received(
            &mut self.registers,
            queue,
            &parcel.header,
            parcel.frame.len(),
        );
        self.map.raise(&mut self.registers, Event::Received(queue));
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
        queue: M::RxQueue,
        ring: &Ring,
        piece: &[u8],
        WriteBack { info, status }: WriteBack,
    ) -> Result<(), DmaFault> {
        let at = ring.address();
        let buffer = bus.domain.load_u64(at)?;
        let _posted = bus.domain.write(buffer, piece);
        let status = status.with_done(true);
        let (first, second) = match M::descriptor_type(&self.registers, queue) {
            DescriptorType::Legacy => (buffer, legacy(status)),
            _ => (info.into(), status.into()),
        };
        let _posted = bus.domain.store_u64(at, first);
        let _posted = bus
            .domain
            .store_u64(at.wrapping_add(BYTES as u64 / 2), second);
        Ok(())
    }

    fn info(&self, queue: M::RxQueue, parcel: &Parcel<'_>) -> RxInfo {
        let info = RxInfo::new().with_packet_type(packet_type(&parcel.header, parcel.frame));
        match parcel.hash {
            Some(hash) if M::reports_hash(&self.registers, queue) => {
                info.with_rss_type(hash.kind).with_hash(hash.value)
            }
            _ => info,
        }
    }

    /// The bytes that go to memory: without tag or with check sequence, as the
    /// switches say.
    fn offload(&self, queue: M::RxQueue, parcel: &Parcel<'_>) -> (Vec<u8>, RxStatus) {
        let mut bytes = parcel.frame.to_vec();
        if !M::strips_crc(&self.registers, queue, &parcel.header) {
            bytes.extend(check_sequence(parcel.frame));
        }
        let mut status = RxStatus::new().with_loopback(parcel.looped);
        if let Some(tag) = parcel.header.tag
            && M::strips_vlan(&self.registers, queue, &parcel.header)
        {
            bytes.drain(HEADER - 2..HEADER + 2);
            status = status.with_vlan_stripped(true).with_vlan(tag);
        }
        (bytes, status)
    }

    pub(super) fn rx_ring(&self, queue: M::RxQueue) -> Ring {
        let tail = self.rx_side(queue).tail;
        Ring::new(&self.registers, M::receive_ring(queue), tail)
    }
}

/// A legacy write-back's second word: length, status and tag move down.
fn legacy(status: RxStatus) -> u64 {
    let bits = u64::from(status);
    u64::from(status.length()) | ((bits & 0xFF) << 32) | (u64::from(status.vlan()) << 48)
}
