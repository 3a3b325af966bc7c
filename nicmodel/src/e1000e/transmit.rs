//! Transmit: from rings to whole frames, and onto the wire.
//!
//! Everything up to the tail is sent inside the write that announces it, as far as the
//! card may: link, TCTL and the queue's TARC must be on.
//!
//! Source: 82574 datasheet, chapter 7.

use lockgate_regs::descriptor::TxData;
use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use crate::chip::Bus;
use crate::counters::count_sent;
use crate::ethernet::Header;
use crate::fault::{DmaFault, Misuse};
use crate::offload::{self, Context, LONGEST_UNCUT};
use crate::ring::Ring;
use crate::wire::{FCS, HEADER, LONGEST, SHORTEST, check_sequence};

/// DTYP of a context descriptor.
const DTYP_CONTEXT: u8 = 0;

/// The shortest frame that may be handed to the card.
const SHORTEST_TX: usize = 17;

/// ICR.TXDW: a descriptor was written back.
const DONE: u32 = 1 << 0;

/// What the silicon knows of a transmit queue besides its registers.
#[derive(Debug, Default)]
pub(super) struct TxSide {
    /// A descriptor or buffer could not be read: stuck until a reset.
    stuck: bool,
    /// The frame so far.
    partial: Vec<u8>,
    /// The first descriptor of the frame.
    first: Option<TxData>,
    /// What is known of headers.
    context: Context,
}

impl Nic {
    /// Sends what the queue holds; at most one ring's worth.
    pub(super) fn transmit(&mut self, bus: &mut Bus, queue: TxQueue) {
        let mut ring = Ring::announced(&self.registers, Tdbal::offset(queue));
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
        self.masters(bus)
            && self.link_up
            && self.registers.get::<Tctl>(()).enable()
            && self.registers.get::<Tarc>(queue).enable()
            && !self.tx[queue.number() as usize].stuck
    }

    /// Takes in the descriptor at the head and reports it if it asks for that.
    fn take_descriptor(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        ring: &mut Ring,
    ) -> Result<(), DmaFault> {
        let at = ring.address();
        let buffer = bus.domain.load_u64(at)?;
        let command = TxData::from(bus.domain.load_u64(at.wrapping_add(8))?);
        match (command.extended(), command.dtyp()) {
            (true, DTYP_CONTEXT) => {
                let context = Context::of_places(buffer, command.into());
                self.tx[queue.number() as usize].context = context;
            }
            (true, DTYP_DATA) | (false, _) => self.take_data(bus, queue, buffer, command)?,
            (true, _) => self.misuse.push(Misuse::Offload(queue.number() as u8)),
        }
        self.registers.put(Tdh::offset(queue), ring.advance());
        if command.report_status() {
            let done = command.with_done(true).into();
            // Posted: a fault is the IOMMU's to tell.
            let _posted = bus.domain.store_u64(at.wrapping_add(8), done);
            self.raise_sent(queue, DONE);
        }
        Ok(())
    }

    fn take_data(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        buffer: u64,
        command: TxData,
    ) -> Result<(), DmaFault> {
        let side = &mut self.tx[queue.number() as usize];
        let first = *side.first.get_or_insert(command);
        let start = side.partial.len();
        let longest = if is_cut(first) {
            LONGEST_UNCUT
        } else {
            LONGEST
        };
        // What is beyond the longest frame only needs to be known to be there.
        let room = (longest + 1).saturating_sub(start);
        side.partial
            .resize(start + room.min(command.length().into()), 0);
        if let Some(piece) = side
            .partial
            .get_mut(start..)
            .filter(|piece| !piece.is_empty())
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

    /// Sends a whole frame, in segments if it is to be cut, unless it is none that the
    /// card can send.
    fn finish(
        &mut self,
        bus: &mut Bus,
        queue: TxQueue,
        frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) {
        let frames = match self.prepare(queue, frame, first, last) {
            Ok(frames) => frames,
            Err(misuse) => {
                self.misuse.push(misuse);
                return;
            }
        };
        for frame in frames {
            if frame.len() > LONGEST - FCS {
                self.misuse.push(Misuse::FrameLength(queue.number() as u8));
                return;
            }
            self.finish_one(bus, frame, last);
        }
    }

    /// The frames that leave for a frame, with checksums in and check sequences off.
    ///
    /// # Errors
    /// What the driver must not have asked for.
    fn prepare(
        &self,
        queue: TxQueue,
        frame: Vec<u8>,
        first: TxData,
        last: TxData,
    ) -> Result<Vec<Vec<u8>>, Misuse> {
        let frame = check_frame(queue, frame, first, last)?;
        let options = if first.extended() {
            first.options() & 3
        } else {
            0
        };
        let asked = TxData::new()
            .with_options(options)
            .with_segment(is_cut(first));
        let context = &self.tx[queue.number() as usize].context;
        offload::apply(frame, asked, context).map_err(|_| Misuse::Offload(queue.number() as u8))
    }

    /// Sends a frame as it is but for its tag and padding.
    fn finish_one(&mut self, bus: &mut Bus, mut frame: Vec<u8>, last: TxData) {
        let tag_type = self.registers.get::<Vet>(()).get() as u16;
        if last.insert_vlan() && self.registers.get::<Ctrl>(()).vlan_mode() {
            // The tag is in bits 63:48 of the last descriptor.
            let tag = (u64::from(last) >> 48) as u16;
            let bytes = tag_type.to_be_bytes().into_iter().chain(tag.to_be_bytes());
            frame.splice(HEADER - 2..HEADER - 2, bytes);
        }
        if self.registers.get::<Tctl>(()).pad_short() && frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        if let Some(header) = Header::parse(&frame, tag_type) {
            count_sent(&mut self.registers, &header, frame.len());
            bus.wire.send(frame);
        }
    }
}

/// The frame without check sequence, if it is one that the card can send.
///
/// # Errors
/// What is wrong with it.
fn check_frame(
    queue: TxQueue,
    mut frame: Vec<u8>,
    first: TxData,
    last: TxData,
) -> Result<Vec<u8>, Misuse> {
    let number = queue.number() as u8;
    let insert_fcs = first.insert_fcs() || last.insert_fcs();
    let longest = if is_cut(first) {
        LONGEST_UNCUT
    } else {
        LONGEST
    };
    let longest = longest - if insert_fcs { FCS } else { 0 };
    if !(SHORTEST_TX..=longest).contains(&frame.len()) {
        return Err(Misuse::FrameLength(number));
    }
    if insert_fcs {
        return Ok(frame);
    }
    let fcs = frame.split_off(frame.len() - FCS);
    if check_sequence(&frame) != fcs[..] || frame.len() < HEADER {
        return Err(Misuse::CheckSequence(number));
    }
    Ok(frame)
}

/// Whether a frame that begins with this descriptor is to be cut: TSE, which is in
/// another place than in advanced descriptors.
fn is_cut(first: TxData) -> bool {
    first.extended() && u64::from(first) >> 26 & 1 == 1
}
