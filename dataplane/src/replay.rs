//! Captures as a source of frames: pcap and pcapng.
//!
//! [`Replay::open`] reads the whole file once and says what is wrong with it before
//! anything starts; [`Replay::next`] then streams it. Nothing in a file is trusted:
//! memory is bounded by the longest frame that a capture may hold, whatever its
//! lengths claim.
//!
//! Not here: pace and destination of the frames.

use std::path::Path;

use crate::error::Failure;

/// One frame of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its bytes as captured, without a frame check sequence.
    pub bytes: &'a [u8],
    /// When, in nanoseconds since 1970; 0 where the capture does not say.
    pub stamp_ns: u64,
}

/// A capture that has been checked whole and is read from its start.
#[derive(Debug)]
pub struct Replay {}

impl Replay {
    /// Opens the capture at `path` and checks all of it.
    ///
    /// # Errors
    /// A usage failure: no such file, no capture, truncated, not Ethernet, damaged.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let _ = path;
        unimplemented!()
    }

    /// How many frames the capture has.
    pub fn frames(&self) -> u64 {
        0
    }

    /// The next frame, or `None` after the last.
    ///
    /// # Errors
    /// A running failure if the file changed since it was opened, or cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not lend its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Failure> {
        Ok(None)
    }
}
