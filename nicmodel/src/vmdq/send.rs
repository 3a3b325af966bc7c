//! What becomes of a whole frame: offloads, tag, anti-spoof, padding, switch, wire.
//!
//! A frame that an anti-spoof check refuses goes nowhere, and is counted.
//!
//! Not here: descriptors ([`super::transmit`]); who gets a frame that is switched
//! to pools ([`super::steering`]).

use lockgate_regs::Index;

use super::transmit::Described;
use super::{Nic, PoolTag, RegisterMap, SpoofCheck};
use crate::chip::Bus;
use crate::counters::count_sent;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::offload::{self, Context, LONGEST_UNCUT};
use crate::wire::{FCS, HEADER, LONGEST, SHORTEST, check_sequence};

/// The shortest frame that may be handed to the card (82576 datasheet, chapter 7; 82599
/// datasheet, 7.2.3.2.4).
const SHORTEST_TX: usize = 17;

impl<M: RegisterMap> Nic<M> {
    /// Sends a whole frame, in segments if it is to be cut, unless something forbids it;
    /// says how many bytes that takes, check sequences included.
    pub(super) fn finish(
        &mut self,
        bus: &mut Bus,
        queue: M::TxQueue,
        frame: Vec<u8>,
        described: Described,
    ) -> usize {
        let frames = match self.prepare(queue, frame, described) {
            Ok(frames) => frames,
            Err(misuse) => {
                self.misuse.push(misuse);
                return 0;
            }
        };
        let mut bytes = 0;
        for frame in frames {
            if frame.len() > LONGEST - FCS {
                self.misuse.push(Misuse::FrameLength(queue.number() as u8));
                break;
            }
            bytes += self.finish_one(bus, queue, frame, described);
        }
        bytes
    }

    /// The frames that leave for a frame, with checksums in and check sequences off.
    ///
    /// # Errors
    /// What the driver must not have asked for.
    fn prepare(
        &self,
        queue: M::TxQueue,
        frame: Vec<u8>,
        described: Described,
    ) -> Result<Vec<Vec<u8>>, Misuse> {
        let frame = self.check_frame(queue, frame, described)?;
        if !described.offloads() {
            return Ok(vec![frame]);
        }
        let context = self.context(queue, described);
        offload::apply(frame, described.first, context)
            .map_err(|_| Misuse::Offload(queue.number() as u8))
    }

    /// The context that a frame's first descriptor names.
    fn context(&self, queue: M::TxQueue, described: Described) -> &Context {
        self.tx_side(queue).context(described.first)
    }

    /// The frame without check sequence, if it is one that the card can send as it is
    /// described.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check_frame(
        &self,
        queue: M::TxQueue,
        mut frame: Vec<u8>,
        described: Described,
    ) -> Result<Vec<u8>, Misuse> {
        let number = queue.number() as u8;
        let (longest, uncounted) = match described.is_cut() {
            // What comes of it is measured once it is cut.
            true => (LONGEST_UNCUT, self.context(queue, described).headers()),
            false => (LONGEST, 0),
        };
        let longest = longest - if described.inserts_fcs() { FCS } else { 0 };
        let payload = frame.len().saturating_sub(uncounted);
        let first = described.first;
        let as_described = !first.extended() || first.payload_length() as usize == payload;
        if !(SHORTEST_TX..=longest).contains(&frame.len()) || !as_described {
            return Err(Misuse::FrameLength(number));
        }
        if described.inserts_fcs() && M::inserts_crc(&self.registers) {
            return Ok(frame);
        }
        let fcs = frame.split_off(frame.len() - FCS);
        if check_sequence(&frame) != fcs[..] || frame.len() < HEADER {
            return Err(Misuse::CheckSequence(number));
        }
        Ok(frame)
    }

    /// Sends a frame as it is but for its tag and padding; says how many bytes that takes.
    fn finish_one(
        &mut self,
        bus: &mut Bus,
        queue: M::TxQueue,
        mut frame: Vec<u8>,
        described: Described,
    ) -> usize {
        let sender = M::sender(&self.registers, queue);
        if let Some(tag) = self.tag(queue, sender, described) {
            let tag_type = M::inserted_tag_type(&self.registers);
            let bytes = tag_type.to_be_bytes().into_iter().chain(tag.to_be_bytes());
            frame.splice(HEADER - 2..HEADER - 2, bytes);
        }
        let Some(header) = self.parse(&frame) else {
            return 0;
        };
        if sender.is_some_and(|pool| self.is_spoofed(pool, &header)) {
            return 0;
        }
        if M::pads(&self.registers) && frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        let bytes = frame.len();
        M::count_sent(&mut self.registers, queue, bytes);
        if self.switch(bus, sender, &header, &frame) {
            count_sent(&mut self.registers, &header, bytes);
            bus.wire.send(frame);
        }
        bytes + FCS
    }

    /// The tag that goes into a frame, where the pool or the descriptor says so.
    fn tag(&self, queue: M::TxQueue, sender: Option<M::Pool>, described: Described) -> Option<u16> {
        let by_pool = sender.map_or(PoolTag::ByDescriptor, |pool| {
            M::pool_tag(&self.registers, pool)
        });
        match by_pool {
            PoolTag::Never => None,
            PoolTag::Insert(tag) => Some(tag),
            PoolTag::ByDescriptor if !described.inserts_tag() => None,
            PoolTag::ByDescriptor if described.first.extended() => {
                Some(self.context(queue, described).tag())
            }
            // A legacy descriptor has the tag in bits 63:48.
            PoolTag::ByDescriptor => Some((u64::from(described.last) >> 48) as u16),
        }
    }

    /// Whether an anti-spoof check refuses the frame; it is then counted. An untagged frame
    /// is the pool's if it takes such.
    fn is_spoofed(&mut self, pool: M::Pool, header: &Header) -> bool {
        let checks = M::spoof_checks(&self.registers, pool);
        let on_segment = || self.on_segment(header) >> pool.number() & 1 != 0;
        let failed = SpoofCheck {
            mac: checks.mac && !self.owns_source(pool, header),
            vlan: checks.vlan && !on_segment(),
        };
        let spoofed = failed.mac || failed.vlan;
        if spoofed {
            M::count_spoofed(&mut self.registers, pool, failed);
        }
        spoofed
    }

    /// Gives the frame to other pools while the switch is on; says whether it
    /// goes to the wire too. A unicast address that any pool has does not, nor
    /// does anything on a VLAN that is local.
    fn switch(
        &mut self,
        bus: &mut Bus,
        sender: Option<M::Pool>,
        header: &Header,
        frame: &[u8],
    ) -> bool {
        let Some(sender) = sender.filter(|_| M::switches(&self.registers)) else {
            return true;
        };
        let owned = !header.is_group() && M::is_claimed(self.exact(header));
        if owned || header.is_group() {
            self.loop_back(bus, sender, frame);
        }
        !owned && !self.is_local(header)
    }

    /// Whether the frame is on a VLAN that does not leave the card.
    fn is_local(&self, header: &Header) -> bool {
        header.vid().is_some_and(|vid| {
            M::vlan_filters(&self.registers).any(|filter| filter.vid == vid && filter.local)
        })
    }
}
