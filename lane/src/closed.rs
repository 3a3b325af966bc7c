//! Why a lane is closed.

use crate::direction::Ring;

/// The other side moved an index where no frame could have taken it: nothing more goes
/// through the lane, in either direction, on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the other side moved its index of the {ring} ring from {from} to {to}, at most \
     {limit} was possible: restart the partition's endpoint with a new lane"
)]
pub struct Closed {
    /// Which ring.
    pub ring: Ring,
    /// The last good value of the index, in frames since the lane was made.
    pub from: u64,
    /// What it holds now.
    pub to: u64,
    /// How far it might have moved, in frames.
    pub limit: u64,
}
