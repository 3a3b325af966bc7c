//! What a hash covers: kinds, and sets of them.
//!
//! Names are those of the policy file. Codes travel in lanes; they are those of the
//! cards' receive descriptors (82576 datasheet, chapter 7), so that nobody translates.

use core::fmt;
use core::str::FromStr;

/// Which fields of a packet a hash covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// IPv4 addresses.
    Ipv4,
    /// IPv4 addresses and TCP ports.
    Ipv4Tcp,
    /// IPv4 addresses and UDP ports.
    Ipv4Udp,
    /// IPv6 addresses.
    Ipv6,
    /// IPv6 addresses and TCP ports.
    Ipv6Tcp,
    /// IPv6 addresses and UDP ports.
    Ipv6Udp,
}

/// In the order of the kinds.
const NAMES: [&str; 6] = [
    "ipv4", "ipv4-tcp", "ipv4-udp", "ipv6", "ipv6-tcp", "ipv6-udp",
];
const CODES: [u8; 6] = [2, 1, 7, 5, 3, 8];

impl HashKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Ipv4,
        Self::Ipv4Tcp,
        Self::Ipv4Udp,
        Self::Ipv6,
        Self::Ipv6Tcp,
        Self::Ipv6Udp,
    ];

    /// The name in a policy file, such as `"ipv4-tcp"`.
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// A number from 1 to 8, so that 0 is free to mean "no hash".
    pub const fn code(self) -> u8 {
        CODES[self as usize]
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no hash kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash kind: write ipv4, ipv4-tcp, ipv4-udp, ipv6, ipv6-tcp or ipv6-udp")]
pub struct UnknownHashKind;

impl FromStr for HashKind {
    type Err = UnknownHashKind;

    fn from_str(text: &str) -> Result<Self, UnknownHashKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(UnknownHashKind)
    }
}

/// A set of hash kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HashKinds(u8);

impl HashKinds {
    /// No kind: nothing is hashed and every packet goes to queue 0.
    pub const NONE: Self = Self(0);

    /// All six kinds.
    pub const ALL: Self = Self(0b11_1111);

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: HashKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether `kind` is in the set.
    pub const fn contains(self, kind: HashKind) -> bool {
        self.0 >> kind as u8 & 1 != 0
    }

    /// The kinds of the set, in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = HashKind> {
        HashKind::ALL
            .into_iter()
            .filter(move |&kind| self.contains(kind))
    }
}

/// A hash and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash {
    /// The Toeplitz hash.
    pub value: u32,
    /// The fields that went into it.
    pub kind: HashKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_name_and_its_code() {
        let names = [
            "ipv4", "ipv4-tcp", "ipv4-udp", "ipv6", "ipv6-tcp", "ipv6-udp",
        ];
        for ((kind, name), code) in HashKind::ALL.into_iter().zip(names).zip([2, 1, 7, 5, 3, 8]) {
            assert_eq!((kind.name(), kind.code()), (name, code));
            assert_eq!(name.parse(), Ok(kind));
        }
        assert_eq!("ipv4-sctp".parse::<HashKind>(), Err(UnknownHashKind));
    }

    #[test]
    fn set_holds_what_was_put_in_and_nothing_else() {
        let set = HashKinds::NONE.with(HashKind::Ipv6Udp).with(HashKind::Ipv4);
        assert!(set.iter().eq([HashKind::Ipv4, HashKind::Ipv6Udp]));
        assert!(!set.contains(HashKind::Ipv6));
        assert_eq!(HashKinds::NONE.iter().count(), 0);
        let all = HashKind::ALL
            .into_iter()
            .fold(HashKinds::NONE, HashKinds::with);
        assert_eq!(all, HashKinds::ALL);
    }
}
