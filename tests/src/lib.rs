//! What the whole-system tests stand on: QEMU as a card, QEMU as a machine, and
//! a reader of this project's own sources.
//!
//! [`qemu`] drives QEMU's emulated controllers from this process, register by
//! register; [`guest`] boots a Linux that owns one through VFIO, and [`served`] lends it
//! one of our models instead. All fail
//! with one clear message within a deadline when QEMU is missing, dies or
//! stops answering, and leave nothing behind.
//!
//! Not here: the tests themselves (`tests/`), and installing what they need
//! (`cargo xtask setup`).
#![forbid(unsafe_code)]

pub mod bare;
pub mod capture;
pub mod captures;
pub mod cards;
pub mod differential;
pub mod emulator;
pub mod frames;
pub mod guest;
pub mod judges;
pub mod machine;
pub mod oracle;
pub mod program;
pub mod qemu;
pub mod random;
pub mod served;
pub mod source;
pub mod subject;
pub mod validation;
