//! Typed access to registers, and waiting for them.
//!
//! The rule: a read that gives all ones asks STATUS too, and if that is all ones
//! the card is gone. A register that clears on read takes `&mut`, so it has one
//! reader. Every wait has a deadline.
//!
//! Not here: which registers there are (`lockgate-regs`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use lockgate_regs::common::Status;
use lockgate_regs::{ClearsOnRead, Index, Register, Stable};

use crate::device::{Bar, Clock};
use crate::error::Error;

/// How many times a wait looks before its limit, at least.
const LOOKS: u32 = 200;

/// The longest that a wait does not look.
const LONGEST_NAP: Duration = Duration::from_millis(5);

/// The registers of one card, and the clock by which it is waited for.
pub(crate) struct Registers {
    bar: Arc<dyn Bar>,
    clock: Arc<dyn Clock>,
}

/// Where a register is, and what it is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegisterWrite {
    offset: u32,
    value: u32,
}

impl RegisterWrite {
    pub(crate) fn new<R: Stable>(at: R::Index, value: R) -> Self {
        Self {
            offset: R::offset(at),
            value: value.into(),
        }
    }

    /// The two ral_rah of a 64-bit value, the low one at `R` and the high one behind it.
    pub(crate) fn wide<R: Stable>(at: R::Index, value: u64) -> [Self; 2] {
        let low = R::offset(at);
        let half = |offset, value| Self { offset, value };
        [half(low, value as u32), half(low + 4, (value >> 32) as u32)]
    }
}

impl Registers {
    pub(crate) fn new(bar: Arc<dyn Bar>, clock: Arc<dyn Clock>) -> Self {
        Self { bar, clock }
    }

    /// Leaves the card alone for at least `time`.
    pub(crate) fn sleep(&self, time: Duration) {
        self.clock.sleep(time);
    }

    /// Returns once every earlier write has reached the card.
    pub(crate) fn flush(&self) {
        self.bar.flush();
    }

    /// Reads a register that reading does not change.
    pub(crate) fn read<R: Stable>(&self, at: R::Index) -> Result<R, Error> {
        self.load(R::offset(at)).map(R::from)
    }

    /// Reads two that hold a 64-bit value, as [`RegisterWrite::wide`] sets it.
    pub(crate) fn read_wide<R: Stable>(&self, at: R::Index) -> Result<u64, Error> {
        let [low, high] = [0, 4].map(|half| self.load(R::offset(at) + half));
        Ok(u64::from(low?) | u64::from(high?) << 32)
    }

    /// Reads a whole array of them.
    pub(crate) fn read_all<R: Stable>(&self) -> Result<Vec<R>, Error> {
        R::Index::all().map(|at| self.read(at)).collect()
    }

    /// Reads a register that the read clears.
    pub(crate) fn count<R: ClearsOnRead>(&mut self, at: R::Index) -> Result<u64, Error> {
        self.load(R::offset(at)).map(u64::from)
    }

    /// Whether the register holds what it was set to.
    pub(crate) fn matches(&self, write: &RegisterWrite) -> Result<bool, Error> {
        Ok(self.load(write.offset)? == write.value)
    }

    fn load(&self, offset: u32) -> Result<u32, Error> {
        let value = self.bar.read(offset);
        // Some registers may hold all ones; STATUS never does.
        if value == u32::MAX && self.bar.read(Status::offset(())) == u32::MAX {
            return Err(Error::Gone);
        }
        Ok(value)
    }

    pub(crate) fn write<R: Register>(&self, at: R::Index, value: R) {
        self.bar.write(R::offset(at), value.into());
    }

    /// Writes, and waits until that has reached the card: a bridge may merge
    /// writes to neighbours, and the card would see a half of an entry.
    pub(crate) fn set(&self, write: &RegisterWrite) {
        self.bar.write(write.offset, write.value);
        self.bar.flush();
    }

    /// As [`Registers::set`], and reads back whether the register holds it.
    ///
    /// # Errors
    /// [`Error::NotHeld`]; [`Error::Gone`].
    pub(crate) fn set_and_check(&self, write: &RegisterWrite) -> Result<(), Error> {
        self.set(write);
        if self.matches(write)? {
            Ok(())
        } else {
            Err(Error::NotHeld {
                offset: write.offset,
            })
        }
    }

    /// Reads, changes and writes back.
    pub(crate) fn modify<R: Stable>(&self, at: R::Index, change: fn(R) -> R) -> Result<(), Error> {
        self.write(at, change(self.read(at)?));
        Ok(())
    }

    /// Waits until the register is as `done` wants it, and says what it holds.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `limit`; [`Error::Gone`].
    pub(crate) fn wait<R: Stable>(
        &self,
        at: R::Index,
        limit: Duration,
        done: impl Fn(&R) -> bool,
    ) -> Result<R, Error> {
        let start = self.clock.now();
        loop {
            // The clock is read first: a late wake-up must not pass for a timeout.
            let waited = self.clock.now().saturating_sub(start);
            let value = self.read(at)?;
            if done(&value) {
                return Ok(value);
            }
            if waited >= limit {
                return Err(Error::Timeout {
                    register: R::NAME,
                    waited,
                });
            }
            self.clock.sleep(LONGEST_NAP.min(limit / LOOKS));
        }
    }
}

/// Makes a wait soft: its timeout is no failure.
pub(crate) fn tolerate_timeout<T>(waited: Result<T, Error>) -> Result<(), Error> {
    match waited {
        Err(Error::Timeout { .. }) => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use lockgate_regs::gigabit::{Ctrl, Gcr};

    use super::*;
    use crate::adapter::Adapter;
    use crate::fake::FakeCard;

    /// A card of which STATUS reads `status` and every other register all ones.
    fn registers(status: u32) -> Registers {
        let card = FakeCard::new();
        card.answer(u32::MAX);
        card.set(8, status);
        Adapter::new(card.card(0x10C9)).registers
    }

    #[test]
    fn all_ones_mean_gone_only_when_status_reads_them_too() {
        assert!(registers(0x80).read::<Gcr>(()).is_ok());
        let gone = registers(u32::MAX).read::<Gcr>(());
        assert!(matches!(gone, Err(Error::Gone)));
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_names_what_it_waited_for() {
        let limit = Duration::from_millis(3);
        let never = |_: &Ctrl| false;
        let stuck = registers(0x80);
        let error = stuck.wait((), limit, never).unwrap_err();
        let took = stuck.clock.now();
        assert!(took >= limit && took < 2 * limit, "{took:?}");
        assert!(error.to_string().contains("CTRL"));
        assert!(tolerate_timeout::<()>(Err(error)).is_ok());
        let gone = registers(u32::MAX).wait((), limit, never);
        assert!(matches!(tolerate_timeout(gone), Err(Error::Gone)));
    }

    #[test]
    fn what_is_so_already_needs_no_time() {
        let link_up = registers(0x82).wait((), Duration::ZERO, Status::link_up);
        assert_eq!(link_up.map(u32::from).unwrap(), 0x82);
    }
}
