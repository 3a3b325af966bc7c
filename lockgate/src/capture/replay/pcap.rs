//! The classic format: one header, one link type, packet after packet.
//!
//! Source: draft-ietf-opsawg-pcap, sections 4 and 5.
//!
//! Not here: pcapng ([`super::pcapng`]).

use std::io::{Read, Seek};

use super::error::CaptureError;
use super::input::{Input, Order};
use super::{ETHERNET, keep_frame};

/// Byte order and unit of stamps, as the magic number tells them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    order: Order,
    /// Nanoseconds in one unit of a stamp's fraction.
    unit: u64,
}

impl Variant {
    /// The variant of a file that begins with `magic`, if it is pcap.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1),
            _ => return None,
        };
        Some(Self { order, unit })
    }
}

/// The header of a pcap file.
#[derive(Debug)]
pub(super) struct Pcap {
    variant: Variant,
    /// Bytes of frame check sequence at the end of each packet.
    check: u32,
}

impl Pcap {
    /// Reads the header at the start of `input`.
    pub(super) fn new<R: Read + Seek>(
        variant: Variant,
        input: &mut Input<R>,
    ) -> Result<Self, CaptureError> {
        input.begin_record();
        let header: [u8; 24] = input.array()?;
        let [_, version, _, _, _, network] = variant.order.words(&header);
        // Two numbers of 16 bits, 2 and 4: read as one word, their order turns too.
        let two_four = match variant.order {
            Order::Little => 0x0004_0002,
            Order::Big => 0x0002_0004,
        };
        if version != two_four {
            return Err(input.damaged("a version other than 2.4"));
        }
        let link = network & 0x03ff_ffff;
        if link != ETHERNET {
            return Err(CaptureError::LinkType(link));
        }
        let counts_check = network & 0x0400_0000 != 0;
        Ok(Self {
            variant,
            check: if counts_check { network >> 28 << 1 } else { 0 },
        })
    }

    /// Puts the next frame into `frame` and returns its stamp.
    pub(super) fn next<R: Read + Seek>(
        &self,
        input: &mut Input<R>,
        frame: &mut Vec<u8>,
    ) -> Result<Option<u64>, CaptureError> {
        if !input.begin_record() {
            return Ok(None);
        }
        let header: [u8; 16] = input.array()?;
        let [seconds, fraction, captured, original] = self.variant.order.words(&header);
        let at = input.record();
        let lengths = (captured, original, self.check);
        keep_frame(frame, lengths, |bytes| input.read(bytes), at)?;
        let stamp = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.variant.unit;
        Ok(Some(stamp))
    }
}
