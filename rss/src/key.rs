//! The 40-byte hash key.
//!
//! A key is bytes in the order of the published algorithm: the top bit of byte 0
//! meets the first bit of the input. How a card stores them is its driver's affair.

use core::fmt;
use core::str::FromStr;

/// A hash key of 320 bits, enough for the longest input and the 32 bits of hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; Self::BYTES]);

impl Key {
    /// Length of a key in bytes.
    pub const BYTES: usize = 40;

    /// The key of Microsoft's published verification suite
    /// ("Verifying the RSS Hash Calculation", Windows driver documentation).
    pub const MICROSOFT: Self = Self([
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ]);

    /// 0x6d5a repeated: both directions of a connection hash alike.
    pub const SYMMETRIC: Self = Self([
        0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d,
        0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
        0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    ]);

    /// The key made of `bytes`.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes in the order of the algorithm.
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum KeyError {
    #[error("an RSS key is \"microsoft\", \"symmetric\" or 80 hex digits, not {0} characters")]
    Length(usize),
    #[error("character {position} of the RSS key is {found:?}: write 80 hex digits")]
    Digit { position: usize, found: char },
}

impl FromStr for Key {
    type Err = KeyError;

    /// Reads `"microsoft"`, `"symmetric"` or 80 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text {
            "microsoft" => return Ok(Self::MICROSOFT),
            "symmetric" => return Ok(Self::SYMMETRIC),
            _ => {}
        }
        let length = text.chars().count();
        if length != 2 * Self::BYTES {
            return Err(KeyError::Length(length));
        }
        let mut bytes = [0; Self::BYTES];
        for (at, found) in text.chars().enumerate() {
            let position = at + 1;
            let digit = found
                .to_digit(16)
                .ok_or(KeyError::Digit { position, found })?;
            bytes[at / 2] = bytes[at / 2] << 4 | digit as u8;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Key {
    /// 80 lower-case hex digits, which [`Key::from_str`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    const MICROSOFT_HEX: &str =
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa";

    #[test]
    fn key_reads_its_names_and_hex_of_either_case() {
        assert_eq!("microsoft".parse(), Ok(Key::MICROSOFT));
        assert_eq!("symmetric".parse(), Ok(Key::SYMMETRIC));
        assert_eq!(MICROSOFT_HEX.parse(), Ok(Key::MICROSOFT));
        assert_eq!(MICROSOFT_HEX.to_uppercase().parse(), Ok(Key::MICROSOFT));
    }

    #[test]
    fn key_prints_what_it_reads() {
        assert_eq!(Key::MICROSOFT.to_string(), MICROSOFT_HEX);
        assert_eq!(Key::SYMMETRIC.to_string(), "6d5a".repeat(20));
    }

    #[test]
    fn wrong_key_is_refused_at_the_place_that_is_wrong() {
        assert_eq!("Microsoft".parse::<Key>(), Err(KeyError::Length(9)));
        assert_eq!(MICROSOFT_HEX[1..].parse::<Key>(), Err(KeyError::Length(79)));
        let mistyped = MICROSOFT_HEX.replacen("56", "é6", 1);
        let expected = KeyError::Digit {
            position: 5,
            found: 'é',
        };
        assert_eq!(mistyped.parse::<Key>(), Err(expected));
    }
}
