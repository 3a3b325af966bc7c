//! Receive: the switches of the whole path, and queues.
//!
//! Source: 82599 datasheet, chapter 8.

use super::{RxQueue, receive_queue};
use crate::descriptor::DescriptorType;
use crate::{fields, registers};

registers! {
    /// Receive control.
    Stable Rxctrl("RXCTRL", 0x3000) {
        /// RXEN: receives.
        pub enable: bool,
        #[bits(31)] __: u32,
    }
    /// Receive DMA control.
    Stable Rdrxctl("RDRXCTL", 0x2F00) {
        __: bool,
        /// CRCStrip: takes check sequences off; as [`super::Hlreg0::strip_crc`].
        pub strip_crc: bool,
        __: bool,
        /// DMAIDONE: the card has set up its DMA after a reset.
        pub dma_ready: bool,
        #[bits(28)] __: u32,
    }
    /// Security receive control; pausing it makes [`Rxctrl`] safe to change.
    Stable Secrxctrl("SECRXCTRL", 0x8D00) {
        __: bool,
        /// RX_DIS: stops the receive path.
        pub pause: bool,
        #[bits(30)] __: u32,
    }
    /// Security receive status.
    Stable Secrxstat("SECRXSTAT", 0x8D04) {
        /// SECRX_RDY: the receive path is empty.
        pub ready: bool,
        #[bits(31)] __: u32,
    }
    /// Ring base, bits 31:7; the low seven are 0.
    Stable Rdbal("RDBAL", RxQueue, 0x1000, 0x40, receive_queue);
    /// Split receive control, one per queue.
    Stable Srrctl("SRRCTL", RxQueue, 0x1014, 0x40, receive_queue) {
        /// BSIZEPACKET: buffer size in KiB.
        #[bits(5)] pub packet_kib: u8,
        #[bits(20)] __: u32,
        /// DESCTYPE: how descriptors are used.
        #[bits(3)] pub descriptor_type: DescriptorType,
        /// Drop_En: drops frames that find no descriptor instead of holding up others.
        pub drop_enable: bool,
        #[bits(3)] __: u8,
    }
    /// Receive descriptor control, one per queue.
    Stable Rxdctl("RXDCTL", RxQueue, 0x1028, 0x40, receive_queue) {
        #[bits(25)] __: u32,
        /// ENABLE: starts the queue; reads back as set once the queue is live.
        pub enable: bool,
        #[bits(4)] __: u8,
        /// VME: takes the VLAN tag out.
        pub strip_vlan: bool,
        __: bool,
    }
}

fields! {
    /// Errors of a received frame: bits 31:20 of the write-back's third word.
    RxErrors(u16) {
        #[bits(9)] __: u16,
        /// RXE: the frame was damaged on the wire.
        pub receive: bool,
        #[bits(6)] __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};
    use crate::{Index, Register};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Rxctrl>("RXCTRL", 0x3000, 0x3000);
        assert_place::<Rdrxctl>("RDRXCTL", 0x2F00, 0x2F00);
        assert_place::<Secrxctrl>("SECRXCTRL", 0x8D00, 0x8D00);
        assert_place::<Secrxstat>("SECRXSTAT", 0x8D04, 0x8D04);
        assert_place::<Rdbal>("RDBAL", 0x1000, 0xDFC0);
        assert_place::<Srrctl>("SRRCTL", 0x1014, 0xDFD4);
        assert_place::<Rxdctl>("RXDCTL", 0x1028, 0xDFE8);
    }

    #[test]
    fn the_second_64_queues_are_at_d000() {
        let offset = |n| RxQueue::new(n).map(Rxdctl::offset);
        assert_eq!((offset(63), offset(64)), (Some(0x1FE8), Some(0xD028)));
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Rxctrl: with_enable(true) = 0x1);
        assert_fields!(Rdrxctl: with_strip_crc(true) = 0x2, with_dma_ready(true) = 0x8);
        assert_fields!(Secrxctrl: with_pause(true) = 0x2);
        assert_fields!(Secrxstat: with_ready(true) = 0x1);
    }

    #[test]
    fn queue_fields_fill_their_bits() {
        assert_fields!(Srrctl: with_packet_kib(0x1F) = 0x1F,
            with_descriptor_type(DescriptorType::OneBuffer) = 0x200_0000,
            with_descriptor_type(DescriptorType::Other(7)) = 0xE00_0000,
            with_drop_enable(true) = 0x1000_0000);
        assert_fields!(Rxdctl: with_enable(true) = 0x200_0000, with_strip_vlan(true) = 0x4000_0000);
    }

    #[test]
    fn a_damaged_frame_has_bit_29_of_the_third_word() {
        let errors = u16::from(RxErrors::new().with_receive(true));
        assert_eq!(u32::from(errors) << 20, 1 << 29);
    }
}
