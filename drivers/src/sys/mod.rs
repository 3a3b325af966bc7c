//! Every unsafe line of the drivers: memory the NIC reaches, registers, VFIO.
//!
//! The rule: each block holds one operation and says which checked fact makes
//! it sound; every public function is safe. The whole argument is in
//! `docs/safety.md`.
//!
//! Not here: what a register or descriptor means, and in which order a driver
//! touches them.

#![expect(
    unsafe_code,
    reason = "memory mapping, device registers and ioctls have no safe form"
)]

mod hand;
mod ioctl;
mod memory;
mod mmio;
mod pages;
mod vfio;

pub(crate) use memory::{Layout, RingMemory, Run, Slot};
pub(crate) use mmio::Mmio;
pub use pages::Pages;
pub use vfio::Alarm;
pub(crate) use vfio::Vfio;
