//! The cable of the model: replays what arrives, captures what leaves.
//!
//! A frame that the card filters reaches no worker. The cable knows of it all
//! the same, and accounts for it under the reason that the policy gives.

use std::collections::VecDeque;
use std::sync::Arc;

use lockgate_vmdq::{FrameLimits, Mac, Plan, WireVerdict};

use super::mirror::CaptureMirror;
use super::replay_source::ReplaySource;
use super::stats::{CableStats, PortStats};
use super::{BURST, Port, Round};
use crate::error::Failure;
use crate::model::{Model, Receive};

/// What is plugged into what.
pub(super) struct Cable {
    /// The card.
    pub(super) model: Model,
    /// What explains the frames that the card filters.
    pub(super) plan: Arc<Plan>,
    /// What arrives.
    pub(super) source: ReplaySource,
    /// Sees what leaves.
    pub(super) mirror: Option<CaptureMirror>,
    /// Who is at the far end and sends back what is for this address.
    pub(super) peer: Option<Mac>,
}

/// The wire side of the model.
pub struct ModelWire {
    cable: Cable,
    /// The frame whose turn it is, if `holding`.
    held: Vec<u8>,
    holding: bool,
    /// What the peer sends back.
    answers: VecDeque<Vec<u8>>,
    stats: Arc<PortStats>,
    counts: Arc<CableStats>,
}

impl ModelWire {
    /// The far end of `cable`.
    pub(super) fn new(cable: Cable) -> Self {
        Self {
            cable,
            held: Vec::new(),
            holding: false,
            answers: VecDeque::new(),
            stats: Arc::default(),
            counts: Arc::default(),
        }
    }

    /// What went over it, for whoever wants to see that while it goes on.
    pub fn counts(&self) -> &Arc<CableStats> {
        &self.counts
    }

    fn arrive(&mut self, round: &mut Round<'_>) -> Result<usize, Failure> {
        let mut arrived = 0;
        while arrived < BURST && self.cable.source.is_due(round) {
            // A frame that had to wait is kept, since the replay moves on.
            if !self.holding && !self.take_up()? {
                break;
            }
            if round.is_gated() && !self.cable.model.room(&self.held) {
                break;
            }
            let copies = self.present();
            self.cable.source.sent(round, copies);
            arrived += 1;
        }
        self.stats.sent.add(arrived as u64);
        Ok(arrived)
    }

    /// Holds the next answer of the peer or frame of the replay; `false` when there is none.
    fn take_up(&mut self) -> Result<bool, Failure> {
        if let Some(answer) = self.answers.pop_front() {
            self.held = answer;
            self.holding = true;
        } else if let Some(frame) = self.cable.source.next()? {
            self.held.clear();
            self.held.extend_from_slice(frame);
            self.holding = true;
        }
        Ok(self.holding)
    }

    /// Puts the held frame on the card's wire and accounts for it; says how many copies the
    /// card keeps of it.
    fn present(&mut self) -> u64 {
        let len = match self.held.len() {
            runt @ 0..14 => runt,
            len => len.max(FrameLimits::SHORTEST),
        };
        self.holding = false;
        self.counts.rx.add(len);
        match self.cable.model.receive(&self.held) {
            Receive::Stored { copies: 0, .. } => {
                self.counts.missed.add(1);
                0
            }
            Receive::Stored { copies, .. } => copies.into(),
            Receive::Held => 1,
            Receive::Filtered | Receive::NotReady => {
                self.count_filtered();
                0
            }
        }
    }

    /// Accounts for the held frame, which no queue of the card took.
    fn count_filtered(&self) {
        match self.cable.plan.from_wire(&self.held, self.held.len()) {
            WireVerdict::Drop(reason) => self.counts.filtered[reason as usize].add(1),
            WireVerdict::Deliver(_) => self.counts.filtered_in_error.add(1),
        }
    }

    fn leave(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let frames = self.cable.model.transmitted();
        if let Some(peer) = self.cable.peer {
            self.answers
                .extend(frames.iter().filter_map(|frame| answer(peer, frame)));
        }
        for frame in &frames {
            self.counts.tx.add(frame.len());
            if let Some(mirror) = &mut self.cable.mirror {
                mirror.see(frame, now_ns)?;
            }
        }
        self.stats.taken.add(frames.len() as u64);
        Ok(frames.len())
    }
}

/// What `peer` sends back, if the frame is for it.
fn answer(peer: Mac, frame: &[u8]) -> Option<Vec<u8>> {
    let mut answer = frame.strip_prefix(&peer.octets())?.to_vec();
    (answer.len() >= 6).then(|| drop(answer.splice(6..6, peer.octets())))?;
    Some(answer)
}

impl Port for ModelWire {
    fn poll(&mut self, round: &mut Round<'_>) -> Result<usize, Failure> {
        Ok(self.arrive(round)? + self.leave(round.now_ns)?)
    }

    fn is_drained(&self) -> bool {
        self.cable.source.is_drained() && !self.holding
    }

    fn request_stop(&mut self) {
        self.cable.source.stop();
        self.holding = false;
    }

    fn stats(&self) -> &Arc<PortStats> {
        &self.stats
    }

    fn write_out(&mut self) -> Result<(), Failure> {
        let mirror = self.cable.mirror.as_mut();
        mirror.map_or(Ok(()), CaptureMirror::write_out)
    }

    fn persist(self: Box<Self>) -> Result<(), Failure> {
        self.cable.mirror.map_or(Ok(()), CaptureMirror::persist)
    }
}
