//! Transmit: layout, queues, head write-back, arbiters and rate limiters.
//!
//! Source: 82599 datasheet, chapter 8.

use super::TxQueue;
use crate::register::kinds;
use crate::registers;

kinds! {
    /// How transmit queues are laid out (MTQC).
    TransmitLayout & 0xF, else Reserved {
        /// 64 queues, no pools.
        Queues64 = 0,
        /// 64 pools of two queues.
        Pools64 = 6,
        /// 32 pools of four queues.
        Pools32 = 0xA,
    }
}

registers! {
    /// Transmit DMA control.
    Stable Dmatxctl("DMATXCTL", 0x4A80) {
        /// TE: transmits.
        pub enable: bool,
        #[bits(15)] __: u16,
        /// VT: EtherType of a tag.
        pub ethertype: u16,
    }
    /// Multiple transmit queues command.
    Stable Mtqc("MTQC", 0x8120) {
        /// RT_Ena, VT_Ena and NUM_TC_OR_Q.
        #[bits(4)] pub layout: TransmitLayout,
        #[bits(28)] __: u32,
    }
    /// Descriptor plane control: how queues take turns.
    Stable Rttdcs("RTTDCS", 0x4900) {
        __: bool,
        /// VMPAC: pools take turns by weight ([`Rttdt1c`]).
        pub weigh_pools: bool,
        #[bits(4)] __: u8,
        /// ARBDIS: nothing is fetched.
        pub arbiter_off: bool,
        #[bits(25)] __: u32,
    }
    /// The queue, or for [`Rttdt1c`] the pool, that the next registers are about.
    Stable Rttdqsel("RTTDQSEL", 0x4904);
    /// Credits that the pool which [`Rttdqsel`] selects gets each round, in 64 bytes,
    /// bits 13:0.
    Stable Rttdt1c("RTTDT1C", 0x4908);
    /// Memory window of the rate limiters.
    Stable Rttbcnrm("RTTBCNRM", 0x4980);
    /// Rate limit of the queue that [`Rttdqsel`] selects.
    Stable Rttbcnrc("RTTBCNRC", 0x4984) {
        /// RF_DEC and RF_INT: link speed over rate, in 1/16384.
        #[bits(28)] pub factor: u32,
        #[bits(3)] __: u8,
        /// RS_ENA: the limit counts.
        pub enable: bool,
    }
    /// Ring base, bits 31:7; the low seven are 0.
    Stable Tdbal("TDBAL", TxQueue, 0x6000, 0x40);
    /// The descriptor that the card sends next, bits 15:0.
    Stable Tdh("TDH", TxQueue, 0x6010, 0x40);
    /// The first descriptor that the card may not use, bits 15:0.
    Stable Tdt("TDT", TxQueue, 0x6018, 0x40);
    /// Transmit descriptor control, one per queue.
    Stable Txdctl("TXDCTL", TxQueue, 0x6028, 0x40) {
        /// PTHRESH: fetches when fewer descriptors are on the chip.
        #[bits(7)] pub prefetch: u8,
        __: bool,
        /// HTHRESH: fetches when the host has that many.
        #[bits(7)] pub host: u8,
        #[bits(10)] __: u16,
        /// ENABLE: starts the queue; reads back as set once the queue is live.
        pub enable: bool,
        #[bits(6)] __: u8,
    }
    /// Where the card writes the head, low half; not cleared by a reset.
    Stable Tdwbal("TDWBAL", TxQueue, 0x6038, 0x40);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Dmatxctl>("DMATXCTL", 0x4A80, 0x4A80);
        assert_place::<Mtqc>("MTQC", 0x8120, 0x8120);
        assert_place::<Rttdcs>("RTTDCS", 0x4900, 0x4900);
        assert_place::<Rttdqsel>("RTTDQSEL", 0x4904, 0x4904);
        assert_place::<Rttdt1c>("RTTDT1C", 0x4908, 0x4908);
        assert_place::<Rttbcnrm>("RTTBCNRM", 0x4980, 0x4980);
        assert_place::<Rttbcnrc>("RTTBCNRC", 0x4984, 0x4984);
        assert_place::<Tdbal>("TDBAL", 0x6000, 0x7FC0);
        assert_place::<Tdh>("TDH", 0x6010, 0x7FD0);
        assert_place::<Tdt>("TDT", 0x6018, 0x7FD8);
        assert_place::<Txdctl>("TXDCTL", 0x6028, 0x7FE8);
        assert_place::<Tdwbal>("TDWBAL", 0x6038, 0x7FF8);
    }

    #[test]
    fn layout_and_arbiter_fields_fill_their_bits() {
        assert_fields!(Dmatxctl: with_enable(true) = 0x1, with_ethertype(0xFFFF) = 0xFFFF_0000);
        assert_fields!(Mtqc: with_layout(TransmitLayout::Pools64) = 0x6,
            with_layout(TransmitLayout::Pools32) = 0xA,
            with_layout(TransmitLayout::Queues64) = 0);
        assert_fields!(Rttdcs: with_weigh_pools(true) = 0x2,
            with_arbiter_off(true) = 0x40);
        assert_fields!(Rttbcnrc: with_factor(0xFFF_FFFF) = 0xFFF_FFFF,
            with_enable(true) = 0x8000_0000);
    }

    #[test]
    fn queue_fields_fill_their_bits() {
        assert_fields!(Txdctl: with_prefetch(0x7F) = 0x7F, with_host(0x7F) = 0x7F00,
            with_enable(true) = 0x200_0000);
    }
}
