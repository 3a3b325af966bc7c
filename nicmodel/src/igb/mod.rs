//! The 82576.
//!
//! Its register map for the core of cards with pools ([`crate::vmdq`]), and what it keeps
//! beside registers: PHY, EEPROM, rates, interrupts. Pools have two queues, n and n + 8.
//!
//! Lacking: receive checksums, header split, interrupt throttling, rate limits in
//! effect, filters by EtherType or 5-tuple, mirroring, virtual functions.

mod access;
mod extra_registers;
mod filters;
mod interrupt;
mod map;
mod queues;
#[cfg(test)]
mod tests;

use crate::nvm::Nvm;
use crate::phy::Phy;
use crate::vmdq::{self, RegisterMap};

/// One 82576.
pub(crate) type Nic = vmdq::Nic<I82576>;

/// The MAC address in the EEPROM: locally administered, so that it is nobody's.
const MAC: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x76];

/// Ticks from a reset until the EEPROM has been read.
const AUTO_READ: u64 = 2;

/// What an 82576 keeps beside the core and its registers.
pub(crate) struct I82576 {
    phy: Phy,
    nvm: Nvm,
    /// The link as of the last look.
    link_up: bool,
    /// RTTBCNRC of each transmit queue.
    rates: [u32; 16],
    /// The vectors to be signalled, a bit each.
    messages: u64,
}

impl RegisterMap for I82576 {}
