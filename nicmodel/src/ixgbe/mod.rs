//! The 82599.
//!
//! Its register map for the core of cards with pools ([`crate::vmdq`]), and what it keeps
//! beside registers: cable, SFP+ module, EEPROM, interrupts, credits and limits of the
//! arbiters. Pools have two or four queues, next to each other.
//!
//! Stricter than real cards, so that a driver's slip shows: a transmit queue does not come
//! up before DMATXCTL.TE.
//!
//! Lacking: receive checksums, header split, joined segments (RSC), FCoE, IPsec, traffic
//! classes (DCB), filters by EtherType, 5-tuple or Flow Director (whose commands are
//! taken and match nothing), mirroring, virtual functions, moderation of interrupts.

mod access;
mod extra_registers;
mod filters;
mod interrupt;
mod link;
mod map;
mod queues;
mod schedule;
mod sfp;
mod stats;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::ixgbe::*;

use crate::chip::Bus;
use crate::nvm::Nvm;
use crate::registers::Registers;
use crate::vmdq::{self, RegisterMap};
use interrupt::Interrupts;
use link::Cable;
use schedule::Arbiter;
use sfp::Sfp;

/// One 82599.
pub(crate) type Nic = vmdq::Nic<I82599>;

/// The MAC address in the EEPROM: locally administered, so that it is nobody's.
const MAC: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x99];

/// Ticks from a reset until the EEPROM has been read and DMA is set up.
const AUTO_READ: u64 = 2;

/// What an 82599 keeps beside the core and its registers.
pub(crate) struct I82599 {
    cable: Cable,
    sfp: Sfp,
    nvm: Nvm,
    interrupts: Interrupts,
    arbiter: Arbiter,
    /// PFQDE: receive queues that drop, a bit each.
    drops: u128,
}

impl RegisterMap for I82599 {
    fn is_clocked(&self) -> bool {
        self.arbiter.has_clock()
    }

    fn advance(nic: &mut Nic, bus: &mut Bus, time: Duration) {
        nic.pass_time(bus, time);
    }
}

/// How the card is cut into pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Binary logarithm of the queues of a pool.
    shift: u32,
}

impl Layout {
    /// How MRQC lays receive queues out; `None`: without pools.
    fn of_receive(registers: &Registers) -> Option<Self> {
        match registers.get::<Mrqc>(()).mode() {
            MultipleQueues::Vmdq64 | MultipleQueues::Vmdq64Rss => Some(Self { shift: 1 }),
            MultipleQueues::Vmdq32Rss => Some(Self { shift: 2 }),
            _ => None,
        }
    }

    /// How MTQC lays transmit queues out; `None`: without pools.
    fn of_transmit(registers: &Registers) -> Option<Self> {
        match registers.get::<Mtqc>(()).layout() {
            TransmitLayout::Pools64 => Some(Self { shift: 1 }),
            TransmitLayout::Pools32 => Some(Self { shift: 2 }),
            _ => None,
        }
    }

    fn pool_of(self, queue: u32) -> Option<Pool> {
        Pool::new(queue >> self.shift)
    }

    /// `None` if there are no queues for that many pools.
    fn first_queue(self, pool: Pool) -> Option<u32> {
        RxQueue::new(pool.number() << self.shift).map(Index::number)
    }
}
