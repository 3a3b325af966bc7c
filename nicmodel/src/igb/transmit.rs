//! Transmit: from rings to the wire, or to other pools.
//!
//! Everything up to the tail is sent inside the write that announces it, as far
//! as the card may: link, TCTL, the queue and its pool must be on. A frame that
//! an anti-spoof check refuses is completed like any other, and counted.
//!
//! Not here: who gets a frame that is switched to pools ([`super::steering`]).

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::ring::Ring;
use super::switch::Switch;
use crate::chip::Bus;
use crate::ethernet::Header;
use crate::fault::{DmaFault, Misuse};
use crate::wire::{FCS, HEADER, LONGEST, SHORTEST, check_sequence};

/// ICR.TXDW: a descriptor was written back.
const DONE: u32 = 1 << 0;

/// The shortest frame that may be handed to the card (82576 datasheet, chapter 7).
const SHORTEST_TX: usize = 17;

/// What the silicon knows of a transmit queue besides its registers.
#[derive(Debug)]
pub(super) struct TxSide {
    pub(super) live: Switch,
    /// A descriptor or buffer could not be read: stuck until restarted.
    stuck: bool,
    /// The frame so far.
    partial: Vec<u8>,
    /// The first data descriptor of the frame.
    first: Option<TxData>,
    /// Tags of the two contexts.
    tags: [u16; 2],
}

impl Default for TxSide {
    fn default() -> Self {
        Self {
            live: Switch::new(false),
            stuck: false,
            partial: Vec::new(),
            first: None,
            tags: [0; 2],
        }
    }
}

impl TxSide {
    /// The queue came up or went to rest: half frames are gone.
    pub(super) fn restart(&mut self) {
        let live = self.live;
        *self = Self {
            live,
            ..Self::default()
        };
    }
}

impl Nic {
    pub(super) fn check_tail(&mut self, queue: TxQueue) {
        if !Ring::transmit(&self.registers, queue).tail_fits() {
            self.misuse.push(Misuse::TransmitTail(queue.number() as u8));
        }
    }

    /// Sends what the queue holds; at most one ring's worth.
    pub(super) fn transmit(&mut self, bus: &mut Bus, queue: TxQueue) {
        let mut ring = Ring::transmit(&self.registers, queue);
        for _ in 0..ring.owned() {
            if !self.may_transmit(bus, queue) {
                return;
            }
            if self.take_descriptor(bus, queue, &mut ring).is_err() {
                self.tx[queue.number() as usize].stuck = true;
                return;
            }
        }
    }

    fn may_transmit(&self, bus: &Bus, queue: TxQueue) -> bool {
        let side = &self.tx[queue.number() as usize];
        let pools = self.registers.get::<Vfte>(()).get();
        self.masters(bus)
            && self.link_up
            && !self.paused
            && self.registers.get::<Tctl>(()).enable()
            && side.live.is_on()
            && !side.stuck
            && (!self.has_pools() || pools & u32::from(queue.pool().bit()) != 0)
    }

    /// Takes in the descriptor at the head and reports it if it asks for that.
    fn take_descriptor(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        ring: &mut Ring,
    ) -> Result<(), DmaFault> {
        let at = ring.address();
        let [buffer, second] = [0, 8].map(|word| bus.domain.load_u64(at.wrapping_add(word)));
        let (buffer, command) = (buffer?, TxData::from(second?));
        match (command.extended(), command.dtyp()) {
            (true, dtyp::CONTEXT) => self.keep_context(queue, buffer, command),
            (true, dtyp::DATA) | (false, _) => self.take_data(bus, queue, buffer, command)?,
            (true, _) => self.misuse.push(Misuse::Offload(queue.number() as u8)),
        }
        let head = ring.advance();
        self.registers.put(Tdh::offset(queue), head);
        if command.report_status() {
            self.report(bus, queue, at, command, head);
        }
        Ok(())
    }

