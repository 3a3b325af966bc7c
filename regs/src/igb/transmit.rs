//! Transmit: queues, head write-back and rate limiters.
//!
//! Queue registers are used at 0xE000 only: the alias at 0x3800 covers just four
//! queues. Source: 82576 datasheet, chapter 8.

use super::TxQueue;
use crate::registers;

registers! {
    /// The queue that RTTBCNRC is about, bits 3:0.
    Stable Rttdqsel("RTTDQSEL", 0x3604);
    /// Memory window of the rate limiters.
    Stable Rttbcnrm("RTTBCNRM", 0x3690);
    /// Rate limit of the queue that [`Rttdqsel`] selects.
    Stable Rttbcnrc("RTTBCNRC", 0x36B0) {
        /// RF_DEC and RF_INT: link speed over rate, in 1/16384.
        #[bits(28)] pub factor: u32,
        #[bits(3)] __: u8,
        /// RS_ENA: the limit counts.
        pub enable: bool,
    }
    /// Ring base, bits 31:7; the low seven are 0.
    Stable Tdbal("TDBAL", TxQueue, 0xE000, 0x40);
    /// Ring base, bits 63:32.
    Stable Tdbah("TDBAH", TxQueue, 0xE004, 0x40);
    /// Ring length in bytes, a multiple of 128, bits 19:7.
    Stable Tdlen("TDLEN", TxQueue, 0xE008, 0x40);
    /// The descriptor that the card sends next, bits 15:0.
    Stable Tdh("TDH", TxQueue, 0xE010, 0x40);
    /// The first descriptor that the card may not use, bits 15:0.
    Stable Tdt("TDT", TxQueue, 0xE018, 0x40);
    /// Transmit descriptor control, one per queue.
    Stable Txdctl("TXDCTL", TxQueue, 0xE028, 0x40) {
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
    /// Where the card writes the head, low half.
    Stable Tdwbal("TDWBAL", TxQueue, 0xE038, 0x40) {
        /// Head_WB_EN: writes the head instead of setting DD.
        pub enable: bool,
        __: bool,
        /// Bits 31:2 of the address.
        #[bits(30)] pub address: u32,
    }
    /// Where the card writes the head, high half.
    Stable Tdwbah("TDWBAH", TxQueue, 0xE03C, 0x40);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Rttdqsel>("RTTDQSEL", 0x3604, 0x3604);
        assert_place::<Rttbcnrm>("RTTBCNRM", 0x3690, 0x3690);
        assert_place::<Rttbcnrc>("RTTBCNRC", 0x36B0, 0x36B0);
        assert_place::<Tdbal>("TDBAL", 0xE000, 0xE3C0);
        assert_place::<Tdbah>("TDBAH", 0xE004, 0xE3C4);
        assert_place::<Tdlen>("TDLEN", 0xE008, 0xE3C8);
        assert_place::<Tdh>("TDH", 0xE010, 0xE3D0);
        assert_place::<Tdt>("TDT", 0xE018, 0xE3D8);
        assert_place::<Txdctl>("TXDCTL", 0xE028, 0xE3E8);
        assert_place::<Tdwbal>("TDWBAL", 0xE038, 0xE3F8);
        assert_place::<Tdwbah>("TDWBAH", 0xE03C, 0xE3FC);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Txdctl: with_prefetch(0x1F) = 0x1F, with_host(0x1F) = 0x1F00,
            with_write_back(0x1F) = 0x1F_0000, with_enable(true) = 0x200_0000);
        assert_fields!(Tdwbal: with_enable(true) = 0x1, with_address(0x3FFF_FFFF) = 0xFFFF_FFFC);
        assert_fields!(Rttbcnrc: with_factor(0xFFF_FFFF) = 0xFFF_FFFF,
            with_enable(true) = 0x8000_0000);
    }
}
