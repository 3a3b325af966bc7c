//! Watches the card while workers drive its queues.
//!
//! Not here: bringing it up (`lockgate_drivers::open`, [`super::Session::start`]).

use std::sync::{Arc, PoisonError};

use lockgate_drivers::{Error, Nic};
use lockgate_host::Alarm;

use super::figures::Shared;
use crate::error::Failure;

/// The card's control side.
pub(super) struct CardMonitor {
    pub(super) nic: Nic,
    alarm: Option<Alarm>,
    device: String,
    shared: Arc<Shared>,
}

/// What a look at the card found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// It has lost frames since the last look.
    pub(super) lost_frames: bool,
    /// The link came up or went down since the last look, and is so now.
    pub(super) link_changed: Option<bool>,
}

impl CardMonitor {
    pub(super) fn new(nic: Nic, alarm: Option<Alarm>, device: String, shared: Arc<Shared>) -> Self {
        Self {
            nic,
            alarm,
            device,
            shared,
        }
    }

    /// Fails if the card is gone or in trouble; keeps its narrow counters from
    /// wrapping (RQDPC of an 82576 has 12 bits).
    pub(super) fn poll(&mut self) -> Result<Look, Failure> {
        if self.alarm.as_ref().is_some_and(Alarm::raised) {
            return Err(Failure::running(
                format!("the kernel reports trouble with {}", self.device),
                "the kernel log says what (`dmesg`); reset the card and start again",
            ));
        }
        let link_changed = self.poll_link()?;
        Ok(Look {
            lost_frames: self.count()?,
            link_changed,
        })
    }

    /// Looks after the link; tells if it has changed.
    pub(super) fn poll_link(&mut self) -> Result<Option<bool>, Failure> {
        let up = self.nic.poll_link().map_err(card_failure)?.up;
        let mut card = self
            .shared
            .card
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut card.link_up, up);
        Ok((before != up).then_some(up))
    }

    /// Whether the link was up when it was looked at last.
    pub(super) fn is_link_up(&self) -> bool {
        self.shared
            .card
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .link_up
    }

    /// Adds what the card counted since the last time; whether it lost frames.
    fn count(&mut self) -> Result<bool, Failure> {
        let latest = self.nic.statistics().map_err(card_failure)?;
        let lost = latest.rx_missed + latest.rx_no_descriptor.iter().sum::<u64>();
        let mut card = self
            .shared
            .card
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        card.missed += latest.rx_missed;
        let pools = card.missed_by_pool.len().max(latest.rx_no_descriptor.len());
        card.missed_by_pool.resize(pools, 0);
        for (sum, n) in card.missed_by_pool.iter_mut().zip(latest.rx_no_descriptor) {
            *sum += n;
        }
        Ok(lost > 0)
    }

    /// Stops the card, whose last counts are in the figures then.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        let counted = self.count();
        self.nic.stop().map_err(card_failure)?;
        counted.map(drop)
    }
}

/// A card that failed, in the driver's words, which name the remedy.
pub(super) fn card_failure(error: Error) -> Failure {
    Failure::running_of(&error)
}