    /// Says that the descriptor is done: in the descriptor, or by the head where
    /// TDWBAL asks for it. The writes are posted: a fault is the IOMMU's to tell.
    fn report(&mut self, bus: &mut Bus, queue: TxQueue, at: u64, command: TxData, head: u32) {
        let low = self.registers.get::<Tdwbal>(queue);
        let _posted = if low.enable() {
            let high = self.registers.get::<Tdwbah>(queue).get();
            let address = (u64::from(high) << 32) | (u64::from(low.address()) << 2);
            bus.domain.store_u32(address, head)
        } else {
            let done = command.with_done(true).into();
            bus.domain.store_u64(at.wrapping_add(8), done)
        };
        self.raise(DONE);
    }

    fn keep_context(&mut self, queue: TxQueue, first: u64, command: TxData) {
        let side = &mut self.tx[queue.number() as usize];
        // The tag is in bits 31:16 of the first word.
        let tag = (first >> 16) as u16;
        side.tags[usize::from(command.context() & 1)] = tag;
    }

    fn take_data(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        buffer: u64,
        command: TxData,
    ) -> Result<(), DmaFault> {
        let side = &mut self.tx[queue.number() as usize];
        side.first.get_or_insert(command);
        let start = side.partial.len();
        // What is beyond the longest frame only needs to be known to be there.
        let room = (LONGEST + 1).saturating_sub(start);
        side.partial
            .resize(start + room.min(command.length().into()), 0);
        if let Some(piece) = side.partial.get_mut(start..)
            && !piece.is_empty()
        {
            bus.domain.read(buffer, piece)?;
        }
        if command.end_of_packet() {
            let frame = std::mem::take(&mut side.partial);
            let first = side.first.take().unwrap_or(command);
            self.finish(bus, queue, frame, first, command);
        }
        Ok(())
    }

    /// Sends a whole frame, unless something forbids it.
    fn finish(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        mut frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) {
        if !self.check_frame(queue, &mut frame, first, last) {
            return;
        }
        self.insert_tag(queue, &mut frame, first, last);
        let Some(header) = self.parse(&frame) else {
            return;
        };
        if self.has_pools() && self.is_spoofed(queue.pool(), &header) {
            return;
        }
        if self.registers.get::<Tctl>(()).pad_short() && frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        if self.has_pools() {
            self.count_pool_sent(queue.pool(), frame.len());
        }
        if self.switch(bus, queue, &header, &frame) {
            self.count_sent(&header, frame.len());
            bus.wire.send(frame);
        }
    }

    /// Whether the frame is one that the card can send as it is described.
    fn check_frame(
        &mut self,
        queue: TxQueue,
        frame: &mut Vec<u8>,
        first: TxData,
        last: TxData,
    ) -> bool {
        let number = queue.number() as u8;
        let advanced = first.extended();
        let described = !advanced || first.payload_length() as usize == frame.len();
        let longest = LONGEST - if first.insert_fcs() { FCS } else { 0 };
        if !(SHORTEST_TX..=longest).contains(&frame.len()) || !described {
            self.misuse.push(Misuse::FrameLength(number));
            return false;
        }
        if advanced && (first.segment() || first.options() != 0) {
            self.misuse.push(Misuse::Offload(number));
        }
        if first.insert_fcs() || last.insert_fcs() {
            return true;
        }
        let body = frame.len() - FCS;
        let valid = frame
            .split_at_checked(body)
            .is_some_and(|(body, fcs)| check_sequence(body) == fcs);
        if !valid || body < HEADER {
            self.misuse.push(Misuse::CheckSequence(number));
            return false;
        }
        frame.truncate(body);
        true
    }

