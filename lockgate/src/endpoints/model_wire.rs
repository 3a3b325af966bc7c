//! The cable of the model: replays what arrives, captures what leaves.
//!
//! A frame that the card filters reaches no worker. The cable knows of it all
//! the same, and accounts for it under the reason that the policy gives.

use std::collections::VecDeque;

use lockgate_vmdq::{FrameLimits, Mac, Plan, Reason, WireVerdict};

use super::{BURST, Pace, Port, Time, capture_failure};
use crate::capture::replay::Replay;
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;
use crate::model::{Model, Receive};
use lockgate_dataplane::Overflow;

/// What went over the cable.
#[derive(Debug, Default, Clone)]
pub struct CableCounts {
    /// Frames that arrived at the card.
    pub rx_frames: u64,
    /// Their bytes, padded as a MAC does.
    pub rx_bytes: u64,
    /// Frames that left the card.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames that no queue of the card took, by the policy's reason.
    pub filtered: [u64; Reason::COUNT],
    /// Frames that the card filtered although the policy gives them to somebody.
    pub lost: u64,
    /// Frames that arrived while every queue they were for was full.
    pub missed: u64,
}

/// What is plugged into what.
pub struct Cable<'r> {
    /// The card.
    pub model: Model,
    /// What explains the frames that the card filters.
    pub plan: &'r Plan,
    /// What arrives.
    pub replay: Option<Replay>,
    /// Takes what leaves.
    pub capture: Option<CaptureWriter>,
    /// Who is at the far end and sends back what is for this address.
    pub peer: Option<Mac>,
}

/// The wire side of the model.
pub struct ModelWire<'r> {
    cable: Cable<'r>,
    pace: Pace,
    overflow: Overflow,
    time: Time,
    counts: CableCounts,
    /// The frame whose turn it is, if `holding`.
    held: Vec<u8>,
    holding: bool,
    /// What the peer sends back.
    answers: VecDeque<Vec<u8>>,
}

impl<'r> ModelWire<'r> {
    /// The far end of `cable`, replaying at `pace`.
    pub fn new(cable: Cable<'r>, pace: Pace, overflow: Overflow, time: Time) -> Self {
        Self {
            cable,
            pace,
            overflow,
            time,
            counts: CableCounts::default(),
            held: Vec::new(),
            holding: false,
            answers: VecDeque::new(),
        }
    }

    /// What went over it, and the capture to be finished.
    pub fn into_parts(self) -> (CableCounts, Option<CaptureWriter>) {
        (self.counts, self.cable.capture)
    }

    fn arrive(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let mut arrived = 0;
        while arrived < BURST && self.pace.due(now_ns) {
            // A frame that had to wait is kept, since the replay moves on.
            if !self.holding && !self.take_up()? {
                break;
            }
            if self.overflow == Overflow::Wait && !self.cable.model.room(&self.held) {
                break;
            }
            self.present();
            self.pace.sent(now_ns);
            arrived += 1;
        }
        Ok(arrived)
    }

    /// Holds the next answer of the peer or frame of the replay; `false` when there is none.
    fn take_up(&mut self) -> Result<bool, Failure> {
        if let Some(answer) = self.answers.pop_front() {
            self.held = answer;
            self.holding = true;
            return Ok(true);
        }
        let Some(replay) = &mut self.cable.replay else {
            return Ok(false);
        };
        match replay.next()? {
            Some(frame) => {
                self.held.clear();
                self.held.extend_from_slice(frame.bytes);
                self.holding = true;
            }
            None => self.cable.replay = None,
        }
        Ok(self.holding)
    }

    /// Puts the held frame on the card's wire and accounts for it.
    fn present(&mut self) {
        let outcome = self.cable.model.receive(&self.held);
        let len = match self.held.len() {
            runt @ 0..14 => runt,
            len => len.max(FrameLimits::SHORTEST),
        };
        self.counts.rx_frames += 1;
        self.counts.rx_bytes += len as u64;
        match outcome {
            Receive::Stored { copies: 0, .. } => self.counts.missed += 1,
            Receive::Stored { .. } | Receive::Held => {}
            Receive::Filtered | Receive::NotReady => {
                match self.cable.plan.from_wire(&self.held, self.held.len()) {
                    WireVerdict::Drop(reason) => self.counts.filtered[reason as usize] += 1,
                    WireVerdict::Deliver(_) => self.counts.lost += 1,
                }
            }
        }
        self.holding = false;
    }

    fn leave(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let frames = self.cable.model.transmitted();
        if let Some(peer) = self.cable.peer {
            self.answers
                .extend(frames.iter().filter_map(|frame| answer(peer, frame)));
        }
        for frame in &frames {
            self.counts.tx_frames += 1;
            self.counts.tx_bytes += frame.len() as u64;
            if let Some(capture) = &mut self.cable.capture {
                capture
                    .write(self.time.of_day(now_ns), frame, None, None)
                    .map_err(capture_failure)?;
            }
        }
        Ok(frames.len())
    }
}

/// What `peer` sends back, if the frame is for it.
fn answer(peer: Mac, frame: &[u8]) -> Option<Vec<u8>> {
    let mut answer = frame.strip_prefix(&peer.octets())?.to_vec();
    (answer.len() >= 6).then(|| drop(answer.splice(6..6, peer.octets())))?;
    Some(answer)
}

impl Port for ModelWire<'_> {
    fn poll(&mut self, now_ns: u64) -> Result<usize, Failure> {
        Ok(self.arrive(now_ns)? + self.leave(now_ns)?)
    }

    fn is_drained(&self) -> bool {
        self.cable.replay.is_none() && !self.holding
    }

    fn request_stop(&mut self) {
        self.cable.replay = None;
        self.holding = false;
    }
}
