//! The core's side of a lane.
//!
//! The core writes `down` and reads `up`, and believes nothing in `up`. The partition can
//! rewrite its slot at any moment, so a frame is copied into core memory as a whole, and
//! it is that copy which is checked and which travels on.

use std::io;
use std::os::fd::OwnedFd;

use crate::layout::{DOWN, EMPTIES, FILLS, Geometry, UP};
use crate::memory::{self, Slots};
use crate::ring::End;

/// The two files of a lane, for the partition's process.
#[derive(Debug)]
pub struct LaneFiles {
    /// Written by the core; whoever gets it can only read it.
    pub down: OwnedFd,
    /// Written by the partition.
    pub up: OwnedFd,
}

/// The core's ends of a new lane.
#[derive(Debug)]
pub struct Lane {
    /// The receive rings, one for each worker that delivers to the partition.
    pub down: Vec<DownWriter>,
    /// The transmit ring.
    pub up: UpReader,
    /// What the partition's [`Endpoint`](crate::Endpoint) attaches to.
    pub files: LaneFiles,
}

impl Lane {
    /// Makes a lane; `name` shows in `/proc` and is at most 200 bytes without NUL.
    ///
    /// # Errors
    /// An impossible geometry or name, or no memory or file left.
    pub fn create(name: &str, geometry: Geometry) -> io::Result<Self> {
        geometry.check()?;
        let (files, (down, up)) = memory::create(name, geometry)?;
        let down = down.into_iter().map(End::new).collect::<Result<_, _>>();
        let up = End::new(up).map_err(io::Error::other)?;
        Ok(Self {
            down: down.map_err(io::Error::other)?,
            up,
            files,
        })
    }
}

/// Fills one receive ring of a partition; one worker has it.
pub type DownWriter = End<FILLS, DOWN>;

/// Empties the transmit ring of a partition; one worker has it.
pub type UpReader = End<EMPTIES, UP>;

/// Frames that a partition has written and nobody has judged.
pub type Waiting<'v> = Slots<'v, EMPTIES, UP>;