    /// Inserts a tag where the pool or the descriptor says so.
    fn insert_tag(&self, queue: TxQueue, frame: &mut Vec<u8>, first: TxData, last: TxData) {
        let vmvir = match self.has_pools() {
            true => self.registers.get::<Vmvir>(queue.pool()),
            false => Vmvir::new(),
        };
        let from_descriptor = match first.extended() {
            true => self.tx[queue.number() as usize].tags[usize::from(first.context() & 1)],
            // A legacy descriptor has the tag in bits 63:48.
            false => (u64::from(last) >> 48) as u16,
        };
        let tag = match (vmvir.never(), vmvir.insert()) {
            (true, _) => return,
            (false, true) => vmvir.tag(),
            (false, false) if first.insert_vlan() || last.insert_vlan() => from_descriptor,
            (false, false) => return,
        };
        let tag_type = self.registers.get::<Vet>(()).get() as u16;
        let bytes = tag_type.to_be_bytes().into_iter().chain(tag.to_be_bytes());
        frame.splice(HEADER - 2..HEADER - 2, bytes);
    }

    /// Whether an anti-spoof check refuses the frame; it is then counted, and its
    /// pool named in WVBR. An untagged frame is the pool's if it takes such.
    fn is_spoofed(&mut self, pool: Pool, header: &Header) -> bool {
        let checks = self.registers.get::<Dtxswc>(());
        let bad_mac = checks.mac_anti_spoof() & pool.bit() != 0 && !self.owns_source(pool, header);
        let bad_vlan = checks.vlan_anti_spoof() & pool.bit() != 0 && !self.is_on(pool, header);
        if bad_mac || bad_vlan {
            let blamed = |bad| if bad { pool.bit() } else { 0 };
            let old = self.registers.get::<Wvbr>(());
            let wvbr = old
                .with_mac(old.mac() | blamed(bad_mac))
                .with_vlan(old.vlan() | blamed(bad_vlan));
            self.registers.set::<Wvbr>((), wvbr);
            self.registers.count::<Ssvpc>((), 1);
        }
        bad_mac || bad_vlan
    }

    fn is_on(&self, pool: Pool, header: &Header) -> bool {
        match header.vid() {
            None => self.registers.get::<Vmolr>(pool).untagged(),
            Some(vid) => self
                .vlan_entries(vid)
                .any(|entry| entry.pools() & pool.bit() != 0),
        }
    }

    /// Gives the frame to other pools while the switch is on; says whether it
    /// goes to the wire too. A unicast address that any pool has does not, nor
    /// does anything on a VLAN that is local.
    fn switch(&mut self, bus: &mut Bus, queue: TxQueue, header: &Header, frame: &[u8]) -> bool {
        if !self.has_pools() || !self.registers.get::<Dtxswc>(()).loopback() {
            return true;
        }
        let owned = !header.is_group() && self.exact(header) != 0;
        if owned || header.is_group() {
            self.loop_back(bus, queue.pool(), frame);
        }
        let local = header
            .vid()
            .is_some_and(|vid| self.vlan_entries(vid).any(|entry| entry.local()));
        !owned && !local
    }
}

#[cfg(test)]
mod tests {
    use crate::Misuse;
    use crate::igb::rig::{BROADCAST, HEADS, Rig, frame, mac, tagged};
    use lockgate_drivers::device::Bar;
    use lockgate_regs::Register;
    use lockgate_regs::descriptor::{TxData, dtyp};
    use lockgate_regs::igb::*;

    fn done(rig: &Rig, n: u32) -> bool {
        TxData::from(rig.pages.load_u64(Rig::tx_at(0, n) + 8).unwrap()).done()
    }

