//! Receive: queues and drop control.
//!
//! Queue registers are used at 0xC000 only: the alias at 0x2800 covers just four
//! queues. Source: 82576 datasheet, chapter 8.

use bitfield_struct::bitfield;

use super::RxQueue;
use crate::register::{register, words};

/// How a receive queue uses its descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DescriptorType {
    /// Legacy descriptors.
    #[default]
    Legacy,
    /// Advanced descriptors, one buffer.
    OneBuffer,
    /// Advanced descriptors, headers split off, or another use that no driver
    /// here makes.
    Other(u8),
}

impl DescriptorType {
    /// The type behind the three bits of SRRCTL.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Legacy,
            1 => Self::OneBuffer,
            other => Self::Other(other),
        }
    }

    /// The three bits of SRRCTL.
    pub const fn into_bits(self) -> u8 {
        match self {
            Self::Legacy => 0,
            Self::OneBuffer => 1,
            Self::Other(other) => other & 7,
        }
    }
}

/// Split and replication receive control, one per queue.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Srrctl {
    /// BSIZEPACKET: buffer size in KiB; 0 is what RCTL says.
    #[bits(7)]
    pub packet_kib: u8,
    __: bool,
    /// BSIZEHEADER: header buffer size in 64-byte units.
    #[bits(4)]
    pub header_units: u8,
    #[bits(8)]
    __: u8,
    /// RDMTS: when to report that descriptors run low.
    #[bits(5)]
    pub low_threshold: u8,
    /// DESCTYPE: how descriptors are used.
    #[bits(3)]
    pub descriptor_type: DescriptorType,
    #[bits(3)]
    __: u8,
    /// DROP_EN: drops frames that find no descriptor instead of holding up others.
    pub drop_enable: bool,
}
register!(Srrctl, "SRRCTL", RxQueue, 0xC00C, 0x40);

/// Receive descriptor control, one per queue.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Rxdctl {
    /// PTHRESH: fetches when fewer descriptors are on the chip.
    #[bits(5)]
    pub prefetch: u8,
    #[bits(3)]
    __: u8,
    /// HTHRESH: fetches when the host has that many.
    #[bits(5)]
    pub host: u8,
    #[bits(3)]
    __: u8,
    /// WTHRESH: writes back when that many are done.
    #[bits(5)]
    pub write_back: u8,
    #[bits(4)]
    __: u8,
    /// Starts the queue; reads back as set once the queue is live.
    pub enable: bool,
    /// SWFLSH: writes everything back now; clears itself.
    pub flush: bool,
    #[bits(5)]
    __: u8,
}
register!(Rxdctl, "RXDCTL", RxQueue, 0xC028, 0x40);

/// DCA and relaxed ordering of a receive queue.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DcaRxctrl {
    #[bits(5)]
    __: u8,
    /// Tags descriptor write-backs.
    pub descriptor: bool,
    /// Tags header buffers.
    pub header: bool,
    /// Tags data buffers.
    pub data: bool,
    __: bool,
    /// Reads descriptors in relaxed order.
    pub relaxed_read: bool,
    #[bits(14)]
    __: u16,
    /// CPUID: the core that the data is for.
    pub cpu: u8,
}
register!(DcaRxctrl, "DCA_RXCTRL", RxQueue, 0xC014, 0x40);

/// Errors of a received frame: bits 31:20 of the write-back's third word
///.
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct RxErrors {
    #[bits(3)]
    __: u8,
    /// HBO: the headers did not fit their buffer.
    pub header_overflow: bool,
    #[bits(5)]
    __: u8,
    /// L4E: the TCP or UDP checksum is wrong.
    pub l4: bool,
    /// IPE: the IPv4 header checksum is wrong.
    pub ip: bool,
    /// RXE: the frame was damaged on the wire.
    pub receive: bool,
    #[bits(4)]
    __: u8,
}

words! {
    /// Longest frame taken while RCTL.LPE is set, check sequence included, bits
    /// 13:0.
    : Rlpml, "RLPML", (0x5004);
    /// Queues that drop frames which find no descriptor, a bit each.
    : Qde, "QDE", (0x2408);
    /// Ring base, bits 31:7; the low seven are 0.
    : Rdbal, "RDBAL", (RxQueue, 0xC000, 0x40);
    /// Ring base, bits 63:32.
    : Rdbah, "RDBAH", (RxQueue, 0xC004, 0x40);
    /// Ring length in bytes, a multiple of 128, bits 19:7.
    : Rdlen, "RDLEN", (RxQueue, 0xC008, 0x40);
    /// The descriptor that the card fills next, bits 15:0.
    : Rdh, "RDH", (RxQueue, 0xC010, 0x40);
    /// The first descriptor that the card may not use, bits 15:0.
    : Rdt, "RDT", (RxQueue, 0xC018, 0x40);
    /// Frames that the queue dropped, bits 11:0; clears when read.
    clears: Rqdpc, "RQDPC", (RxQueue, 0xC030, 0x40);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Qde>("QDE", 0x2408, 0x2408);
        assert_place::<Rlpml>("RLPML", 0x5004, 0x5004);
        assert_place::<Rdbal>("RDBAL", 0xC000, 0xC3C0);
        assert_place::<Rdbah>("RDBAH", 0xC004, 0xC3C4);
        assert_place::<Rdlen>("RDLEN", 0xC008, 0xC3C8);
        assert_place::<Srrctl>("SRRCTL", 0xC00C, 0xC3CC);
        assert_place::<Rdh>("RDH", 0xC010, 0xC3D0);
        assert_place::<DcaRxctrl>("DCA_RXCTRL", 0xC014, 0xC3D4);
        assert_place::<Rdt>("RDT", 0xC018, 0xC3D8);
        assert_place::<Rxdctl>("RXDCTL", 0xC028, 0xC3E8);
        assert_place::<Rqdpc>("RQDPC", 0xC030, 0xC3F0);
    }

    #[test]
    fn queue_fields_fill_their_bits() {
        assert_fields!(Srrctl: with_packet_kib(0x7F) = 0x7F, with_header_units(0xF) = 0xF00,
            with_low_threshold(0x1F) = 0x1F0_0000,
            with_descriptor_type(DescriptorType::OneBuffer) = 0x200_0000,
            with_descriptor_type(DescriptorType::Other(7)) = 0xE00_0000,
            with_drop_enable(true) = 0x8000_0000);
        assert_fields!(Rxdctl: with_prefetch(0x1F) = 0x1F, with_host(0x1F) = 0x1F00,
            with_write_back(0x1F) = 0x1F_0000, with_enable(true) = 0x200_0000,
            with_flush(true) = 0x400_0000);
        assert_fields!(DcaRxctrl: with_descriptor(true) = 0x20, with_header(true) = 0x40,
            with_data(true) = 0x80, with_relaxed_read(true) = 0x200, with_cpu(0xFF) = 0xFF00_0000);
    }

    #[test]
    fn error_fields_fill_their_bits() {
        let errors = |e: RxErrors| u32::from(u16::from(e)) << 20;
        assert_eq!(errors(RxErrors::new().with_header_overflow(true)), 1 << 23);
        assert_eq!(errors(RxErrors::new().with_l4(true)), 1 << 29);
        assert_eq!(errors(RxErrors::new().with_ip(true)), 1 << 30);
        assert_eq!(errors(RxErrors::new().with_receive(true)), 1 << 31);
    }
}
