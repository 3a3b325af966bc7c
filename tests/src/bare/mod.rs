//! The bare image (`examples/bare`) in QEMU, steered and judged from the wire.
//!
//! Inside, each of two partitions does one of two things with a frame that it gets: it sends
//! what a command frame carries, or shows the frame to the observer. So everything that a
//! partition gets is seen here byte for byte, and everything that a partition might try can be
//! tried from here. What should come of each frame says the oracle ([`crate::oracle`]).
//!
//! Not here: what the image does (`examples/bare/src`).

mod image;
mod script;
mod verdict;

pub use image::{Bare, Ended, Ending, build, compile, folder, policy};
pub use script::{A, B, Origin, Step, scene, steps};
pub use verdict::{Outcome, Row, drive};
