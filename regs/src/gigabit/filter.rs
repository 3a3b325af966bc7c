//! Parser, VLAN table, and the one counter that is not as on every card.
//!
//! Source: 82576 datasheet, chapter 8.

use crate::{TableWord, registers};

registers! {
    /// Frames missed because the packet buffer was full or the queue dropped them.
    ClearsOnRead Mpc("MPC", 0x4010);
    /// Receive filter control.
    Stable Rfctl("RFCTL", 0x5008) {
        #[bits(6)] __: u8,
        /// NFSW_DIS: does not look into NFS writes.
        pub no_nfs_write: bool,
        /// NFSR_DIS: does not look into NFS reads.
        pub no_nfs_read: bool,
        #[bits(7)] __: u8,
        /// EXSTEN: received frames have extended descriptors (82574).
        pub extended_status: bool,
        /// IPV6_EX_DIS: does not walk IPv6 extension headers.
        pub no_ipv6_extensions: bool,
        #[bits(15)] __: u16,
    }
    /// VLAN table: 4096 bits indexed by VID.
    Stable Vfta("VFTA", TableWord, 0x5600, 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Mpc>("MPC", 0x4010, 0x4010);
        assert_place::<Rfctl>("RFCTL", 0x5008, 0x5008);
        assert_place::<Vfta>("VFTA", 0x5600, 0x57FC);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Rfctl: with_no_nfs_write(true) = 0x40, with_no_nfs_read(true) = 0x80,
            with_extended_status(true) = 0x8000,
            with_no_ipv6_extensions(true) = 0x1_0000);
    }
}
