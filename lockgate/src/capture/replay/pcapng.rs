//! The block format: sections, interfaces, packets, and much that is passed over.
//!
//! Every block's length is checked against the file before the block is read, and
//! every field against its block. Interfaces are forgotten at the next section.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 3 and 4. Not here: pcap
//! ([`super::pcap`]).

use std::io::{Read, Seek};

use super::error::CaptureError;
use super::input::{Input, Order};
use super::{ETHERNET, keep_frame};

/// How a pcapng file begins: the type of a Section Header Block, in either order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const END_OF_OPTIONS: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;
const IF_TSOFFSET: u16 = 14;

/// More interfaces than any machine has, and little enough memory.
const MAX_INTERFACES: usize = 65_536;

/// The section that is being read.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
}

/// What an Interface Description Block says of its packets.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    /// Longest packet kept, in bytes; 0 is no limit.
    snap: u32,
    /// `if_tsresol`: a power of ten, of two with the top bit.
    resolution: u8,
    /// Seconds to add to every stamp.
    offset: i64,
    /// Bytes of frame check sequence at the end of each packet.
    check: u32,
}

impl Pcapng {
    /// Puts the next frame into `frame` and returns its stamp.
    pub(super) fn next<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
        frame: &mut Vec<u8>,
    ) -> Result<Option<u64>, CaptureError> {
        while input.begin_record() {
            let mut block = self.open_block(input)?;
            let stamp = match block.kind {
                INTERFACE_DESCRIPTION if self.interfaces.len() >= MAX_INTERFACES => {
                    return Err(input.damaged("an interface too many"));
                }
                INTERFACE_DESCRIPTION => {
                    self.interfaces.push(block.interface()?);
                    None
                }
                ENHANCED_PACKET | OLD_PACKET => Some(self.packet(&mut block, frame)?),
                SIMPLE_PACKET => Some(self.simple_packet(&mut block, frame)?),
                _ => None,
            };
            block.close()?;
            if stamp.is_some() {
                return Ok(stamp);
            }
        }
        Ok(None)
    }

    /// Reads type and length of a block; a section header also sets the byte order.
    fn open_block<'i, R: Read + Seek>(
        &mut self,
        input: &'i mut Input<R>,
    ) -> Result<Block<'i, R>, CaptureError> {
        let kind: [u8; 4] = input.array()?;
        let length: [u8; 4] = input.array()?;
        let mut header = 8;
        if kind == MAGIC {
            self.order = match input.array()? {
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                _ => return Err(input.damaged("a section without its byte order")),
            };
            self.interfaces.clear();
            header += 4;
        }
        let total = self.order.u32(length);
        let body = total
            .checked_sub(header + 4)
            .filter(|_| total.is_multiple_of(4));
        let Some(body) = body else {
            return Err(input.damaged("a block of impossible length"));
        };
        input.expect(u64::from(body) + 4)?;
        let kind = self.order.u32(kind);
        let mut block = Block {
            input,
            order: self.order,
            kind,
            total,
            left: body,
        };
        if kind == SECTION_HEADER {
            block.check_version()?;
        }
        Ok(block)
    }

    fn packet<R: Read + Seek>(
        &self,
        block: &mut Block<'_, R>,
        frame: &mut Vec<u8>,
    ) -> Result<u64, CaptureError> {
        let first: [u8; 4] = block.array()?;
        // The old block keeps a drop count beside a shorter interface number.
        let interface = match block.kind {
            OLD_PACKET => u32::from(self.order.u16([first[0], first[1]])),
            _ => self.order.u32(first),
        };
        let rest: [u8; 16] = block.array()?;
        let [high, low, captured, original] = self.order.words(&rest);
        let interface = self.ethernet(block, interface)?;
        block.frame(frame, (captured, original, interface.check))?;
        Ok(interface.nanoseconds(u64::from(high) << 32 | u64::from(low)))
    }

    fn simple_packet<R: Read + Seek>(
        &self,
        block: &mut Block<'_, R>,
        frame: &mut Vec<u8>,
    ) -> Result<u64, CaptureError> {
        let original = self.order.u32(block.array()?);
        let interface = self.ethernet(block, 0)?;
        let captured = match interface.snap {
            0 => original,
            snap => original.min(snap),
        };
        block.frame(frame, (captured, original, interface.check))?;
        Ok(0)
    }

    /// The Ethernet interface of that number.
    fn ethernet<R: Read + Seek>(
        &self,
        block: &Block<'_, R>,
        number: u32,
    ) -> Result<&Interface, CaptureError> {
        let interface = usize::try_from(number)
            .ok()
            .and_then(|number| self.interfaces.get(number))
            .ok_or_else(|| block.input.damaged("a packet of an unknown interface"))?;
        if interface.link != ETHERNET {
            return Err(CaptureError::LinkType(interface.link));
        }
        Ok(interface)
    }
}

