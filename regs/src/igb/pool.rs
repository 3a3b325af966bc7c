//! Pools: who gets which frames, and who may send what.
//!
//! Source: 82576 datasheet, chapter 8.

use super::{Pool, VlvfIndex};
use crate::{TableWord, registers};

registers! {
    /// Pools that receive, a bit each.
    Stable Vfre("VFRE", 0x0C8C);
    /// Pools that send, a bit each.
    Stable Vfte("VFTE", 0x0C90);
    /// Switching between pools and checks on senders.
    Stable Dtxswc("DTXSWC", 0x3500) {
        /// MACAS: pools whose source MAC is checked, a bit each.
        pub mac_anti_spoof: u8,
        /// VLANAS: pools whose VLAN is checked, a bit each.
        pub vlan_anti_spoof: u8,
        /// LLE: pools that may hear their own frames, a bit each.
        pub local_loopback: u8,
        #[bits(7)] __: u8,
        /// Loopback_en: switches frames between pools.
        pub loopback: bool,
    }
    /// Default tag of a pool's frames.
    Stable Vmvir("VMVIR", Pool, 0x3700, 4) {
        /// Port VLAN ID: the tag to insert, priority included.
        pub tag: u16,
        #[bits(14)] __: u16,
        /// VLANA 1: inserts `tag` into every frame.
        pub insert: bool,
        /// VLANA 2: inserts no tag, whatever the descriptor says.
        pub never: bool,
    }
    /// Frames that an anti-spoof check refused.
    ClearsOnRead Ssvpc("SSVPC", 0x41A0);
    /// Virtualization control.
    Stable VtCtl("VT_CTL", 0x581C) {
        #[bits(7)] __: u8,
        /// DEF_PL: the pool of frames that nobody asked for.
        #[bits(3)] pub default_pool: u8,
        #[bits(18)] __: u32,
        /// IGMAC: pools are chosen by VLAN alone.
        pub ignore_mac: bool,
        /// DIS_DEF_POOL: frames that nobody asked for are dropped.
        pub no_default_pool: bool,
        /// RPL_EN: multicast and broadcast frames go to every pool that takes them.
        pub replicate: bool,
        __: bool,
    }
    /// Offload and filters of one pool.
    Stable Vmolr("VMOLR", Pool, 0x5AD0, 4) {
        /// RLPML: longest frame while `long_packets` is set, tag and check sequence
        /// included.
        #[bits(14)] pub max_length: u16,
        #[bits(2)] __: u8,
        /// LPE: takes frames over 1522 bytes.
        pub long_packets: bool,
        /// RSSE: spreads over the pool's two queues.
        pub rss: bool,
        #[bits(6)] __: u8,
        /// AUPE: takes untagged frames.
        pub untagged: bool,
        /// ROMPE: takes multicast frames that hit MTA.
        pub multicast_hash: bool,
        /// ROPE: takes unicast frames that hit UTA.
        pub unicast_hash: bool,
        /// BAM: takes broadcast frames.
        pub broadcast: bool,
        /// MPME: takes every multicast frame.
        pub multicast_promiscuous: bool,
        /// UPE: takes every unicast frame.
        pub unicast_promiscuous: bool,
        /// STRVLAN: takes the VLAN tag out.
        pub strip_vlan: bool,
        /// STRCRC: takes the frame check sequence off.
        pub strip_crc: bool,
    }
    /// Offload of frames that go to more than one pool.
    Stable Rplolr("RPLOLR", 0x5AF0) {
        #[bits(30)] __: u32,
        /// STRVLAN: takes the VLAN tag out.
        pub strip_vlan: bool,
        /// STRCRC: takes the frame check sequence off.
        pub strip_crc: bool,
    }
    /// A VLAN filter with its pools.
    Stable Vlvf("VLVF", VlvfIndex, 0x5D00, 4) {
        /// VLAN_Id: the VLAN.
        #[bits(12)] pub vid: u16,
        /// POOLSEL: which pools are on it, a bit each.
        pub pools: u8,
        /// LVLAN: frames on it stay inside the card.
        pub local: bool,
        #[bits(10)] __: u16,
        /// VI_En: the entry counts.
        pub enable: bool,
    }
    /// Unicast hash table, indexed as MTA.
    Stable Uta("UTA", TableWord, 0xA000, 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Vfre>("VFRE", 0x0C8C, 0x0C8C);
        assert_place::<Vfte>("VFTE", 0x0C90, 0x0C90);
        assert_place::<Dtxswc>("DTXSWC", 0x3500, 0x3500);
        assert_place::<Vmvir>("VMVIR", 0x3700, 0x371C);
        assert_place::<Ssvpc>("SSVPC", 0x41A0, 0x41A0);
        assert_place::<VtCtl>("VT_CTL", 0x581C, 0x581C);
        assert_place::<Vmolr>("VMOLR", 0x5AD0, 0x5AEC);
        assert_place::<Rplolr>("RPLOLR", 0x5AF0, 0x5AF0);
        assert_place::<Vlvf>("VLVF", 0x5D00, 0x5D7C);
        assert_place::<Uta>("UTA", 0xA000, 0xA1FC);
    }

    #[test]
    fn receive_fields_fill_their_bits() {
        assert_fields!(VtCtl: with_default_pool(7) = 0x380, with_ignore_mac(true) = 0x1000_0000,
            with_no_default_pool(true) = 0x2000_0000, with_replicate(true) = 0x4000_0000);
        assert_fields!(Vmolr: with_max_length(0x3FFF) = 0x3FFF, with_long_packets(true) = 0x1_0000,
            with_rss(true) = 0x2_0000, with_untagged(true) = 0x100_0000,
            with_multicast_hash(true) = 0x200_0000, with_unicast_hash(true) = 0x400_0000,
            with_broadcast(true) = 0x800_0000, with_multicast_promiscuous(true) = 0x1000_0000,
            with_unicast_promiscuous(true) = 0x2000_0000, with_strip_vlan(true) = 0x4000_0000,
            with_strip_crc(true) = 0x8000_0000);
        assert_fields!(Rplolr: with_strip_vlan(true) = 0x4000_0000,
            with_strip_crc(true) = 0x8000_0000);
        assert_fields!(Vlvf: with_vid(0xFFF) = 0xFFF, with_pools(0xFF) = 0xF_F000,
            with_local(true) = 0x10_0000, with_enable(true) = 0x8000_0000);
    }

    #[test]
    fn transmit_fields_fill_their_bits() {
        assert_fields!(Vmvir: with_tag(0xFFFF) = 0xFFFF, with_insert(true) = 0x4000_0000,
            with_never(true) = 0x8000_0000);
        assert_fields!(Dtxswc: with_mac_anti_spoof(0xFF) = 0xFF,
            with_vlan_anti_spoof(0xFF) = 0xFF00, with_local_loopback(0xFF) = 0xFF_0000,
            with_loopback(true) = 0x8000_0000);
    }
}
