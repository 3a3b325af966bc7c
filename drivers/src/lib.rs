//! Drivers for Intel 1 and 10 GbE controllers.
//!
//! A driver programs a checked [`lockgate_vmdq::Plan`] into a card and gives the
//! card's queues to the worker; it can read the registers back and say what plan
//! they hold. The rule: only the core's own memory is ever within the reach of a
//! card, and every wait for hardware has a deadline.
//!
//! Not here: how a card comes here (`lockgate-host`, `lockgate-nicmodel`), which frame may go where (`lockgate-vmdq`), and what the registers
//! mean (`lockgate-regs`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod adapter;
mod advanced;
mod apply;
pub mod device;
mod e1000e;
mod error;
#[cfg(test)]
mod fake;
mod family;
mod filter;
mod gigabit;
mod igb;
mod ixgbe;
mod nic;
mod rate;
mod registry;
mod reset;
mod ring;
mod rss;
mod slots;
mod statistics;

pub use adapter::Link;
pub use error::Error;
pub use nic::{Nic, open};
pub use registry::{CARDS, SupportedCard, capabilities};
pub use ring::{
    BadDescriptors, MAX_BURST, Queues, RX_FREE_THRESH, RingSizes, RxBurst, RxFrame, RxHash,
    RxQueue, TxQueue, TxSlot,
};
pub use statistics::Statistics;

// Descriptors are kept in host order, and cards know only one; a `usize` holds any
// length that the kernel names.
const _: () = assert!(cfg!(all(
    target_endian = "little",
    target_pointer_width = "64"
)));
