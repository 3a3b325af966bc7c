//! Two devices that should be one: the same register program, the same frames, and
//! every difference in what they did.
//!
//! A program is written to QEMU's 82576 and to the model register by register, not
//! through the driver: this compares devices. Frames come out of a generator and of
//! real captures. Both run a program after the other on a card that stays up, so what a
//! program does not write over shows too.
//!
//! Where the two are known to differ and the model is right, the generator keeps away
//! from it or [`known`] evens it out; each has its row in `docs/datasheet-notes.md`.
//!
//! Not here: what our driver does with a card (`conformance`).

mod device;
mod frames;
pub mod known;
mod program;
mod shrink;

pub use device::{Device, Observed};
pub use frames::frames;
pub use program::Program;
pub use shrink::shrink;
