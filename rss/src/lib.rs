//! Receive Side Scaling: which receive queue a packet belongs to.
//!
//! The way of a frame: [`input`] picks the bytes that are hashed, [`Toeplitz`]
//! hashes them under a [`Key`], [`Table`] turns the hash into a queue. The rule:
//! equal packets get equal queues, whether a card or the core computed the hash.
//!
//! Not here: registers of any card (`lockgate-regs`) and the choice of the
//! partition, which comes before that of the queue (`lockgate-vmdq`).
#![no_std]

mod input;
mod key;
mod kind;
mod table;
mod toeplitz;

pub use input::{Input, input};
pub use key::{Key, KeyError};
pub use kind::{Hash, HashKind, HashKinds, UnknownHashKind};
pub use table::Table;
pub use toeplitz::{Toeplitz, toeplitz};
