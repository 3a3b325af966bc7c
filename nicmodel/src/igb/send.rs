//! What becomes of a whole frame: offloads, tag, anti-spoof, padding, switch, wire.
//!
//! A frame that an anti-spoof check refuses goes nowhere, and is counted.
//!
//! Not here: descriptors ([`super::transmit`]); who gets a frame that is switched
//! to pools ([`super::steering`]).

use lockgate_regs::Index;
use lockgate_regs::descriptor::TxData;
use lockgate_regs::igb::*;

use super::Nic;
use super::undriven::{Vet, Wvbr};
use crate::chip::Bus;
use crate::counters::count_sent;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::offload::{self, Context, LONGEST_UNCUT};
use crate::wire::{FCS, HEADER, LONGEST, SHORTEST, check_sequence};

/// The shortest frame that may be handed to the card (82576 datasheet, chapter 7).
const SHORTEST_TX: usize = 17;

impl Nic {
    /// Sends a whole frame, in segments if it is to be cut, unless something forbids it.
    pub(super) fn finish(
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
        let offloads = first.extended() && (first.segment() || first.options() != 0);
        let frames = match offloads {
            true => offload::apply(frame, first, self.context(queue, first)),
            false => Ok(vec![frame]),
        };
        let number = queue.number() as u8;
        let Ok(frames) = frames else {
            self.misuse.push(Misuse::Offload(number));
            return;
        };
        for frame in frames {
            if frame.len() > LONGEST - FCS {
                self.misuse.push(Misuse::FrameLength(number));
                return;
            }
            self.finish_one(bus, queue, frame, first, last);
        }
    }

    /// Sends a frame as it is but for its tag.
    fn finish_one(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        mut frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) {
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
            count_sent(&mut self.registers, &header, frame.len());
            bus.wire.send(frame);
        }
    }

    /// The context that a frame's first descriptor names.
    fn context(&self, queue: TxQueue, first: TxData) -> &Context {
        self.tx[queue.number() as usize].context(first)
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
        let (longest, uncounted) = match advanced && first.segment() {
            // What comes of it is measured once it is cut.
            true => (LONGEST_UNCUT, self.context(queue, first).headers()),
            false => (LONGEST, 0),
        };
        let payload = frame.len().saturating_sub(uncounted);
        let described = !advanced || first.payload_length() as usize == payload;
        let longest = longest - if first.insert_fcs() { FCS } else { 0 };
        if !(SHORTEST_TX..=longest).contains(&frame.len()) || !described {
            self.misuse.push(Misuse::FrameLength(number));
            return false;
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
            true => self.context(queue, first).tag(),
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
    use crate::igb::rig::{BROADCAST, Rig, frame, mac, tagged};
    use crate::igb::undriven::Wvbr;
    use lockgate_regs::Register;
    use lockgate_regs::descriptor::{TxData, dtyp};
    use lockgate_regs::igb::*;

    fn done(rig: &Rig, n: u32) -> bool {
        TxData::from(rig.dma.memory.load_u64(Rig::tx_at(0, n) + 8).unwrap()).done()
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

    /// Ethernet, IPv4 and TCP with 20 bytes each, and `payload` bytes.
    fn tcp(payload: usize) -> Vec<u8> {
        let mut frame = frame(BROADCAST, mac(1), 54 + payload);
        frame[12..16].copy_from_slice(&[0x08, 0, 0x45, 0]);
        frame[46] = 0x50;
        frame
    }

    /// MACLEN 14, IPLEN 20; IPv4, TCP, L4LEN 20, segments of `mss` bytes.
    fn context(rig: &mut Rig, mss: u64) {
        let second = u64::from(TxData::new().with_extended(true).with_dtyp(dtyp::CONTEXT));
        rig.push_raw(0, 14 << 9 | 20, second | 3 << 10 | 20 << 40 | mss << 48);
    }

    #[test]
    fn a_packet_longer_than_any_frame_is_cut_and_each_segment_tagged() {
        let mut rig = Rig::new();
        rig.tx(0);
        context(&mut rig, 1000);
        let sent = tcp(2500);
        let tso = |bytes| {
            let data = Rig::data(bytes).with_segment(true).with_insert_vlan(true);
            data.with_options(3).with_payload_length(2500)
        };
        rig.push(0, &sent[..1554], tso(1554).with_end_of_packet(false));
        rig.push(0, &sent[1554..], tso(1000));
        rig.ring(0);
        let left = rig.model.transmitted();
        let lengths: Vec<usize> = left.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1058, 1058, 558]);
        assert!(
            left.iter()
                .all(|frame| frame[12..18] == [0x81, 0, 0, 0, 0x08, 0])
        );
        assert_eq!(rig.get(Gptc::BASE), 3);
        assert_eq!(rig.model.misuse(), []);
    }

    #[test]
    fn an_offload_that_the_frame_cannot_have_is_noticed_and_nothing_leaves() {
        let mut rig = Rig::new();
        rig.tx(0);
        rig.push(0, &tcp(10), Rig::data(64).with_options(3));
        context(&mut rig, 1000);
        rig.push(0, &tcp(10), Rig::data(64).with_options(4));
        rig.push(0, &tcp(10), Rig::data(64).with_options(3));
        rig.ring(0);
        assert_eq!(rig.model.transmitted().len(), 1);
        assert_eq!(rig.model.misuse(), [Misuse::Offload(0); 2]);
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

    #[test]
    fn what_is_on_a_local_vlan_stays_off_the_wire_while_the_switch_is_on() {
        let mut rig = Rig::with_pools(3);
        rig.tx(0);
        rig.set(Dtxswc::BASE, 0x8000_0000);
        rig.set(Vlvf::BASE, 0x8010_1014);
        let plain = frame(BROADCAST, mac(1), 60);
        rig.send(0, &tagged(&plain, 20));
        rig.send(0, &tagged(&plain, 21));
        assert_eq!(rig.model.transmitted(), [tagged(&plain, 21)]);
    }
}
