//! Registers of the 82576 that it has and our driver never touches.
//!
//! Declared as those in [`lockgate_regs::igb`] are, and tested the same way.
//!
//! Source: 82576 datasheet, chapter 8.

use lockgate_regs::igb::{Pool, RxQueue, TxQueue};
use lockgate_regs::registers;

pub(super) use crate::counters::*;
pub(super) use crate::nvm::Eerd;

registers! {
    /// Destination of pause frames, octets 0 to 3, the first low.
    Stable Fcal("FCAL", 0x0028);
    /// Destination of pause frames, octets 4 and 5.
    Stable Fcah("FCAH", 0x002C);
    /// EtherType of pause frames.
    Stable Fct("FCT", 0x0030);
    /// EtherType of VLAN tags, bits 15:0; 31:16 that of outer tags.
    Stable Vet("VET", 0x0038);
    /// Extended interrupt causes; reading clears them.
    ClearsOnRead Eicr("EICR", 0x1580);
    /// Receive packet buffer in KiB, bits 6:0.
    Stable Rxpbs("RXPBS", 0x2404);
    /// Transmit packet buffer in KiB, bits 5:0.
    Stable Txpbs("TXPBS", 0x3404);
    /// Pools that an anti-spoof check caught.
    ClearsOnRead Wvbr("WVBR", 0x3554) {
        /// Pools that sent from a MAC that is not theirs.
        pub mac: u8,
        /// Pools that sent into a VLAN that is not theirs.
        pub vlan: u8,
        __: u16,
    }
    /// Transmit DMA control.
    Stable Dtxctl("DTXCTL", 0x3590);
    /// Semaphores between software and firmware.
    Stable Swsm("SWSM", 0x5B50) {
        /// SMBI: software's own semaphore; reading takes it.
        pub smbi: bool,
        #[bits(31)] __: u32,
    }
    /// DCA and relaxed ordering of a receive queue.
    Stable DcaRxctrl("DCA_RXCTRL", RxQueue, 0xC014, 0x40);
    /// DCA and relaxed ordering of a transmit queue.
    Stable DcaTxctrl("DCA_TXCTRL", TxQueue, 0xE014, 0x40);
}

registers! {
    /// Interrupt cause set: raises the causes written.
    Stable Ics("ICS", 0x1504);
    /// Interrupt mask set, of which IMC is the inverse: allows the causes written.
    Stable Ims("IMS", 0x1508);
    /// What reading ICR masks, with CTRL_EXT.IAME.
    Stable Iam("IAM", 0x1510);
    /// General purpose interrupt enable.
    Stable Gpie("GPIE", 0x1514) {
        #[bits(4)] __: u8,
        /// Multiple_MSIX: an extended cause is a vector.
        pub multiple: bool,
        #[bits(25)] __: u32,
        /// EIAME: a message masks what EIAM lists.
        pub auto_mask: bool,
        __: bool,
    }
    /// Extended interrupt cause set.
    Stable Eics("EICS", 0x1520);
    /// Extended interrupt mask set, of which EIMC is the inverse.
    Stable Eims("EIMS", 0x1524);
    /// Extended causes that a message clears.
    Stable Eiac("EIAC", 0x152C);
    /// Extended causes that a message masks.
    Stable Eiam("EIAM", 0x1530);
    /// Vectors of the TCP timer, bits 7:0, and of other causes, bits 15:8.
    Stable IvarMisc("IVAR_MISC", 0x1740);
}

