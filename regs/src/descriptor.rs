//! Advanced descriptors: 16 bytes, two little-endian quadwords.
//!
//! The 82576 and the 82599 share these layouts (chapter 7 of both
//! datasheets). The 82574's extended receive
//! write-back has RSS type, hash, status, length and VLAN at the same places.
//!
//! The card writes a receive descriptor back over its own addresses, and the
//! quadword with [`RxStatus::done`] last.
//!
//! Not here: descriptors as shared memory (drivers).

use crate::fields;
use crate::register::kinds;

/// Bytes of one descriptor, of either direction.
pub const BYTES: usize = 16;

/// Where the registers of a ring are, from RDBAL or TDBAL on, in bytes: alike for
/// every queue of every family (chapter 8 of the 82576 and 82599 datasheets, 10 of the
/// 82574's).
pub mod ring {
    /// RDBAH, TDBAH: bits 63:32 of the base.
    pub const BASE_HIGH: u32 = 0x04;
    /// RDLEN, TDLEN: bytes of all descriptors.
    pub const LENGTH: u32 = 0x08;
    /// RDH, TDH.
    pub const HEAD: u32 = 0x10;
    /// RDT, TDT.
    pub const TAIL: u32 = 0x18;
}

kinds! {
    /// What the hash of a frame was computed over (82576 datasheet, chapter 7).
    RssType & 0xF, else Reserved {
        /// Nothing: there is no hash.
        None = 0,
        /// IPv4 addresses and TCP ports.
        TcpV4 = 1,
        /// IPv4 addresses.
        Ipv4 = 2,
        /// IPv6 addresses and TCP ports.
        TcpV6 = 3,
        /// Addresses named by IPv6 extension headers.
        Ipv6Ex = 4,
        /// IPv6 addresses.
        Ipv6 = 5,
        /// Addresses named by IPv6 extension headers, and TCP ports.
        TcpV6Ex = 6,
        /// IPv4 addresses and UDP ports.
        UdpV4 = 7,
        /// IPv6 addresses and UDP ports.
        UdpV6 = 8,
        /// Addresses named by IPv6 extension headers, and UDP ports.
        UdpV6Ex = 9,
    }
}

kinds! {
    /// How a receive queue uses its descriptors (SRRCTL.DESCTYPE).
    DescriptorType & 7, else Other {
        /// Legacy descriptors.
        Legacy = 0,
        /// Advanced descriptors, one buffer.
        OneBuffer = 1,
    }
}

fields! {
    /// Receive write-back, quadword 0: what the card found in the frame.
    RxInfo(u64) {
        /// What the hash covers.
        #[bits(4)] pub rss_type: RssType,
        /// Headers recognised: IPv4 bit 0, IPv6 bit 2, TCP bit 4, UDP bit 5.
        #[bits(12)] pub packet_type: u16,
        __: u16,
        /// Toeplitz hash, if [`RxInfo::rss_type`] names one.
        pub hash: u32,
    }
}

fields! {
    /// Receive write-back, quadword 1: status and length.
    RxStatus(u64) {
        /// DD: the card is done with the descriptor.
        pub done: bool,
        /// EOP: the frame ends in this buffer.
        pub end_of_packet: bool,
        __: bool,
        /// VP: the tag was taken out and is in [`RxStatus::vlan`].
        pub vlan_stripped: bool,
        #[bits(14)] __: u16,
        /// LB: the frame came from another pool of the card.
        pub loopback: bool,
        __: bool,
        /// Errors found; which bit is which depends on the family.
        #[bits(12)] pub errors: u16,
        /// Bytes in this buffer.
        pub length: u16,
        /// Tag control information that was taken out.
        pub vlan: u16,
    }
}

/// Kinds of advanced transmit descriptor (82576 datasheet, chapter 7).
pub mod dtyp {
    /// Context: what offloads need to know.
    pub const CONTEXT: u8 = 2;
    /// Data: a piece of a frame.
    pub const DATA: u8 = 3;
}