    #[test]
    fn a_frame_leaves_inside_the_tail_write_and_is_reported() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 200);
        rig.send(0, &sent);
        assert_eq!(rig.model.transmitted(), [sent]);
        assert!(done(&rig, 0));
        assert_eq!(rig.get(Tdh::BASE), 1);
        assert_eq!(rig.get(Gptc::BASE), 1);
        assert_eq!(rig.get(Gotcl::BASE), 204);
        assert_eq!(rig.model.misuse(), []);
    }

    #[test]
    fn only_descriptors_that_ask_are_reported() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.push(0, &sent, Rig::data(60).with_report_status(false));
        rig.push(0, &sent, Rig::data(60));
        rig.ring(0);
        assert_eq!([done(&rig, 0), done(&rig, 1)], [false, true]);
    }

    #[test]
    fn with_head_write_back_the_head_is_stored_and_no_descriptor_is_touched() {
        let mut rig = Rig::new();
        rig.tx(0);
        let at = rig.base.get() + HEADS as u64;
        rig.set(Tdwbah::BASE, (at >> 32) as u32);
        rig.set(Tdwbal::BASE, at as u32 | 1);
        let sent = frame(BROADCAST, mac(1), 60);
        for turn in 1..20 {
            rig.send(0, &sent);
            assert_eq!(rig.pages.load_u32(HEADS), Some(turn % 8));
        }
        assert!(!done(&rig, 0));
    }

    #[test]
    fn a_frame_may_be_in_several_buffers_and_announced_in_pieces() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 100);
        let (a, b) = sent.split_at(37);
        let piece = |bytes: usize| Rig::data(bytes).with_payload_length(100);
        rig.push(0, a, piece(37).with_end_of_packet(false));
        rig.ring(0);
        assert!(rig.model.transmitted().is_empty());
        rig.push(0, b, piece(63));
        rig.ring(0);
        assert_eq!(rig.model.transmitted(), [sent]);
    }

    #[test]
    fn short_frames_are_padded_with_psp_and_only_then() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 20);
        rig.send(0, &sent);
        rig.set(Tctl::BASE, 0x2);
        rig.send(0, &sent);
        let left = rig.model.transmitted();
        assert_eq!(left[0].len(), 60);
        assert_eq!(left[0][20..], [0; 40]);
        assert_eq!(left[1], sent);
    }

    #[test]
    fn a_frame_that_the_card_cannot_send_as_described_does_not_leave() {
        let mut rig = Rig::new();
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.push(0, &sent, Rig::data(60).with_payload_length(61));
        rig.push(0, &sent[..16], Rig::data(16));
        rig.push(0, &sent, Rig::data(60).with_insert_fcs(false));
        rig.ring(0);
        assert!(rig.model.transmitted().is_empty());
        let length = Misuse::FrameLength(0);
        assert_eq!(
            rig.model.misuse(),
            [length, length, Misuse::CheckSequence(0)]
        );
        assert!(done(&rig, 2));
    }

    #[test]
    fn a_pool_sends_only_while_vfte_lets_it() {
        let mut rig = Rig::with_pools(3);
        rig.tx(2);
        rig.set(Vfte::BASE, 0xFB);
        let sent = frame(BROADCAST, mac(1), 60);
        rig.send(2, &sent);
        assert!(rig.model.transmitted().is_empty());
        rig.set(Vfte::BASE, 0x04);
        assert_eq!(rig.model.transmitted(), [sent]);
    }

    #[test]
    fn a_source_that_is_not_the_pools_is_refused_and_blamed() {
        let mut rig = Rig::with_pools(3);
        rig.tx(1);
        rig.tx(9);
        rig.address(3, mac(1), 0x02);
        rig.address(4, mac(2), 0x04);
        rig.set(Dtxswc::BASE, 0x0000_00FF);
        let own = frame(BROADCAST, mac(1), 60);
        let forged = frame(BROADCAST, mac(2), 60);
        rig.send(1, &own);
        rig.send(1, &forged);
        rig.send(9, &forged);
        assert_eq!(rig.model.transmitted(), [own]);
        assert_eq!(rig.get(Ssvpc::BASE), 2);
        assert_eq!(rig.get(Wvbr::BASE), 0x02);
        assert_eq!(rig.get(Wvbr::BASE), 0);
    }

    #[test]
    fn a_vlan_that_is_not_the_pools_is_refused_and_blamed() {
        let mut rig = Rig::with_pools(3);
        rig.tx(0);
        rig.set(Vlvf::BASE, 0x8000_1014);
        rig.set(Vmolr::BASE, 0x8000_2600);
        rig.set(Dtxswc::BASE, 0x0000_FF00);
        let plain = frame(BROADCAST, mac(1), 60);
        let own = tagged(&plain, 20);
        rig.send(0, &own);
        rig.send(0, &tagged(&plain, 21));
        rig.send(0, &plain);
        assert_eq!(rig.model.transmitted(), [own]);
        assert_eq!(rig.get(Wvbr::BASE), 0x0100);
        rig.set(Vmolr::BASE, 0x8100_2600);
        rig.send(0, &plain);
        assert_eq!(rig.model.transmitted(), [plain]);
    }

    #[test]
    fn vmvir_inserts_its_tag_and_overrules_the_descriptor() {
        let mut rig = Rig::with_pools(3);
        rig.tx(0);
        let sent = frame(BROADCAST, mac(1), 60);
        let context = TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT);
        rig.push_raw(0, 0x0007_0000, context.into());
        let vle = Rig::data(60).with_insert_vlan(true);
        for vmvir in [0, 0x4000_6014, 0x8000_6014] {
            rig.set(Vmvir::BASE, vmvir);
            rig.push(0, &sent, vle);
            rig.ring(0);
        }
        assert_eq!(
            rig.model.transmitted(),
            [tagged(&sent, 7), tagged(&sent, 0x6014), sent]
        );
    }

    #[test]
    fn a_buffer_outside_every_mapping_stops_the_queue_and_sends_nothing() {
        let mut rig = Rig::new();
        rig.tx(0);
        rig.push_raw(0, 0xDEAD_0000, Rig::data(60).into());
        rig.ring(0);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert!(rig.model.transmitted().is_empty());
        assert_eq!(rig.model.fault_count(), 1);
        assert_eq!(rig.get(Tdh::BASE), 0);
        rig.tx(0);
        rig.set(Txdctl::BASE, 0);
        rig.model.flush();
        rig.model.flush();
        rig.tx(0);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 1);
    }

    #[test]
    fn nothing_is_sent_without_link_and_everything_once_it_is_back() {
        let mut rig = Rig::new();
        rig.tx(0);
        rig.model.set_link(false);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert!(rig.model.transmitted().is_empty());
        rig.model.set_link(true);
        while rig.get(Status::BASE) & 2 == 0 {}
        assert_eq!(rig.model.transmitted().len(), 1);
    }

    #[test]
    fn the_switch_keeps_an_owned_address_off_the_wire_and_from_its_sender() {
        let mut rig = Rig::with_pools(3);
        rig.tx(0);
        rig.rx(0, 7);
        rig.rx(1, 7);
        rig.address(1, mac(1), 0x1);
        rig.address(2, mac(2), 0x2);
        (0..2).for_each(|p| rig.set(Vmolr::BASE + 4 * p, 0x8900_2600));
        rig.set(Dtxswc::BASE, 0x8000_0000);
        let to_other = frame(mac(2), mac(1), 60);
        let to_all = frame(BROADCAST, mac(1), 60);
        let unknown = frame(mac(7), mac(1), 60);
        for sent in [&to_other, &to_all, &unknown, &frame(mac(1), mac(1), 60)] {
            rig.send(0, sent);
        }
        assert_eq!(rig.model.transmitted(), [to_all.clone(), unknown]);
        let got = rig.got(1);
        assert_eq!([&got[0].bytes, &got[1].bytes], [&to_other, &to_all]);
        assert!(got[0].status.loopback());
        assert_eq!(rig.got(0), []);
        rig.set(Dtxswc::BASE, 0x8001_0000);
        rig.send(0, &to_all);
        assert_eq!(rig.got(0).len(), 1);
    }
}
