//! Filter tables and the receive-side checksum, parser and RSS settings.
//!
//! Source: 82576 datasheet, chapter 8.

use crate::index::indices;
use crate::{TableWord, registers};

indices! {
    /// A word of RETA, which holds four of its 128 entries.
    RetaWord, 32;
    /// A word of the 40-byte RSS key.
    HashKeyWord, 10;
}

registers! {
    /// Receive checksum control.
    Stable Rxcsum("RXCSUM", 0x5000) {
        #[bits(13)] __: u16,
        /// PCSD: reports the RSS hash instead of the fragment checksum.
        pub hash_in_descriptor: bool,
        #[bits(18)] __: u32,
    }
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
    /// Multicast table: 4096 bits indexed by 12 bits of the address.
    Stable Mta("MTA", TableWord, 0x5200, 4);
    /// VLAN table: 4096 bits indexed by VID.
    Stable Vfta("VFTA", TableWord, 0x5600, 4);
    /// Four entries of the RSS indirection table, the first low.
    Stable Reta("RETA", RetaWord, 0x5C00, 4);
    /// Four bytes of the RSS key, the first low.
    Stable Rssrk("RSSRK", HashKeyWord, 0x5C80, 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Rxcsum>("RXCSUM", 0x5000, 0x5000);
        assert_place::<Rfctl>("RFCTL", 0x5008, 0x5008);
        assert_place::<Mta>("MTA", 0x5200, 0x53FC);
        assert_place::<Vfta>("VFTA", 0x5600, 0x57FC);
        assert_place::<Reta>("RETA", 0x5C00, 0x5C7C);
        assert_place::<Rssrk>("RSSRK", 0x5C80, 0x5CA4);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Rxcsum: with_hash_in_descriptor(true) = 0x2000);
        assert_fields!(Rfctl: with_no_nfs_write(true) = 0x40, with_no_nfs_read(true) = 0x80,
            with_extended_status(true) = 0x8000,
            with_no_ipv6_extensions(true) = 0x1_0000);
    }
}
