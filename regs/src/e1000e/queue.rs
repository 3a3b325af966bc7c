//! Receive and transmit queues. They have no switch of their own: RCTL and TCTL
//! start all.
//!
//! Source: 82574 datasheet, chapter 10; TARC bits 30:26, Intel's Linux driver.

use super::{RxQueue, TxQueue};
use crate::{fields, registers};

/// DTYP of an extended transmit data descriptor (82574 datasheet, chapter 7).
pub const DTYP_DATA: u8 = 1;

registers! {
    /// Ring base, bits 31:4; the low four are 0.
    Stable Rdbal("RDBAL", RxQueue, 0x2800, 0x100);
    /// Ring base, bits 63:32.
    Stable Rdbah("RDBAH", RxQueue, 0x2804, 0x100);
    /// Ring length in bytes, a multiple of 128, bits 19:7.
    Stable Rdlen("RDLEN", RxQueue, 0x2808, 0x100);
    /// The descriptor that the card fills next, bits 15:0.
    Stable Rdh("RDH", RxQueue, 0x2810, 0x100);
    /// The first descriptor that the card may not use, bits 15:0.
    Stable Rdt("RDT", RxQueue, 0x2818, 0x100);
    /// Receive descriptor control, one per queue.
    Stable Rxdctl("RXDCTL", RxQueue, 0x2828, 0x100) {
        /// PTHRESH: fetches when fewer descriptors are on the chip.
        #[bits(6)] pub prefetch: u8,
        #[bits(2)] __: u8,
        /// HTHRESH: fetches when the host has that many.
        #[bits(6)] pub host: u8,
        #[bits(2)] __: u8,
        /// WTHRESH: writes back when that many are done.
        #[bits(6)] pub write_back: u8,
        #[bits(2)] __: u8,
        /// GRAN: thresholds count descriptors, not cache lines.
        pub count_descriptors: bool,
        #[bits(7)] __: u8,
    }
    /// Ring base, bits 31:4; the low four are 0.
    Stable Tdbal("TDBAL", TxQueue, 0x3800, 0x100);
    /// Ring base, bits 63:32.
    Stable Tdbah("TDBAH", TxQueue, 0x3804, 0x100);
    /// Ring length in bytes, a multiple of 128, bits 19:7.
    Stable Tdlen("TDLEN", TxQueue, 0x3808, 0x100);
    /// The descriptor that the card sends next, bits 15:0.
    Stable Tdh("TDH", TxQueue, 0x3810, 0x100);
    /// The first descriptor that the card may not use, bits 15:0.
    Stable Tdt("TDT", TxQueue, 0x3818, 0x100);
    /// Transmit descriptor control, one per queue.
    Stable Txdctl("TXDCTL", TxQueue, 0x3828, 0x100) {
        /// PTHRESH: fetches when fewer descriptors are on the chip.
        #[bits(6)] pub prefetch: u8,
        #[bits(2)] __: u8,
        /// HTHRESH: fetches when the host has that many.
        #[bits(6)] pub host: u8,
        #[bits(2)] __: u8,
        /// WTHRESH: writes back when that many are done; 1 is each as it is.
        #[bits(6)] pub write_back: u8,
        /// COUNT_DESC: must be set (Intel's Linux driver).
        pub must_be_set: bool,
        __: bool,
        /// GRAN: thresholds count descriptors, not cache lines.
        pub count_descriptors: bool,
        #[bits(7)] __: u8,
    }
    /// Transmit arbitration, one per queue.
    Stable Tarc("TARC", TxQueue, 0x3840, 0x100) {
        #[bits(10)] __: u16,
        /// ENABLE: the queue takes part.
        pub enable: bool,
        #[bits(15)] __: u16,
        /// Set on queue 0 (Intel's Linux driver).
        pub must_be_set: bool,
        /// Cleared on queue 0 (Intel's Linux driver).
        #[bits(4)] pub must_be_clear: u8,
        __: bool,
    }
}

fields! {
    /// Errors of a received frame: bits 31:20 of the write-back's third word.
    RxErrors(u16) {
        #[bits(4)] __: u8,
        /// CE: wrong check sequence, or an alignment error.
        pub crc: bool,
        /// SE: symbol error.
        pub symbol: bool,
        /// SEQ: sequence error.
        pub sequence: bool,
        __: bool,
        /// CXE: carrier extension error.
        pub carrier: bool,
        #[bits(2)] __: u8,
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
        assert_place::<Rdbal>("RDBAL", 0x2800, 0x2900);
        assert_place::<Rdbah>("RDBAH", 0x2804, 0x2904);
        assert_place::<Rdlen>("RDLEN", 0x2808, 0x2908);
        assert_place::<Rdh>("RDH", 0x2810, 0x2910);
        assert_place::<Rdt>("RDT", 0x2818, 0x2918);
        assert_place::<Rxdctl>("RXDCTL", 0x2828, 0x2928);
        assert_place::<Tdbal>("TDBAL", 0x3800, 0x3900);
        assert_place::<Tdbah>("TDBAH", 0x3804, 0x3904);
        assert_place::<Tdlen>("TDLEN", 0x3808, 0x3908);
        assert_place::<Tdh>("TDH", 0x3810, 0x3910);
        assert_place::<Tdt>("TDT", 0x3818, 0x3918);
        assert_place::<Txdctl>("TXDCTL", 0x3828, 0x3928);
        assert_place::<Tarc>("TARC", 0x3840, 0x3940);
    }

    #[test]
    fn queue_fields_fill_their_bits() {
        assert_fields!(Rxdctl: with_prefetch(0x3F) = 0x3F, with_host(0x3F) = 0x3F00,
            with_write_back(0x3F) = 0x3F_0000, with_count_descriptors(true) = 0x100_0000);
        assert_fields!(Txdctl: with_prefetch(0x3F) = 0x3F, with_host(0x3F) = 0x3F00,
            with_write_back(0x3F) = 0x3F_0000, with_must_be_set(true) = 0x40_0000,
            with_count_descriptors(true) = 0x100_0000);
        assert_fields!(Tarc: with_enable(true) = 0x400, with_must_be_set(true) = 0x400_0000,
            with_must_be_clear(0xF) = 0x7800_0000);
    }

    #[test]
    fn errors_are_bits_31_to_20_of_the_third_word() {
        let third = |errors: RxErrors| u32::from(u16::from(errors)) << 20;
        let none = RxErrors::new();
        assert_eq!(third(none.with_crc(true)), 1 << 24);
        assert_eq!(third(none.with_symbol(true)), 1 << 25);
        assert_eq!(third(none.with_sequence(true)), 1 << 26);
        assert_eq!(third(none.with_carrier(true)), 1 << 28);
        assert_eq!(third(none.with_receive(true)), 1 << 31);
    }
}
