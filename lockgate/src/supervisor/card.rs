//! Watches the card while workers drive its queues.

use lockgate_drivers::{Error, Nic};
use lockgate_host::Alarm;

use crate::error::Failure;
use crate::report::accounting::Missed;

/// The card's control side.
pub(super) struct CardMonitor {
    pub(super) nic: Nic,
    alarm: Option<Alarm>,
    device: String,
    missed: Missed,
}

impl CardMonitor {
    pub(super) fn new(nic: Nic, alarm: Option<Alarm>, device: String) -> Self {
        Self {
            nic,
            alarm,
            device,
            missed: Missed::default(),
        }
    }

    /// Fails if the card is gone or in trouble; keeps its narrow counters from
    /// wrapping (RQDPC of an 82576 has 12 bits). Says whether it has lost frames since the
    /// last look.
    pub(super) fn poll(&mut self) -> Result<bool, Failure> {
        if self.alarm.as_ref().is_some_and(Alarm::raised) {
            return Err(Failure::running(
                format!("the kernel reports trouble with {}", self.device),
                "the kernel log says what (`dmesg`); reset the card and start again",
            ));
        }
        self.nic.poll_link().map_err(card_failure)?;
        self.count()
    }

    fn count(&mut self) -> Result<bool, Failure> {
        let latest = self.nic.statistics().map_err(card_failure)?;
        let Missed { by_pool, by_card } = &mut self.missed;
        let lost = latest.rx_missed + latest.rx_no_descriptor.iter().sum::<u64>();
        *by_card += latest.rx_missed;
        by_pool.resize(by_pool.len().max(latest.rx_no_descriptor.len()), 0);
        for (sum, n) in by_pool.iter_mut().zip(latest.rx_no_descriptor) {
            *sum += n;
        }
        Ok(lost > 0)
    }

    /// Stops the card; gives back what it lost for want of room.
    pub(super) fn stop(mut self) -> Result<Missed, Failure> {
        let counted = self.count();
        self.nic.stop().map_err(card_failure)?;
        counted.map(|_| self.missed)
    }
}

/// A card that failed, in the driver's words, which name the remedy.
pub(super) fn card_failure(error: Error) -> Failure {
    Failure::running_of(&error)
}
