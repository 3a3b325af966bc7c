//! Receive: from the wire through the packet buffer into rings.
//!
//! A queue that finds no descriptors drops the frame if it may (SRRCTL.DROP_EN or
//! QDE); if it may not, the frame stays in the packet buffer and everything
//! behind it waits, whichever queue it is for. Descriptors are written back one
//! by one, the word with DD last.
//!
//! Not here: which queues a frame is for ([`super::steering`]).

use std::collections::VecDeque;

use lockgate_regs::descriptor::{BYTES, RxInfo, RxStatus};
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::ring::Ring;
use super::rss::{Hash, packet_type};
use super::steering::{Origin, Verdict};
use super::switch::Switch;
use crate::chip::{Bus, Receive};
use crate::ethernet::Header;
use crate::fault::{DmaFault, Misuse};
use crate::wire::{FCS, HEADER, SHORTEST, check_sequence};

/// ICR.RXDW and ICR.RXO: a frame was stored; one found no descriptor.
const STORED: u32 = 1 << 7;
const OVERRUN: u32 = 1 << 6;

/// A pause frame's opcode (IEEE 802.3, annex 31B).
const PAUSE: [u8; 2] = [0, 1];

/// What the silicon knows of a receive queue besides its registers.
#[derive(Debug)]
pub(super) struct RxSide {
    pub(super) live: Switch,
    /// The tail as announced while the queue was live.
    tail: u32,
    /// A descriptor could not be read: the queue is stuck until it is restarted.
    stuck: bool,
}

impl Default for RxSide {
    fn default() -> Self {
        Self {
            live: Switch::new(false),
            tail: 0,
            stuck: false,
        }
    }
}

impl RxSide {
    /// The queue came up or went to rest: it has no descriptors.
    pub(super) fn restart(&mut self, head: u32) {
        self.tail = head;
        self.stuck = false;
    }
}

