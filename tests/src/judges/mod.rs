//! Drivers that nobody here wrote, as judges of a card.
//!
//! A [`Device`] goes into a guest whose Linux or DPDK has a driver for the real card; what
//! the driver then does, over a cable that ends on this machine, is the judgement. The
//! rule: nothing here knows who made the card. A new one is a [`Device`]: how it is
//! plugged in, and whose driver it has to please.
//!
//! Not here: the cases (`tests/judges`).

mod bench;
mod cores;
mod device;
mod dpdk;
mod linux;
mod network;
mod race;

pub use bench::Bench;
pub use device::{Counters, Device, Driver, Plug, Port};
pub use dpdk::{Dpdk, Session};
pub use linux::{GUEST, HOST, Linux};
pub use network::{Job, Network};
pub use race::{Figures, Kind, Race, SIZES, WINDOW};
