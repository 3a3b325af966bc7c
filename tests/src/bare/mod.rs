//! The bare image (`examples/bare`) in QEMU.
//!
//! Not here: what the image does (`examples/bare/src`).

mod image;

pub use image::{Bare, Ended, Ending, build, folder, policy};
