//! Receive: filters, RSS, the packet buffer, and descriptors.
//!
//! A frame whose queue has too few descriptors waits, and so do all behind it, until the
//! packet buffer is full and frames are missed (MPC).
//!
//! Source: 82574 datasheet, chapter 7.

use lockgate_regs::descriptor::{BYTES, RxInfo, RxStatus};
use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, Register, TableWord};

use super::Nic;
use super::map::Pba;
use crate::chip::{Bus, Receive};
use crate::counters::{count_received, count_total};
use crate::ethernet::Header;
use crate::fault::DmaFault;
use crate::packet::indirection;
use crate::ring::Ring;
use crate::rss::{self, Hash, HashFields};
use crate::wire::{FCS, HEADER, SHORTEST, check_sequence};

/// The longest frame without RCTL.LPE and with it, check sequence not counted.
const ORDINARY: usize = 1518;
const LARGEST: usize = 16_380;

/// The type of MAC control frames (IEEE 802.3, clause 31).
const MAC_CONTROL: u16 = 0x8808;

/// ICR.RXT0: a frame was stored.
const STORED: u32 = 1 << 7;

impl Nic {
    pub(super) fn receive_frame(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        if !self.receives() {
            return Receive::NotReady;
        }
        count_total(&mut self.registers, frame.len().max(SHORTEST));
        let tag_type = self.registers.get::<Vet>(()).get() as u16;
        let Some(header) = Header::parse(frame, tag_type) else {
            self.registers.count::<Ruc>((), 1);
            return Receive::Filtered;
        };
        if self.is_too_long(frame.len()) {
            self.registers.count::<Roc>((), 1);
            return Receive::Filtered;
        }
        if !self.takes(&header) {
            return Receive::Filtered;
        }
        let mut padded = frame.to_vec();
        padded.resize(frame.len().max(SHORTEST), 0);
        let waiting: usize = self.held.iter().map(|held| held.len() + FCS).sum();
        let size = usize::from(self.registers.get::<Pba>(()).receive()) * 1024;
        if self.held.is_empty() && self.store(bus, &header, &padded) {
            count_received(&mut self.registers, &header, padded.len());
            return Receive::Stored {
                copies: 1,
                missed: 0,
            };
        }
        if waiting + padded.len() + FCS > size {
            self.registers.count::<Mpc>((), 1);
            return Receive::Stored {
                copies: 0,
                missed: 1,
            };
        }
        count_received(&mut self.registers, &header, padded.len());
        self.held.push_back(padded);
        Receive::Held
    }

    fn receives(&self) -> bool {
        self.link_up && self.registers.get::<Rctl>(()).enable()
    }

    /// Whether a frame would be stored at once, or goes nowhere anyway.
    pub(super) fn has_room(&self, bus: &Bus, frame: &[u8]) -> bool {
        let tag_type = self.registers.get::<Vet>(()).get() as u16;
        let Some(header) = Header::parse(frame, tag_type).filter(|_| self.receives()) else {
            return self.receives();
        };
        let unwanted = self.is_too_long(frame.len()) || !self.takes(&header);
        unwanted || self.held.is_empty() && self.queue_for(bus, &header, frame).is_some()
    }

    /// Stores what waits, in order, as far as there are descriptors.
    pub(super) fn drain(&mut self, bus: &mut Bus) {
        let tag_type = self.registers.get::<Vet>(()).get() as u16;
        while let Some(frame) = self.held.pop_front() {
            let header = Header::parse(&frame, tag_type);
            if header.is_some_and(|header| !self.store(bus, &header, &frame)) {
                self.held.push_front(frame);
                return;
            }
        }
    }

    fn is_too_long(&self, bytes: usize) -> bool {
        let long = self.registers.get::<Rctl>(()).long_packets();
        bytes > if long { LARGEST } else { ORDINARY }
    }

    /// Whether the filters let a frame pass.
    fn takes(&self, header: &Header) -> bool {
        let rctl = self.registers.get::<Rctl>(());
        let vlan = |vid: u16| {
            let word = self.registers.get::<Vfta>(TableWord::of_bit(vid));
            word.get() >> (vid & 31) & 1 != 0
        };
        if rctl.vlan_filter() && header.vid().is_some_and(|vid| !vlan(vid)) {
            return false;
        }
        if header.tag.is_none() && header.ethertype == MAC_CONTROL && !rctl.pass_mac_control() {
            return false;
        }
        let exact = || RarIndex::all().any(|at| self.is_address(at, header.destination));
        match (header.is_broadcast(), header.is_group()) {
            (true, _) => rctl.broadcast() || rctl.multicast_promiscuous(),
            (_, true) => rctl.multicast_promiscuous() || self.hits(header.destination) || exact(),
            _ => rctl.unicast_promiscuous() || exact(),
        }
    }

    fn is_address(&self, at: RarIndex, destination: u64) -> bool {
        let (low, high) = (self.registers.get::<Ral>(at), self.registers.get::<Rah>(at));
        let [a, b, c, d] = low.octets().to_le_bytes();
        let [e, f] = high.octets().to_le_bytes();
        let own = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        high.valid() && high.select() == 0 && own == destination
    }

