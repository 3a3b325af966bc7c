//! Pools: who gets which frames, and who may send what.
//!
//! Source: 82599 datasheet, chapter 8.

use super::{Pool, PoolGroup, VlvfIndex};
use crate::registers;

registers! {
    /// Virtualization control.
    Stable Pfvtctl("PFVTCTL", 0x51B0) {
        /// VT_Ena: pools are on.
        pub enable: bool,
        #[bits(6)] __: u8,
        /// DEF_PL: the pool of frames that nobody asked for.
        #[bits(6)] pub default_pool: u8,
        #[bits(16)] __: u16,
        /// Dis_Def_Pool: frames that nobody asked for are dropped.
        pub no_default_pool: bool,
        /// Rpl_En: multicast and broadcast frames go to every pool that takes them.
        pub replicate: bool,
        __: bool,
    }
    /// Pools that receive, a bit each: 0 to 31, and 32 to 63 in the next word.
    Stable Pfvfre("PFVFRE", 0x51E0);
    /// Pools that send, likewise.
    Stable Pfvfte("PFVFTE", 0x8110);
    /// Switching between pools.
    Stable Pfdtxgswc("PFDTXGSWC", 0x8220) {
        /// LBE: switches frames between pools.
        pub loopback: bool,
        #[bits(31)] __: u32,
    }
    /// Checks on senders, of eight pools.
    Stable Pfvfspoof("PFVFSPOOF", PoolGroup, 0x8200, 4) {
        /// MACAS: pools whose source MAC is checked, a bit each.
        pub mac: u8,
        /// VLANAS: pools whose VLAN is checked, a bit each.
        pub vlan: u8,
        __: u16,
    }
    /// Default tag of a pool's frames.
    Stable Pfvmvir("PFVMVIR", Pool, 0x8000, 4);
    /// Filters of one pool.
    Stable Pfvml2flt("PFVML2FLT", Pool, 0xF000, 4) {
        #[bits(24)] __: u32,
        /// AUPE: takes untagged frames.
        pub untagged: bool,
        /// ROMPE: takes multicast frames that hit MTA.
        pub multicast_hash: bool,
        /// ROPE: takes unicast frames that hit PFUTA.
        pub unicast_hash: bool,
        /// BAM: takes broadcast frames.
        pub broadcast: bool,
        /// MPE: takes every multicast frame.
        pub multicast_promiscuous: bool,
        #[bits(3)] __: u8,
    }
    /// A VLAN filter.
    Stable Pfvlvf("PFVLVF", VlvfIndex, 0xF100, 4) {
        /// VLAN_Id: the VLAN.
        #[bits(12)] pub vid: u16,
        #[bits(19)] __: u32,
        /// VI_En: the entry counts.
        pub enable: bool,
    }
    /// The pools on the VLAN of a filter, a bit each: 0 to 31, and 32 to 63 in the next word.
    Stable Pfvlvfb("PFVLVFB", VlvfIndex, 0xF200, 8);
    /// Header types that are split off, and how far RSS spreads in the pool.
    Stable Psrtype("PSRTYPE", Pool, 0xEA00, 4) {
        #[bits(29)] __: u32,
        /// RQPL: binary logarithm of the queues.
        #[bits(3)] pub queues_log2: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Pfvtctl>("PFVTCTL", 0x51B0, 0x51B0);
        assert_place::<Pfvfre>("PFVFRE", 0x51E0, 0x51E0);
        assert_place::<Pfvfte>("PFVFTE", 0x8110, 0x8110);
        assert_place::<Pfdtxgswc>("PFDTXGSWC", 0x8220, 0x8220);
        assert_place::<Pfvfspoof>("PFVFSPOOF", 0x8200, 0x821C);
        assert_place::<Pfvmvir>("PFVMVIR", 0x8000, 0x80FC);
        assert_place::<Pfvml2flt>("PFVML2FLT", 0xF000, 0xF0FC);
        assert_place::<Pfvlvf>("PFVLVF", 0xF100, 0xF1FC);
        assert_place::<Pfvlvfb>("PFVLVFB", 0xF200, 0xF3F8);
        assert_place::<Psrtype>("PSRTYPE", 0xEA00, 0xEAFC);
    }

    #[test]
    fn receive_fields_fill_their_bits() {
        assert_fields!(Pfvtctl: with_enable(true) = 0x1, with_default_pool(63) = 0x1F80,
            with_no_default_pool(true) = 0x2000_0000, with_replicate(true) = 0x4000_0000);
        assert_fields!(Pfvml2flt: with_untagged(true) = 0x100_0000,
            with_multicast_hash(true) = 0x200_0000, with_unicast_hash(true) = 0x400_0000,
            with_broadcast(true) = 0x800_0000, with_multicast_promiscuous(true) = 0x1000_0000);
        assert_fields!(Pfvlvf: with_vid(0xFFF) = 0xFFF, with_enable(true) = 0x8000_0000);
        assert_fields!(Psrtype: with_queues_log2(7) = 0xE000_0000);
    }

    #[test]
    fn transmit_fields_fill_their_bits() {
        assert_fields!(Pfdtxgswc: with_loopback(true) = 0x1);
        assert_fields!(Pfvfspoof: with_mac(0xFF) = 0xFF, with_vlan(0xFF) = 0xFF00);
    }
}
