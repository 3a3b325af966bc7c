//! What the two 1 GbE families have in common beyond what every card has
//! ([`crate::common`], re-exported): registers at one place with one meaning on both.
//!
//! Bits that only one of them has are in the type and say so.
//!
//! Not here: queues, receive addresses, pools and interrupts, which differ.

mod control;
mod filter;
pub mod phy;

pub use crate::common::*;
pub use control::*;
pub use filter::*;
