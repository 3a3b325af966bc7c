//! Words of the configuration EEPROM, as [`crate::gigabit::Eerd`] reads them.
//!
//! Not here: words that firmware alone uses.

/// The first of three words that hold the MAC address, two bytes each, the
/// first byte low (82576 datasheet, chapter 6).
pub const MAC_ADDRESS: u16 = 0x00;

/// The word that completes the sum (82576 datasheet, chapter 6).
pub const CHECKSUM: u16 = 0x3F;

/// What words 0 to [`CHECKSUM`] sum up to, modulo 65536.
pub const SUM: u16 = 0xBABA;
