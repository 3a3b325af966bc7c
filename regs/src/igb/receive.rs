//! Receive: queues and drop control.
//!
//! Queue registers are used at 0xC000 only: the alias at 0x2800 covers just four
//! queues. Source: 82576 datasheet, chapter 8.

use super::RxQueue;
use crate::descriptor::DescriptorType;
use crate::{fields, registers};

registers! {
    /// Queues that drop frames which find no descriptor, a bit each.
    Stable Qde("QDE", 0x2408);
    /// Longest frame taken while RCTL.LPE is set, check sequence included, bits
    /// 13:0.
    Stable Rlpml("RLPML", 0x5004);
    /// Ring base, bits 31:7; the low seven are 0.
    Stable Rdbal("RDBAL", RxQueue, 0xC000, 0x40);
    /// Ring base, bits 63:32.
    Stable Rdbah("RDBAH", RxQueue, 0xC004, 0x40);
    /// Ring length in bytes, a multiple of 128, bits 19:7.
    Stable Rdlen("RDLEN", RxQueue, 0xC008, 0x40);
    /// Split and replication receive control, one per queue.
    Stable Srrctl("SRRCTL", RxQueue, 0xC00C, 0x40) {
        /// BSIZEPACKET: buffer size in KiB; 0 is what RCTL says.
        #[bits(7)] pub packet_kib: u8,
        #[bits(18)] __: u32,
        /// DESCTYPE: how descriptors are used.
        #[bits(3)] pub descriptor_type: DescriptorType,
        #[bits(3)] __: u8,
        /// DROP_EN: drops frames that find no descriptor instead of holding up others.
        pub drop_enable: bool,
    }
    /// The descriptor that the card fills next, bits 15:0.
    Stable Rdh("RDH", RxQueue, 0xC010, 0x40);
    /// The first descriptor that the card may not use, bits 15:0.
    Stable Rdt("RDT", RxQueue, 0xC018, 0x40);
    /// Receive descriptor control, one per queue.
    Stable Rxdctl("RXDCTL", RxQueue, 0xC028, 0x40) {
        /// PTHRESH: fetches when fewer descriptors are on the chip.
        #[bits(5)] pub prefetch: u8,
        #[bits(3)] __: u8,
        /// HTHRESH: fetches when the host has that many.
        #[bits(5)] pub host: u8,
        #[bits(3)] __: u8,
        /// WTHRESH: writes back when that many are done.
        #[bits(5)] pub write_back: u8,
        #[bits(4)] __: u8,
        /// Starts the queue; reads back as set once the queue is live.
        pub enable: bool,
        #[bits(6)] __: u8,
    }
    /// Frames that the queue dropped, bits 11:0; clears when read.
    ClearsOnRead Rqdpc("RQDPC", RxQueue, 0xC030, 0x40);
}

fields! {
    /// Errors of a received frame: bits 31:20 of the write-back's third word.
    RxErrors(u16) {
        #[bits(11)] __: u16,
        /// RXE: the frame was damaged on the wire.
        pub receive: bool,
        #[bits(4)] __: u8,
    }
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
        assert_place::<Rdt>("RDT", 0xC018, 0xC3D8);
        assert_place::<Rxdctl>("RXDCTL", 0xC028, 0xC3E8);
        assert_place::<Rqdpc>("RQDPC", 0xC030, 0xC3F0);
    }

    #[test]
    fn queue_fields_fill_their_bits() {
        assert_fields!(Srrctl: with_packet_kib(0x7F) = 0x7F,
            with_descriptor_type(DescriptorType::OneBuffer) = 0x200_0000,
            with_descriptor_type(DescriptorType::Other(7)) = 0xE00_0000,
            with_drop_enable(true) = 0x8000_0000);
        assert_fields!(Rxdctl: with_prefetch(0x1F) = 0x1F, with_host(0x1F) = 0x1F00,
            with_write_back(0x1F) = 0x1F_0000, with_enable(true) = 0x200_0000);
    }

    #[test]
    fn a_damaged_frame_has_bit_31_of_the_third_word() {
        let errors = u16::from(RxErrors::new().with_receive(true));
        assert_eq!(u32::from(errors) << 20, 1 << 31);
    }
}