fields! {
    /// Transmit data descriptor, quadword 1; quadword 0 is the buffer's address.
    TxData(u64) {
        /// DTALEN: bytes in this buffer.
        pub length: u16,
        #[bits(4)] __: u8,
        /// DTYP: [`dtyp::DATA`] or [`dtyp::CONTEXT`].
        #[bits(4)] pub dtyp: u8,
        /// EOP: the frame ends here.
        pub end_of_packet: bool,
        /// IFCS: the card appends the frame check sequence.
        pub insert_fcs: bool,
        __: bool,
        /// RS: the card reports when it is done.
        pub report_status: bool,
        __: bool,
        /// DEXT: the descriptor is advanced, not legacy.
        pub extended: bool,
        /// VLE: inserts the VLAN tag of the context.
        pub insert_vlan: bool,
        /// TSE: cuts the payload into TCP segments.
        pub segment: bool,
        /// DD: the card is done with the descriptor.
        pub done: bool,
        #[bits(3)] __: u8,
        /// IDX: which context.
        #[bits(3)] pub context: u8,
        __: bool,
        /// POPTS: checksums to insert, IP bit 0, TCP or UDP bit 1.
        #[bits(6)] pub options: u8,
        /// PAYLEN: bytes of the whole frame.
        #[bits(18)] pub payload_length: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::{RssType, RxInfo, RxStatus, TxData};

    #[test]
    fn a_receive_write_back_has_its_fields_where_the_datasheet_says() {
        let of = |info: RxInfo| u64::from(info);
        let blank = RxInfo::new();
        assert_eq!(of(blank.with_rss_type(RssType::UdpV6Ex)), 9);
        assert_eq!(of(blank.with_rss_type(RssType::Reserved(15))), 15);
        assert_eq!(of(blank.with_packet_type(0xFFF)), 0xFFF0);
        assert_eq!(of(blank.with_hash(u32::MAX)), 0xFFFF_FFFF_0000_0000);
    }

    #[test]
    fn a_receive_status_has_its_fields_where_the_datasheet_says() {
        let of = |status: RxStatus| u64::from(status);
        let blank = RxStatus::new();
        assert_eq!(of(blank.with_done(true)), 1);
        assert_eq!(of(blank.with_end_of_packet(true)), 2);
        assert_eq!(of(blank.with_vlan_stripped(true)), 8);
        assert_eq!(of(blank.with_loopback(true)), 0x4_0000);
        assert_eq!(of(blank.with_errors(0xFFF)), 0xFFF0_0000);
        assert_eq!(of(blank.with_length(0xFFFF)), 0x0000_FFFF_0000_0000);
        assert_eq!(of(blank.with_vlan(0xFFFF)), 0xFFFF_0000_0000_0000);
    }

    #[test]
    fn a_transmit_descriptor_has_its_fields_where_the_datasheet_says() {
        let of = |data: TxData| u64::from(data);
        let blank = TxData::new();
        assert_eq!(of(blank.with_length(0xFFFF)), 0xFFFF);
        assert_eq!(of(blank.with_dtyp(0xF)), 0x00F0_0000);
        assert_eq!(of(blank.with_end_of_packet(true)), 1 << 24);
        assert_eq!(of(blank.with_insert_fcs(true)), 1 << 25);
        assert_eq!(of(blank.with_report_status(true)), 1 << 27);
        assert_eq!(of(blank.with_extended(true)), 1 << 29);
        assert_eq!(of(blank.with_insert_vlan(true)), 1 << 30);
        assert_eq!(of(blank.with_segment(true)), 1 << 31);
        assert_eq!(of(blank.with_done(true)), 1 << 32);
        assert_eq!(of(blank.with_context(7)), 7 << 36);
        assert_eq!(of(blank.with_options(0x3F)), 0x3F << 40);
        assert_eq!(of(blank.with_payload_length(0x3_FFFF)), 0x3_FFFF << 46);
    }

    #[test]
    fn every_rss_type_survives_the_four_bits() {
        for bits in 0..16 {
            assert_eq!(RssType::from_bits(bits).into_bits(), bits);
        }
    }
}