impl Interface {
    /// A stamp of this interface in nanoseconds since 1970, as near as 64 bits come.
    fn nanoseconds(&self, stamp: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let per_second = if self.resolution & 0x80 == 0 {
            10_u128.checked_pow(exponent)
        } else {
            Some(1 << exponent)
        };
        let scaled = u128::from(stamp) * 1_000_000_000;
        let since_offset = per_second.map_or(0, |units| scaled / units) as i128;
        let since_1970 = since_offset + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(since_1970.max(0)).unwrap_or(u64::MAX)
    }
}

/// One block, from behind its length to its end.
struct Block<'i, R> {
    input: &'i mut Input<R>,
    order: Order,
    kind: u32,
    total: u32,
    /// Bytes of the body not read yet.
    left: u32,
}

impl<R: Read + Seek> Block<'_, R> {
    fn check_version(&mut self) -> Result<(), CaptureError> {
        let major = self.order.u16(self.array()?);
        let _minor: [u8; 2] = self.array()?;
        let _section_length: [u8; 8] = self.array()?;
        match major {
            1 => Ok(()),
            _ => Err(self.input.damaged("a section of a version other than 1")),
        }
    }

    fn interface(&mut self) -> Result<Interface, CaptureError> {
        let link = u32::from(self.order.u16(self.array()?));
        let _reserved: [u8; 2] = self.array()?;
        let mut interface = Interface {
            link,
            snap: self.order.u32(self.array()?),
            resolution: 6,
            offset: 0,
            check: 0,
        };
        while self.left >= 4 {
            let code = self.order.u16(self.array()?);
            let length = self.order.u16(self.array()?);
            match (code, length) {
                (END_OF_OPTIONS, _) => break,
                (IF_TSRESOL, 1) => [interface.resolution, ..] = self.array::<4>()?,
                (IF_FCSLEN, 1) => interface.check = u32::from(self.array::<4>()?[0]),
                (IF_TSOFFSET, 8) => interface.offset = self.order.i64(self.array()?),
                _ => self.skip(u32::from(length).next_multiple_of(4))?,
            }
        }
        Ok(interface)
    }

    fn frame(&mut self, frame: &mut Vec<u8>, lengths: (u32, u32, u32)) -> Result<(), CaptureError> {
        let at = self.input.record();
        self.take(lengths.0)?;
        keep_frame(frame, lengths, |bytes| self.input.read(bytes), at)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CaptureError> {
        self.take(N as u32)?;
        self.input.array()
    }

    fn skip(&mut self, bytes: u32) -> Result<(), CaptureError> {
        self.take(bytes)?;
        self.input.skip(u64::from(bytes))
    }

    /// Passes over what is left; the length stands once more at the end.
    fn close(self) -> Result<(), CaptureError> {
        self.input.skip(u64::from(self.left))?;
        if self.order.u32(self.input.array()?) != self.total {
            return Err(self.input.damaged("a block with two lengths"));
        }
        Ok(())
    }

    fn take(&mut self, bytes: u32) -> Result<(), CaptureError> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| self.input.damaged("a field that runs past its block"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(resolution: u8, offset: i64) -> Interface {
        Interface {
            link: ETHERNET,
            snap: 0,
            resolution,
            offset,
            check: 0,
        }
    }

    #[test]
    fn a_stamp_counts_in_the_units_of_its_interface() {
        assert_eq!(interface(6, 0).nanoseconds(1_500_000), 1_500_000_000);
        assert_eq!(interface(9, 0).nanoseconds(7), 7);
        assert_eq!(interface(0x80 | 10, 0).nanoseconds(512), 500_000_000);
        assert_eq!(interface(0, 10).nanoseconds(1), 11_000_000_000);
    }

    #[test]
    fn a_stamp_out_of_range_is_the_nearest_in_range() {
        assert_eq!(interface(0, 0).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(interface(9, i64::MIN).nanoseconds(u64::MAX), 0);
        assert_eq!(interface(9, i64::MAX).nanoseconds(0), u64::MAX);
        assert_eq!(interface(127, 0).nanoseconds(u64::MAX), 0);
        assert_eq!(interface(255, 0).nanoseconds(u64::MAX), 0);
    }
}
