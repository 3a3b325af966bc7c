//! Drivers for Intel 1 and 10 GbE controllers.
//!
//! A driver programs a checked [`lockgate_vmdq::Plan`] into a card and gives the
//! card's queues to the worker; it can read the registers back and say what plan
//! they hold. The rule: only the core's own memory is ever within the reach of a
//! card, and every wait for hardware has a deadline.
//!
//! Not here: which frame may go where (`lockgate-vmdq`), and what the registers
//! mean (`lockgate-regs`).

mod access;
mod common;
pub mod device;
mod dma;
mod e1000e;
mod error;
mod gigabit;
mod igb;
mod ixgbe;
mod nic;
mod open;
#[cfg(test)]
mod paper;
mod ring;
pub mod sys;

pub use error::{Error, OpenError};
pub use nic::{Link, Nic, Statistics, capabilities, open};
pub use open::open_pci;
pub use ring::{Queues, RingSizes, RxQueue, Train, TxQueue, TxSlots};
pub use sys::Alarm;

// Descriptors are kept in host order, and cards know only one; a `usize` holds any
// length that the kernel names.
const _: () = assert!(cfg!(all(
    target_endian = "little",
    target_pointer_width = "64"
)));
