//! What the datasheets say: registers, descriptors and identities of Intel's
//! 1 and 10 GbE controllers.
//!
//! A register is a value with named fields ([`Register`]) and a known place; an
//! index is a checked number ([`Index`]), so a queue or table entry that the
//! card does not have cannot be written down. Names are the datasheet's. Driver
//! and model share this crate, so a wrong bit would fool both: every register is
//! tested against literals. What no driver touches is not here but in the model,
//! by the same macros.
//!
//! [`e1000e`] holds the 82574, [`igb`] the 82576, [`gigabit`] what these two have in
//! common, [`ixgbe`] the 82599, [`common`] what is alike on all.
//!
//! Not here: reaching a register, and in what order to write them (drivers).
//!
//! ```
//! use lockgate_regs::igb::{Rdt, RxQueue};
//! use lockgate_regs::{Index, Register};
//!
//! let queue = RxQueue::new(3).expect("an 82576 has 16");
//! assert_eq!((Rdt::NAME, Rdt::offset(queue)), ("RDT", 0xC0D8));
//! assert!(RxQueue::new(16).is_none(), "what the card lacks cannot be written down");
//! ```
#![no_std]
#![forbid(unsafe_code)]

pub mod common;
pub mod descriptor;
pub mod e1000e;
pub mod gigabit;
pub mod igb;
mod index;
pub mod ixgbe;
pub mod pci;
mod register;

#[doc(hidden)]
pub use bitfield_struct::bitfield;
pub use index::{Index, TableWord};
pub use register::{ClearsOnRead, Register, Stable};
