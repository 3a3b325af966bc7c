//! A capture as a source of frames: paced or gated, one frame at a time.
//!
//! Not here: reading captures ([`crate::capture::replay`]), and where the frames go.

use super::{Pace, Round, Source};
use crate::capture::replay::Replay;
use crate::error::Failure;

/// What a port sends by itself.
pub(super) struct ReplaySource {
    replay: Option<Replay>,
    pace: Pace,
    source: Source,
}

impl ReplaySource {
    /// The frames of `replay`, if there is one, under the name of `source`.
    pub(super) fn new(replay: Option<Replay>, pace: Pace, source: Source) -> Self {
        Self {
            replay,
            pace,
            source,
        }
    }

    /// Whether pace and gate let a frame go.
    pub(super) fn is_due(&self, round: &Round<'_>) -> bool {
        self.pace.due(round.now_ns) && round.admits(self.source)
    }

    /// The next frame's bytes; `None` after the last.
    ///
    /// # Errors
    /// A running failure when the capture cannot be read any more.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        match &mut self.replay {
            Some(replay) => Ok(replay.next()?.map(|frame| frame.bytes)),
            None => Ok(None),
        }
    }

    /// A frame went, of which `copies` may reach a lane.
    pub(super) fn sent(&mut self, round: &mut Round<'_>, copies: u64) {
        self.pace.sent(round.now_ns);
        round.inject(self.source, copies);
    }

    /// Whether nothing is left to send.
    pub(super) fn is_drained(&self) -> bool {
        self.replay.as_ref().is_none_or(Replay::is_at_end)
    }

    /// Sends nothing more.
    pub(super) fn stop(&mut self) {
        self.replay = None;
    }
}
