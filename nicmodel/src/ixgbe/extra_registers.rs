//! Registers of the 82599 that it has and our driver never touches.
//!
//! Declared as those in [`lockgate_regs::ixgbe`] are, and tested the same way.
//!
//! Source: 82599 datasheet, chapter 8.

use lockgate_regs::ixgbe::{
    PacketBuffer, QueueGroup, RxQueue, StatisticsSet, TxQueue, receive_queue,
};
use lockgate_regs::{fields, registers};

registers! {
    /// Software definable pins.
    Stable Esdp("ESDP", 0x0020) {
        #[bits(2)] __: u8,
        /// SDP2: here, a module is in the cage.
        pub module_present: bool,
        #[bits(29)] __: u32,
    }
    /// Flow control receive threshold high.
    Stable Fcrth("FCRTH", PacketBuffer, 0x3260, 4);
    /// Drop enable of one queue, written and read through one register.
    Stable Pfqde("PFQDE", 0x2F04) {
        /// ENABLE: the queue drops frames that find no descriptor.
        pub enable: bool,
        #[bits(7)] __: u8,
        /// QUEUE_IDX: which queue.
        #[bits(7)] pub queue: u8,
        __: bool,
        /// WE: writes `enable`.
        pub write: bool,
        /// RE: reads `enable`.
        pub read: bool,
        #[bits(14)] __: u16,
    }
    /// Receive packet buffer, in KiB from bit 10 on.
    Stable Rxpbsize("RXPBSIZE", PacketBuffer, 0x3C00, 4);
    /// Flow control configuration: what pause frames the card sends.
    Stable Fccfg("FCCFG", 0x3D00);
    /// Room in KiB that a packet buffer has before it fetches a frame.
    Stable Txpbthresh("TXPBTHRESH", PacketBuffer, 0x4950, 4);
    /// Transmit packet buffer, in KiB from bit 10 on.
    Stable Txpbsize("TXPBSIZE", PacketBuffer, 0xCC00, 4);
    /// Pools that may hear their own frames while the switch is on, a bit each: 0 to 31,
    /// and 32 to 63 in the next word.
    Stable Pfvmtxsw("PFVMTXSW", 0x5180);
    /// The two lines to the SFP+ module.
    Stable I2cctl("I2CCTL", 0x0028) {
        /// I2C_CLK_IN.
        pub clock_in: bool,
        /// I2C_CLK_OUT.
        pub clock_out: bool,
        /// I2C_DATA_IN.
        pub data_in: bool,
        /// I2C_DATA_OUT.
        pub data_out: bool,
        #[bits(28)] __: u32,
    }
    /// Semaphores between software and firmware.
    Stable Swsm("SWSM", 0x1_0140) {
        /// SMBI: software's own semaphore; reading takes it.
        pub smbi: bool,
        #[bits(31)] __: u32,
    }
    /// MDIO command and address.
    Stable Msca("MSCA", 0x425C) {
        #[bits(30)] __: u32,
        /// MDICMD: starts the access; clears itself.
        pub busy: bool,
        __: bool,
    }
    /// MDIO data.
    Stable Msrwd("MSRWD", 0x4260) {
        /// MDIWRDATA.
        pub write: u16,
        /// MDIRDDATA.
        pub read: u16,
    }
    /// Autonegotiation control 2.
    Stable Autoc2("AUTOC2", 0x42A8) {
        #[bits(30)] __: u32,
        /// Bit 30, which keeps the link down.
        pub link_disabled: bool,
        __: bool,
    }
    /// Autonegotiation link partner.
    Stable Anlp1("ANLP1", 0x42B0);
    /// Flow Director control.
    Stable Fdirctrl("FDIRCTRL", 0xEE00) {
        #[bits(3)] __: u8,
        /// INIT_DONE: the tables are ready.
        pub ready: bool,
        #[bits(28)] __: u32,
    }
    /// Flow Director command.
    Stable Fdircmd("FDIRCMD", 0xEE2C) {
        /// CMD: what to do; clears itself.
        #[bits(2)] pub command: u8,
        #[bits(30)] __: u32,
    }
    /// DCA and relaxed ordering of a receive queue.
    Stable DcaRxctrl("DCA_RXCTRL", RxQueue, 0x100C, 0x40, receive_queue);
    /// DCA and relaxed ordering of a transmit queue.
    Stable DcaTxctrl("DCA_TXCTRL", TxQueue, 0x600C, 0x40);
    /// The sets of four transmit queues, a byte each.
    Stable Tqsm("TQSM", QueueGroup, 0x8600, 4);
    /// Frames that the queues of a set received.
    ClearsOnRead Qprc("QPRC", StatisticsSet, 0x1030, 0x40);
    /// Octets that the queues of a set received, low half.
    Stable QbrcLow("QBRC_L", StatisticsSet, 0x1034, 0x40);
    /// High half; reading clears both.
    ClearsOnRead QbrcHigh("QBRC_H", StatisticsSet, 0x1038, 0x40);
    /// Frames that the queues of a set sent.
    ClearsOnRead Qptc("QPTC", StatisticsSet, 0x6030, 0x40);
    /// Octets that the queues of a set sent, low half.
    Stable QbtcLow("QBTC_L", StatisticsSet, 0x8700, 8);
    /// High half; reading clears both.
    ClearsOnRead QbtcHigh("QBTC_H", StatisticsSet, 0x8704, 8);
    /// XON frames received.
    ClearsOnRead Lxonrxcnt("LXONRXCNT", 0x41A4);
    /// XOFF frames received.
    ClearsOnRead Lxoffrxcnt("LXOFFRXCNT", 0x41A8);
}

