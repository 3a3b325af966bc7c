//! Filter tables and the receive-side checksum, parser and RSS settings.
//!
//! Source: 82576 datasheet, chapter 8.

use bitfield_struct::bitfield;

use crate::TableWord;
use crate::index::indices;
use crate::register::{register, words};

indices! {
    /// A word of RETA, which holds four of its 128 entries.
    RetaWord, 32;
    /// A word of the 40-byte RSS key.
    HashKeyWord, 10;
}

/// Receive checksum control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Rxcsum {
    /// PCSS: where the fragment checksum starts.
    pub start: u8,
    /// IPOFL: looks at IPv4 header checksums.
    pub ip_offload: bool,
    /// TUOFL: looks at TCP and UDP checksums.
    pub l4_offload: bool,
    __: bool,
    /// CRCOFL: looks at SCTP checksums (82576).
    pub sctp_offload: bool,
    /// IPPCSE: reports the IP payload checksum.
    pub ip_payload: bool,
    /// PCSD: reports the RSS hash instead of the fragment checksum.
    pub hash_in_descriptor: bool,
    #[bits(18)]
    __: u32,
}
register!(Rxcsum, "RXCSUM", 0x5000);

/// Receive filter control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Rfctl {
    #[bits(6)]
    __: u8,
    /// NFSW_DIS: does not look into NFS writes.
    pub no_nfs_write: bool,
    /// NFSR_DIS: does not look into NFS reads.
    pub no_nfs_read: bool,
    #[bits(7)]
    __: u8,
    /// EXTEN: extended receive descriptors (82574).
    pub extended: bool,
    /// IPV6_EX_DIS: does not walk IPv6 extension headers.
    pub no_ipv6_extensions: bool,
    /// NEW_IPV6_EXT_DIS: does not hash addresses named by extension headers.
    pub no_ipv6_extension_hash: bool,
    /// LEF: forwards frames with a length error.
    pub length_errors: bool,
    #[bits(13)]
    __: u16,
}
register!(Rfctl, "RFCTL", 0x5008);

/// Four entries of the RSS indirection table: entry 4 i is in the low
/// byte of word i.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Reta {
    /// The first entry.
    pub first: u8,
    /// The second entry.
    pub second: u8,
    /// The third entry.
    pub third: u8,
    /// The fourth entry.
    pub fourth: u8,
}
register!(Reta, "RETA", RetaWord, 0x5C00, 4);

words! {
    /// Multicast table: 4096 bits indexed by 12 bits of the address.
    : Mta, "MTA", (TableWord, 0x5200, 4);
    /// VLAN table: 4096 bits indexed by VID.
    : Vfta, "VFTA", (TableWord, 0x5600, 4);
    /// Four bytes of the RSS key, the first low.
    : Rssrk, "RSSRK", (HashKeyWord, 0x5C80, 4);
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
        assert_fields!(Rxcsum: with_start(0xFF) = 0xFF, with_ip_offload(true) = 0x100,
            with_l4_offload(true) = 0x200, with_sctp_offload(true) = 0x800,
            with_ip_payload(true) = 0x1000, with_hash_in_descriptor(true) = 0x2000);
        assert_fields!(Rfctl: with_no_nfs_write(true) = 0x40, with_no_nfs_read(true) = 0x80,
            with_extended(true) = 0x8000, with_no_ipv6_extensions(true) = 0x1_0000,
            with_no_ipv6_extension_hash(true) = 0x2_0000, with_length_errors(true) = 0x4_0000);
        assert_fields!(Reta: with_first(0xFF) = 0xFF, with_second(0xFF) = 0xFF00,
            with_third(0xFF) = 0xFF_0000, with_fourth(0xFF) = 0xFF00_0000);
    }
}