// Counters per pool do not clear when read; they wrap at 32 bits.
registers! {
    /// Good frames a pool received.
    Stable Pvfgprc("PVFGPRC", Pool, 0x1_0010, 0x100);
    /// Good frames a pool sent.
    Stable Pvfgptc("PVFGPTC", Pool, 0x1_0014, 0x100);
    /// Octets of good frames a pool received.
    Stable Pvfgorc("PVFGORC", Pool, 0x1_0018, 0x100);
    /// Octets of good frames a pool sent.
    Stable Pvfgotc("PVFGOTC", Pool, 0x1_0034, 0x100);
    /// Multicast frames a pool received. Sources disagree on 0x10038 or 0x1003C;
    /// a virtual function sees its own at +0x3C of the same page, so that is it.
    Stable Pvfmprc("PVFMPRC", Pool, 0x1_003C, 0x100);
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_regs::{Index, Register};

    /// Asserts name, first and last place of a register array against literals.
    fn assert_place<R: Register>(name: &str, first: u32, last: u32) {
        let mut offsets = R::Index::all().map(R::offset);
        assert_eq!(R::NAME, name);
        assert_eq!(offsets.next(), Some(first), "{name}, first");
        assert_eq!(offsets.last().unwrap_or(first), last, "{name}, last");
    }

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Eerd>("EERD", 0x0014, 0x0014);
        assert_place::<Fcal>("FCAL", 0x0028, 0x0028);
        assert_place::<Fcah>("FCAH", 0x002C, 0x002C);
        assert_place::<Fct>("FCT", 0x0030, 0x0030);
        assert_place::<Vet>("VET", 0x0038, 0x0038);
        assert_place::<Eicr>("EICR", 0x1580, 0x1580);
        assert_place::<Ics>("ICS", 0x1504, 0x1504);
        assert_place::<Ims>("IMS", 0x1508, 0x1508);
        assert_place::<Iam>("IAM", 0x1510, 0x1510);
        assert_place::<Gpie>("GPIE", 0x1514, 0x1514);
        assert_place::<Eics>("EICS", 0x1520, 0x1520);
        assert_place::<Eims>("EIMS", 0x1524, 0x1524);
        assert_place::<Eiac>("EIAC", 0x152C, 0x152C);
        assert_place::<Eiam>("EIAM", 0x1530, 0x1530);
        assert_place::<IvarMisc>("IVAR_MISC", 0x1740, 0x1740);
        assert_place::<Rxpbs>("RXPBS", 0x2404, 0x2404);
        assert_place::<Txpbs>("TXPBS", 0x3404, 0x3404);
        assert_place::<Wvbr>("WVBR", 0x3554, 0x3554);
        assert_place::<Dtxctl>("DTXCTL", 0x3590, 0x3590);
        assert_place::<Swsm>("SWSM", 0x5B50, 0x5B50);
        assert_place::<DcaRxctrl>("DCA_RXCTRL", 0xC014, 0xC3D4);
        assert_place::<DcaTxctrl>("DCA_TXCTRL", 0xE014, 0xE3D4);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_eq!(u32::from(Eerd::new().with_start(true)), 0x1);
        assert_eq!(u32::from(Eerd::new().with_done(true)), 0x2);
        assert_eq!(u32::from(Eerd::new().with_address(0x3FFF)), 0xFFFC);
        assert_eq!(u32::from(Eerd::new().with_data(0xFFFF)), 0xFFFF_0000);
        assert_eq!(u32::from(Gpie::new().with_multiple(true)), 0x10);
        assert_eq!(u32::from(Gpie::new().with_auto_mask(true)), 0x4000_0000);
        assert_eq!(u32::from(Wvbr::new().with_mac(0xFF)), 0xFF);
        assert_eq!(u32::from(Wvbr::new().with_vlan(0xFF)), 0xFF00);
        assert_eq!(u32::from(Swsm::new().with_smbi(true)), 0x1);
    }

    #[test]
    fn counters_of_the_mac_are_where_the_datasheet_says() {
        assert_place::<Rxerrc>("RXERRC", 0x400C, 0x400C);
        assert_place::<Rlec>("RLEC", 0x4040, 0x4040);
        assert_place::<Xonrxc>("XONRXC", 0x4048, 0x4048);
        assert_place::<Xoffrxc>("XOFFRXC", 0x4050, 0x4050);
        assert_place::<Prc64>("PRC64", 0x405C, 0x405C);
        assert_place::<Prc127>("PRC127", 0x4060, 0x4060);
        assert_place::<Prc255>("PRC255", 0x4064, 0x4064);
        assert_place::<Prc511>("PRC511", 0x4068, 0x4068);
        assert_place::<Prc1023>("PRC1023", 0x406C, 0x406C);
        assert_place::<Prc1522>("PRC1522", 0x4070, 0x4070);
        assert_place::<Bprc>("BPRC", 0x4078, 0x4078);
        assert_place::<Mprc>("MPRC", 0x407C, 0x407C);
        assert_place::<Rnbc>("RNBC", 0x40A0, 0x40A0);
        assert_place::<Torl>("TORL", 0x40C0, 0x40C0);
        assert_place::<Torh>("TORH", 0x40C4, 0x40C4);
        assert_place::<Totl>("TOTL", 0x40C8, 0x40C8);
        assert_place::<Toth>("TOTH", 0x40CC, 0x40CC);
        assert_place::<Tpt>("TPT", 0x40D4, 0x40D4);
        assert_place::<Ptc64>("PTC64", 0x40D8, 0x40D8);
        assert_place::<Ptc127>("PTC127", 0x40DC, 0x40DC);
        assert_place::<Ptc255>("PTC255", 0x40E0, 0x40E0);
        assert_place::<Ptc511>("PTC511", 0x40E4, 0x40E4);
        assert_place::<Ptc1023>("PTC1023", 0x40E8, 0x40E8);
        assert_place::<Ptc1522>("PTC1522", 0x40EC, 0x40EC);
        assert_place::<Mptc>("MPTC", 0x40F0, 0x40F0);
        assert_place::<Bptc>("BPTC", 0x40F4, 0x40F4);
    }

    #[test]
    fn counters_of_pools_are_where_the_datasheet_says() {
        assert_place::<Pvfgprc>("PVFGPRC", 0x1_0010, 0x1_0710);
        assert_place::<Pvfgptc>("PVFGPTC", 0x1_0014, 0x1_0714);
        assert_place::<Pvfgorc>("PVFGORC", 0x1_0018, 0x1_0718);
        assert_place::<Pvfgotc>("PVFGOTC", 0x1_0034, 0x1_0734);
        assert_place::<Pvfmprc>("PVFMPRC", 0x1_003C, 0x1_073C);
    }
}