fields! {
    /// What TDWBAL holds.
    HeadWriteBack(u32) {
        /// Head_WB_En: writes the head instead of setting DD.
        pub enable: bool,
        __: bool,
        /// Bits 31:2 of the address.
        #[bits(30)] pub address: u32,
    }
}

fields! {
    /// What PFVMVIR holds.
    DefaultTag(u32) {
        /// Port VLAN ID: the tag to insert, priority included.
        pub tag: u16,
        #[bits(14)] __: u16,
        /// VLANA 1: inserts `tag` into every frame.
        pub insert: bool,
        /// VLANA 2: inserts no tag, whatever the descriptor says.
        pub never: bool,
    }
}

impl Anlp1 {
    /// What it holds once negotiation has left its first state (bits 19:16).
    pub(super) const LEFT_STATE_0: u32 = 0x0001_0000;
}

/// Offsets of registers that only need to exist: their value is all there is.
pub(super) mod plain {
    /// EEPROM read, with the fields of the 1 GbE cards' EERD.
    pub(in crate::ixgbe) const EERD: u32 = 0x1_0014;
    pub(in crate::ixgbe) const EICS: u32 = 0x0808;
    pub(in crate::ixgbe) const EIAC: u32 = 0x0810;
    pub(in crate::ixgbe) const EIMS: u32 = 0x0880;
    pub(in crate::ixgbe) const EIAM: u32 = 0x0890;
    pub(in crate::ixgbe) const IVAR: u32 = 0x0900;
    pub(in crate::ixgbe) const IVAR_MISC: u32 = 0x0A00;
    pub(in crate::ixgbe) const EICS_EX: u32 = 0x0A90;
    pub(in crate::ixgbe) const EICS_EX_1: u32 = 0x0A94;
    pub(in crate::ixgbe) const EIMS_EX: u32 = 0x0AA0;
    pub(in crate::ixgbe) const EIMS_EX_1: u32 = 0x0AA4;
    pub(in crate::ixgbe) const EIMC_EX: u32 = 0x0AB0;
    pub(in crate::ixgbe) const EIMC_EX_1: u32 = 0x0AB4;
    pub(in crate::ixgbe) const EIAM_EX: u32 = 0x0AD0;
    pub(in crate::ixgbe) const EIAM_EX_1: u32 = 0x0AD4;
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_regs::{Index, Register};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        fn ends<R: Register>() -> (u32, u32) {
            let mut offsets = R::Index::all().map(R::offset);
            let first = offsets.next().unwrap();
            (first, offsets.last().unwrap_or(first))
        }
        assert_eq!(ends::<Tqsm>(), (0x8600, 0x867C));
        assert_eq!(ends::<Rxpbsize>(), (0x3C00, 0x3C1C));
        assert_eq!(ends::<DcaRxctrl>(), (0x100C, 0xDFCC));
        assert_eq!(ends::<DcaTxctrl>(), (0x600C, 0x7FCC));
        assert_eq!(ends::<Qprc>(), (0x1030, 0x13F0));
        assert_eq!(ends::<QbrcHigh>(), (0x1038, 0x13F8));
        assert_eq!(ends::<Qptc>(), (0x6030, 0x63F0));
        assert_eq!(ends::<QbtcHigh>(), (0x8704, 0x877C));
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_eq!(u32::from(Msca::new().with_busy(true)), 1 << 30);
        assert_eq!(u32::from(Msrwd::new().with_read(0xFFFF)), 0xFFFF_0000);
        assert_eq!(u32::from(Autoc2::new().with_link_disabled(true)), 1 << 30);
        assert_eq!(u32::from(Fdirctrl::new().with_ready(true)), 8);
        assert_eq!(
            u32::from(Pfqde::new().with_queue(127).with_write(true)),
            0x1_7F00
        );
        assert_eq!(u32::from(HeadWriteBack::new().with_address(1)), 4);
        assert_eq!(u32::from(DefaultTag::new().with_insert(true)), 1 << 30);
        assert_eq!(u32::from(I2cctl::new().with_data_out(true)), 8);
        assert_eq!(u32::from(Esdp::new().with_module_present(true)), 4);
    }
}
