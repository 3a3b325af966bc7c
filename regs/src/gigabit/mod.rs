//! What the 82574 and the 82576 have in common: registers at one place with one
//! meaning on both.
//!
//! Bits that only one of them has are in the type and say so.
//!
//! Not here: queues, receive addresses, pools and interrupts, which differ.

mod control;
mod filter;
mod stats;

pub use control::*;
pub use filter::*;
pub use stats::*;
