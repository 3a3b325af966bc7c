//! Lanes: the shared memory between the core and one partition.
//!
//! A lane is two files in memory. `down` is written by the core and can only be
//! read by the partition; `up` is written by the partition and only read by the
//! core. Frames travel inside, one copy in and none out of order. The rule: nothing
//! the partition puts into `up` can harm the core. Each shared word is read once,
//! an index that moves wrongly closes the lane with a reason, lengths are clamped.
//!
//! The core holds a [`Lane`], the partition's process an [`Endpoint`].
//!
//! Not here: who may send what to whom (`lockgate-vmdq`), how the files reach the
//! other process, and what the endpoint speaks.

mod core;
mod endpoint;
mod layout;
#[expect(unsafe_code, reason = "memory shared with another process")]
mod memory;
mod meta;
mod ring;

pub use crate::core::{DownWriter, Lane, LaneFiles, UpReader, Waiting};
pub use crate::endpoint::{AttachError, DownReader, Endpoint, UpWriter};
pub use crate::layout::Geometry;
pub use crate::memory::Slots;
pub use crate::meta::{Meta, Words};
pub use crate::ring::{Closed, End};