/// A frame in the packet buffer, and the queues that have yet to get it.
#[derive(Debug, Clone)]
struct Parcel<'a> {
    frame: &'a [u8],
    header: Header,
    hash: Option<Hash>,
    queues: u16,
    looped: bool,
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
    pub(super) fn receive_frame(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        if !self.receives(bus) {
            return Receive::NotReady;
        }
        let mut padded = [0; SHORTEST];
        let frame = match padded.get_mut(..frame.len()) {
            Some(start) if frame.len() >= HEADER => {
                start.copy_from_slice(frame);
                &padded[..]
            }
            _ => frame,
        };
        self.count_total_received(frame.len());
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
            Verdict::Wanted(queues, hash) => {
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
    pub(super) fn loop_back(&mut self, bus: &mut Bus, sender: Pool, frame: &[u8]) {
        if !self.registers.get::<Rctl>(()).enable() {
            return;
        }
        let Some(header) = self.parse(frame) else {
            return;
        };
        if let Verdict::Wanted(queues, hash) = self.steer(&header, frame, Origin::Pool(sender)) {
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

    pub(super) fn has_room(&self, bus: &Bus, frame: &[u8]) -> bool {
        if !self.receives(bus) || !self.packet_buffer.waiting.is_empty() {
            return false;
        }
        let Some(header) = self.parse(frame) else {
            return true;
        };
        let Verdict::Wanted(queues, _) = self.steer(&header, frame, Origin::Wire) else {
            return true;
        };
        let bytes = frame.len().max(SHORTEST) + FCS;
        queues_of(queues).all(|queue| {
            let side = &self.rx[queue.number() as usize];
            let needed = bytes.div_ceil(self.buffer_bytes(queue));
            !side.live.is_on() || (!side.stuck && self.rx_ring(queue).owned() as usize >= needed)
        })
    }

    /// Takes note of a new tail.
    pub(super) fn announce(&mut self, bus: &mut Bus, queue: RxQueue) {
        let tail = self.registers.get::<Rdt>(queue).get();
        let number = queue.number() as usize;
        if !Ring::receive(&self.registers, queue, tail).tail_fits() {
            self.misuse.push(Misuse::ReceiveTail(number as u8));
        }
        if self.rx[number].live.is_on() {
            self.rx[number].tail = tail;
            self.drain(bus);
        }
    }

    pub(super) fn check_descriptor_type(&mut self, queue: RxQueue) {
        let kind = self.registers.get::<Srrctl>(queue).descriptor_type();
        if matches!(kind, DescriptorType::Other(_)) {
            self.misuse
                .push(Misuse::DescriptorType(queue.number() as u8));
        }
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

    fn receives(&self, bus: &Bus) -> bool {
        self.masters(bus) && self.link_up && self.registers.get::<Rctl>(()).enable()
    }

    pub(super) fn parse(&self, frame: &[u8]) -> Option<Header> {
        let tag_type = self.registers.get::<Vet>(()).get() & 0xFFFF;
        Header::parse(frame, tag_type as u16)
    }

    fn rx_ring(&self, queue: RxQueue) -> Ring {
        let tail = self.rx[queue.number() as usize].tail;
        Ring::receive(&self.registers, queue, tail)
    }

    /// Bytes of the queue's buffers (SRRCTL, or else RCTL).
    fn buffer_bytes(&self, queue: RxQueue) -> usize {
        match self.registers.get::<Srrctl>(queue).packet_kib() {
            0 => 2048 >> self.registers.get::<Rctl>(()).buffer_size(),
            kib => usize::from(kib) * 1024,
        }
    }

    fn may_drop(&self, queue: RxQueue) -> bool {
        let all = self.registers.get::<Qde>(()).get();
        self.registers.get::<Srrctl>(queue).drop_enable() || all & (1 << queue.number()) != 0
    }
}

/// MAC control frames.
impl Nic {
    /// Whether the frame is MAC control, for this station or the group of its kind.
    fn is_control(&self, header: &Header) -> bool {
        let low = self.registers.get::<Fcal>(()).get();
        let high = self.registers.get::<Fcah>(()).get() as u16;
        let group = (u64::from(low.swap_bytes()) << 16) | u64::from(high.swap_bytes());
        let kind = self.registers.get::<Fct>(()).get();
        header.tag.is_none()
            && u32::from(header.ethertype) == kind
            && (header.destination == group || self.matching(header).next().is_some())
    }

    /// Obeys a control frame; says whether it goes on to the filters. A pause
    /// frame to the station does unless RCTL.DPF, others only with RCTL.PMCF.
    fn passes_control(&mut self, bus: &mut Bus, header: &Header, frame: &[u8]) -> bool {
        let rctl = self.registers.get::<Rctl>(());
        let body = frame.get(header.payload..).unwrap_or_default();
        let [a, b, time @ ..] = body else {
            return rctl.pass_mac_control();
        };
        if [*a, *b] != PAUSE {
            return rctl.pass_mac_control();
        }
        let stop = time.first_chunk::<2>().is_some_and(|time| *time != [0; 2]);
        match stop {
            true => self.registers.count::<Xoffrxc>((), 1),
            false => self.registers.count::<Xonrxc>((), 1),
        }
        if self.registers.get::<Ctrl>(()).receive_flow_control() {
            self.paused = stop;
            self.resume(bus);
        }
        match header.is_group() {
            true => rctl.pass_mac_control(),
            false => !rctl.discard_pause(),
        }
    }
}

/// The packet buffer and the rings.
impl Nic {
    /// Puts a frame into the packet buffer, and on into rings if nothing waits.
    fn accept(&mut self, bus: &mut Bus, parcel: Parcel<'_>) -> Receive {
        let size = self.registers.get::<Rxpbs>(()).get() as usize * 1024;
        if self.packet_buffer.bytes + parcel.frame.len() > size {
            self.registers.count::<Mpc>((), 1);
            return Receive::Stored {
                copies: 0,
                missed: parcel.queues.count_ones() as u8,
            };
        }
        if !parcel.looped {
            self.count_received(&parcel.header, parcel.frame.len());
        }
        let outcome = match self.packet_buffer.waiting.is_empty() {
            true => self.deliver(bus, &parcel),
            false => Outcome {
                blocked: parcel.queues,
                ..Outcome::default()
            },
        };
        if outcome.blocked == 0 {
            return Receive::Stored {
                copies: outcome.copies,
                missed: outcome.missed,
            };
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

    /// Stores a copy in a queue's buffers; false when there are too few.
    fn store(&mut self, bus: &mut Bus, queue: RxQueue, parcel: &Parcel<'_>) -> bool {
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
}

/// A legacy write-back's second word: length, status and tag move down.
fn legacy(status: RxStatus) -> u64 {
    let bits = u64::from(status);
    u64::from(status.length()) | ((bits & 0xFF) << 32) | (u64::from(status.vlan()) << 48)
}

/// The queues of a bit map, in order.
fn queues_of(bits: u16) -> impl Iterator<Item = RxQueue> {
    RxQueue::all().filter(move |queue| bits & (1 << queue.number()) != 0)
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::{BROADCAST, ONE, Rig, frame, mac};
    use crate::{Misuse, Receive};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const MISSED: Receive = Receive::Stored {
        copies: 0,
        missed: 1,
    };

    #[test]
    fn a_frame_reaches_its_buffer_and_done_is_set() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 100);

        assert_eq!(rig.model.receive(&sent), ONE);

        let got = rig.got(0);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].bytes, sent);
        assert!(got[0].status.end_of_packet());
        assert_eq!(rig.get(Rdh::BASE), 1);
        assert_eq!(rig.model.misuse(), []);
        assert_eq!(rig.model.faults(), []);
    }

    #[test]
    fn a_short_frame_is_padded_and_a_runt_is_counted() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 14);
        assert_eq!(rig.model.receive(&sent), ONE);
        let got = rig.got(0).remove(0).bytes;
        assert_eq!(got[..14], sent);
        assert_eq!(got[14..], [0; 46]);
        assert_eq!(rig.get(Ruc::BASE), 0);

        assert_eq!(rig.model.receive(&sent[..13]), Receive::Filtered);
        assert_eq!(rig.model.receive(&[]), Receive::Filtered);
        assert_eq!(rig.get(Ruc::BASE), 2);
    }

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
    fn descriptors_announced_before_the_queue_is_live_do_not_exist() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.set(Mrqc::BASE, 0);
        rig.rx(0, 0);
        rig.set(Rxdctl::BASE, 0);
        while rig.get(Rxdctl::BASE) & (1 << 25) != 0 {}
        rig.set(Rdt::BASE, 7);
        rig.set(Rxdctl::BASE, 1 << 25);
        while rig.get(Rxdctl::BASE) & (1 << 25) == 0 {}
        let sent = frame(mac(1), mac(9), 60);
        assert_eq!(rig.model.receive(&sent), MISSED);
        rig.set(Rdt::BASE, 7);
        assert_eq!(rig.model.receive(&sent), ONE);
    }

    #[test]
    fn a_buffer_outside_every_mapping_is_a_fault_that_the_card_does_not_notice() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 2);
        assert!(rig.pages.store_u64(0, 0xDEAD_0000));
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
    fn a_tail_beyond_the_ring_offers_nothing() {
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 8);
        assert_eq!(rig.model.misuse(), [Misuse::ReceiveTail(0)]);
        assert_eq!(rig.model.receive(&frame(mac(1), mac(9), 60)), MISSED);
    }

    #[test]
    fn pause_frames_are_obeyed_only_with_rfce_and_never_passed_up() {
        let mut rig = Rig::new();
        rig.rx(0, 7);
        rig.tx(0);
        rig.set(Rctl::BASE, 0x0400_8012);
        let mut pause = frame([1, 0x80, 0xC2, 0, 0, 1], mac(9), 60);
        pause[12..18].copy_from_slice(&[0x88, 0x08, 0, 1, 0xFF, 0xFF]);
        assert_eq!(rig.model.receive(&pause), Receive::Filtered);
        assert_eq!(rig.get(Xoffrxc::BASE), 1);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 1);

        rig.set(Ctrl::BASE, 0x0800_0041);
        rig.model.receive(&pause);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 0);
        pause[16..18].copy_from_slice(&[0, 0]);
        rig.model.receive(&pause);
        assert_eq!(rig.model.transmitted().len(), 1);

        rig.set(Rctl::BASE, 0x0480_8012);
        assert_eq!(rig.model.receive(&pause), ONE);
    }

    #[test]
    fn nothing_is_received_without_link_bus_mastering_or_rctl_en() {
        use lockgate_drivers::device::Function;
        let mut rig = Rig::new();
        rig.address(0, mac(1), 0);
        rig.rx(0, 7);
        let sent = frame(mac(1), mac(9), 60);
        rig.model.set_link(false);
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        assert!(!rig.model.room(&sent));
        rig.model.set_link(true);
        while rig.get(Status::BASE) & 2 == 0 {}
        rig.model.set_bus_master(false).unwrap();
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        rig.model.set_bus_master(true).unwrap();
        rig.set(Rctl::BASE, 0);
        assert_eq!(rig.model.receive(&sent), Receive::NotReady);
        rig.set(Rctl::BASE, 0x0400_0002);
        assert_eq!(rig.model.receive(&sent), ONE);
        assert_eq!(rig.got(0).len(), 1);
    }
}
