//! Ethernet MAC addresses.
//!
//! Six octets in wire order, compared as one number. Not here: who owns an
//! address (`check`) and which frames carry it (`frame`).

use crate::hex;
use crate::prelude::*;

/// A MAC address; ordered as its octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(u64);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self::new([0xff; 6]);

    /// The address with these octets, in wire order.
    pub const fn new([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self::read([a, b, c, d, e, f, 0, 0])
    }

    /// The address in the first six octets.
    pub(crate) const fn read(octets: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(octets) >> 16)
    }

    /// The octets in wire order.
    pub const fn octets(self) -> [u8; 6] {
        let [_, _, octets @ ..] = self.0.to_be_bytes();
        octets
    }

    /// The address as a 48-bit number, first octet most significant.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whether the group bit is set; true for broadcast too (IEEE 802, clause 8).
    pub const fn is_multicast(self) -> bool {
        self.0 >> 40 & 1 == 1
    }

    /// Whether this is [`Mac::BROADCAST`].
    pub const fn is_broadcast(self) -> bool {
        self.0 == Self::BROADCAST.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six pairs of hex digits joined by colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six pairs of hex digits joined by colons")]
pub struct NotAMac;

impl FromStr for Mac {
    type Err = NotAMac;

    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            *octet = parts.next().and_then(hex::octet).ok_or(NotAMac)?;
        }
        match parts.next() {
            None => Ok(Self::new(octets)),
            Some(_) => Err(NotAMac),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn an_address_prints_as_lower_case_whatever_case_it_was_written_in() {
        let mac: Mac = "02:4C:47:00:0a:Ff".parse().unwrap();
        assert_eq!(mac.to_string(), "02:4c:47:00:0a:ff");
        assert_eq!(mac.as_u64(), 0x024c_4700_0aff);
    }

    #[test]
    fn anything_but_six_pairs_of_hex_digits_is_refused() {
        for text in [
            "",
            "02:4c:47:00:00",
            "02:4c:47:00:00:02:03",
            "2:4c:47:0:0:2",
            "02-4c-47-00-00-02",
            "02:4c:47:00:00:0g",
            "+2:4c:47:00:00:02",
            "02:4c:47:00:00:02 ",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text:?}");
        }
    }

    #[test]
    fn the_group_bit_is_the_lowest_of_the_first_octet() {
        assert!(Mac::new([1, 0, 0x5e, 0, 0, 0xfb]).is_multicast());
        assert!(!Mac::new([2, 0xff, 0xff, 0xff, 0xff, 0xff]).is_multicast());
        assert!(Mac::BROADCAST.is_broadcast() && Mac::BROADCAST.is_multicast());
    }
}
