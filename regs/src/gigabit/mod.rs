//! What the 82574 and the 82576 have in common: registers at one place with one
//! meaning on both.
//!
//! Bits that only one of them has are in the type and say so.
//!
//! Not here: queues, receive addresses, pools and interrupts, which differ.

mod control;
mod filter;
mod flow;
mod stats;

pub use control::{Ctrl, Eecd, Eerd, Gcr, Mdic, Rctl, Status, Swsm, Tctl, Vet, mdic_op};
pub use filter::{HashKeyWord, Mta, Reta, RetaWord, Rfctl, Rssrk, Rxcsum, Vfta};
pub use flow::{Fcah, Fcal, Fcrth, Fcrtl, Fct, Fcttv};
pub use stats::*;
