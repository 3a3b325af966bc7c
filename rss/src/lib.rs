//! Receive Side Scaling: which receive queue a packet belongs to.
//!
//! The way of a frame: [`input`] picks the bytes that are hashed, [`Toeplitz`]
//! hashes them under a [`Key`], [`Table`] turns the hash into a queue. The rule:
//! equal packets get equal queues, whether a card or the core computed the hash.
//!
//! Not here: registers of any card (`lockgate-regs`) and the choice of the
//! partition, which comes before that of the queue (`lockgate-vmdq`).
//!
//! ```
//! use lockgate_rss::{HashKind, Input, Key, Table, Toeplitz};
//!
//! // A connection of Microsoft's verification suite, and its published hash.
//! let (source, destination) = ([66, 9, 149, 187].into(), [161, 142, 100, 80].into());
//! let input = Input::v4(source, destination, Some((2794, 1766)), HashKind::Ipv4Tcp);
//! let hash = Toeplitz::new(&Key::MICROSOFT).hash_of(&input);
//! assert_eq!(hash.value, 0x51cc_c178);
//! // Its low seven bits are 120, and entry i of the table is i mod 4.
//! assert_eq!(Table::round_robin(128, 4).queue(hash.value), 0);
//! ```
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