    /// Whether a group is in the multicast table.
    fn hits(&self, destination: u64) -> bool {
        let [.., e, f] = destination.to_be_bytes();
        let last = u16::from_le_bytes([e, f]);
        let shift = [4, 3, 2, 0][usize::from(self.registers.get::<Rctl>(()).multicast_offset())];
        let bit = last >> shift & 0xFFF;
        let word = self.registers.get::<Mta>(TableWord::of_bit(bit));
        word.get() >> (bit & 31) & 1 != 0
    }

    /// The hash of a frame, if RSS is on and MRQC enables what the frame has.
    fn hash(&self, header: &Header, frame: &[u8]) -> Option<Hash> {
        let mrqc = self.registers.get::<Mrqc>(());
        let told = self.registers.get::<Rxcsum>(()).hash_in_descriptor();
        if mrqc.mode() != MultipleQueues::Rss || !told || !self.layout.extended {
            return None;
        }
        let fields = HashFields {
            tcp_ipv4: mrqc.tcp_ipv4(),
            ipv4: mrqc.ipv4(),
            tcp_ipv6: mrqc.tcp_ipv6(),
            ipv6: mrqc.ipv6(),
            ..HashFields::default()
        };
        rss::hash(&self.registers, &fields, header, frame)
    }

    /// The queue of a frame, its ring and hash, if the ring has room and the card may
    /// write there.
    fn queue_for(
        &self,
        bus: &Bus,
        header: &Header,
        frame: &[u8],
    ) -> Option<(RxQueue, Ring, Option<Hash>)> {
        let hash = self.hash(header, frame);
        let entry = indirection(&self.registers, hash.map(|hash| hash.value));
        let queue = RxQueue::new(u32::from(entry >> 7))?;
        let ring = Ring::announced(&self.registers, Rdbal::offset(queue));
        let strips = self.registers.get::<Rctl>(()).strip_crc();
        let bytes = frame.len().max(SHORTEST) + if strips { 0 } else { FCS };
        let needed = bytes.div_ceil(self.layout.buffer.max(1));
        let stuck = self.stuck[queue.number() as usize];
        let fits = self.masters(bus) && !stuck && ring.owned() as usize >= needed;
        fits.then_some((queue, ring, hash))
    }

    /// Stores a frame in the buffers of its queue; false when there are too few.
    fn store(&mut self, bus: &mut Bus, header: &Header, frame: &[u8]) -> bool {
        let Some((queue, mut ring, hash)) = self.queue_for(bus, header, frame) else {
            return false;
        };
        let (bytes, whole) = self.offload(header, frame);
        let info = hash.map_or(RxInfo::new(), |hash| {
            RxInfo::new().with_rss_type(hash.kind).with_hash(hash.value)
        });
        // Bits 12:8 of the first word are the queue.
        let info = info.with_packet_type((queue.number() as u16) << 4);
        let pieces: Vec<&[u8]> = bytes.chunks(self.layout.buffer.max(1)).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let last = at + 1 == pieces.len();
            let status = if last {
                whole.with_end_of_packet(true)
            } else {
                RxStatus::new()
            };
            let status = status.with_length(piece.len() as u16);
            if fill(bus, &ring, piece, info, status).is_err() {
                self.stuck[queue.number() as usize] = true;
                return true;
            }
            self.registers.put(Rdh::offset(queue), ring.advance());
        }
        self.raise_received(queue, STORED);
        true
    }

    /// The bytes that go to memory: without tag or with check sequence, as the
    /// switches say.
    fn offload(&self, header: &Header, frame: &[u8]) -> (Vec<u8>, RxStatus) {
        let mut bytes = frame.to_vec();
        if !self.registers.get::<Rctl>(()).strip_crc() {
            bytes.extend(check_sequence(frame));
        }
        match header
            .tag
            .filter(|_| self.registers.get::<Ctrl>(()).vlan_mode())
        {
            Some(tag) => {
                bytes.drain(HEADER - 2..HEADER + 2);
                (
                    bytes,
                    RxStatus::new().with_vlan_stripped(true).with_vlan(tag),
                )
            }
            None => (bytes, RxStatus::new()),
        }
    }
}

/// Fills the buffer of the descriptor at the head and writes it back. A write that the
/// IOMMU refuses is posted: the card does not notice.
///
/// # Errors
/// The fault, when the descriptor itself could not be read.
fn fill(
    bus: &mut Bus,
    ring: &Ring,
    piece: &[u8],
    info: RxInfo,
    status: RxStatus,
) -> Result<(), DmaFault> {
    let at = ring.address();
    let buffer = bus.domain.load_u64(at)?;
    let _posted = bus.domain.write(buffer, piece);
    let _posted = bus.domain.store_u64(at, info.into());
    let second = at.wrapping_add(BYTES as u64 / 2);
    let _posted = bus.domain.store_u64(second, status.with_done(true).into());
    Ok(())
}
