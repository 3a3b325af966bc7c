//! Who made a PCI function.
//!
//! Not here: device numbers, which each family lists.

/// Intel's vendor number.
pub const INTEL: u16 = 0x8086;
