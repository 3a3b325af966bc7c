//! What becomes of a whole frame: offloads, tag, anti-spoof, padding, switch, wire.
//!
//! A frame that an anti-spoof check refuses goes nowhere, and is counted.
//!
//! Not here: descriptors ([`super::transmit`]); who gets a frame that is switched
//! to pools ([`super::steering`]).

use lockgate_regs::Index;
use lockgate_regs::descriptor::TxData;
use lockgate_regs::ixgbe::*;

use super::Nic;
use super::undriven::DefaultTag;
use crate::chip::Bus;
use crate::counters::count_sent;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::offload;
use crate::wire::{FCS, HEADER, LONGEST, SHORTEST, check_sequence};

/// The shortest frame that may be handed to the card (82599 datasheet, 7.2.3.2.4).
const SHORTEST_TX: usize = 17;

impl Nic {
    /// Sends a whole frame, unless something forbids it; says how many bytes that takes.
    pub(super) fn finish(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) -> usize {
        let number = queue.number() as u8;
        let context = *self.tx_side(queue).context(first);
        let offloads = first.extended() && (first.segment() || first.options() != 0);
        if first.extended() && !offloads && first.payload_length() as usize != frame.len() {
            self.misuse.push(Misuse::FrameLength(number));
            return 0;
        }
        let frames = match offloads {
            true => offload::apply(frame, first, &context),
            false => Ok(vec![frame]),
        };
        let Ok(frames) = frames else {
            self.misuse.push(Misuse::Offload(number));
            return 0;
        };
        frames.into_iter().fold(0, |bytes, frame| {
            let sent = self.finish_one(bus, queue, frame, first, last);
            bytes + sent
        })
    }

    fn finish_one(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        mut frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) -> usize {
        if !self.check_frame(queue, &mut frame, first, last) {
            return 0;
        }
        self.insert_tag(queue, &mut frame, first, last);
        let Some(header) = self.parse(&frame) else {
            return 0;
        };
        if self
            .sender(queue)
            .is_some_and(|pool| self.is_spoofed(pool, &header))
        {
            return 0;
        }
        if self.registers.get::<Hlreg0>(()).pad_short() && frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        let bytes = frame.len() + FCS;
        self.count_queue_sent(queue, frame.len());
        if self.switch_frame(bus, queue, &header, &frame) {
            count_sent(&mut self.registers, &header, frame.len());
            bus.wire.send(frame);
        }
        bytes
    }

    /// Whether the frame is one that the card can send.
    fn check_frame(
        &mut self,
        queue: TxQueue,
        frame: &mut Vec<u8>,
        first: TxData,
        last: TxData,
    ) -> bool {
        let number = queue.number() as u8;
        let inserts = first.insert_fcs() || last.insert_fcs();
        let longest = LONGEST - if inserts { FCS } else { 0 };
        if !(SHORTEST_TX..=longest).contains(&frame.len()) {
            self.misuse.push(Misuse::FrameLength(number));
            return false;
        }
        if inserts && self.registers.get::<Hlreg0>(()).insert_crc() {
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
        let pool = self.sender(queue);
        let held = pool.map_or(0, |pool| self.registers.get::<Pfvmvir>(pool).get());
        let vmvir = DefaultTag::from(held);
        let from_descriptor = match first.extended() {
            true => self.tx_side(queue).context(first).tag(),
            // A legacy descriptor has the tag in bits 63:48.
            false => (u64::from(last) >> 48) as u16,
        };
        let tag = match (vmvir.never(), vmvir.insert()) {
            (true, _) => return,
            (false, true) => vmvir.tag(),
            (false, false) if first.insert_vlan() || last.insert_vlan() => from_descriptor,
            (false, false) => return,
        };
        let tag_type = self.registers.get::<Dmatxctl>(()).ethertype();
        let bytes = tag_type.to_be_bytes().into_iter().chain(tag.to_be_bytes());
        frame.splice(HEADER - 2..HEADER - 2, bytes);
    }

    /// Whether an anti-spoof check refuses the frame; it is then counted. An untagged
    /// frame is the pool's if it takes such.
    fn is_spoofed(&mut self, pool: Pool, header: &Header) -> bool {
        let Some(group) = PoolGroup::new(pool.number() / 8) else {
            return false;
        };
        let checks = self.registers.get::<Pfvfspoof>(group);
        let bit = 1_u8 << (pool.number() % 8);
        let has = |pools: u64| pools >> pool.number() & 1 != 0;
        let bad_mac = checks.mac() & bit != 0 && !has(self.exact(header.source).unwrap_or(0));
        let bad_vlan = checks.vlan() & bit != 0 && !has(self.on_segment(header));
        if bad_mac || bad_vlan {
            self.registers.count::<Ssvpc>((), 1);
        }
        bad_mac || bad_vlan
    }

    /// Gives the frame to other pools while the switch is on; says whether it
    /// goes to the wire too. A unicast address that any pool has does not.
    fn switch_frame(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        header: &Header,
        frame: &[u8],
    ) -> bool {
        let on = self.registers.get::<Pfdtxgswc>(()).loopback();
        let Some(sender) = self.sender(queue).filter(|_| on) else {
            return true;
        };
        let owned = !header.is_group() && self.exact(header.destination).is_some();
        if owned || header.is_group() {
            self.loop_back(bus, sender, frame);
        }
        !owned
    }
}
