//! Typed access to registers, and waiting for them.
//!
//! The rule: a read that gives all ones asks STATUS too, and if that is all ones
//! the card is gone. A register that clears on read takes `&mut`, so it has one
//! reader. Every wait has a deadline.
//!
//! Not here: which registers there are (`lockgate-regs`).

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_regs::common::Status;
use lockgate_regs::{ClearsOnRead, Index, Register, Stable};

use crate::device::Bar;
use crate::error::Error;

/// How many times a wait looks before its limit, at least.
const LOOKS: u32 = 200;

/// The longest that a wait does not look.
const LONGEST_NAP: Duration = Duration::from_millis(5);

/// The registers of one card.
pub(crate) struct Registers(pub(crate) Arc<dyn Bar>);

/// Where a register is, and what it is to hold.
pub(crate) struct Setting(u32, u32);

impl Setting {
    pub(crate) fn new<R: Stable>(at: R::Index, value: R) -> Self {
        Self(R::offset(at), value.into())
    }

    /// The two halves of a 64-bit value, the low one at `R` and the high one behind it.
    pub(crate) fn wide<R: Stable>(at: R::Index, value: u64) -> [Self; 2] {
        let low = R::offset(at);
        [Self(low, value as u32), Self(low + 4, (value >> 32) as u32)]
    }
}

impl Registers {
    /// Reads a register that reading does not change.
    pub(crate) fn read<R: Stable>(&self, at: R::Index) -> Result<R, Error> {
        self.load(R::offset(at)).map(R::from)
    }

    /// Reads two that hold a 64-bit value, as [`Setting::wide`] sets it.
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
    pub(crate) fn holds(&self, &Setting(offset, value): &Setting) -> Result<bool, Error> {
        Ok(self.load(offset)? == value)
    }

    fn load(&self, offset: u32) -> Result<u32, Error> {
        let value = self.0.read(offset);
        // Some registers may hold all ones; STATUS never does.
        if value == u32::MAX && self.0.read(Status::offset(())) == u32::MAX {
            return Err(Error::Gone);
        }
        Ok(value)
    }

    pub(crate) fn write<R: Register>(&self, at: R::Index, value: R) {
        self.0.write(R::offset(at), value.into());
    }

    /// Writes, and waits until that has reached the card: a bridge may merge
    /// writes to neighbours, and the card would see a half of an entry.
    pub(crate) fn set(&self, &Setting(offset, value): &Setting) {
        self.0.write(offset, value);
        self.0.flush();
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
        let start = Instant::now();
        loop {
            // The clock is read first: a late wake-up must not pass for a timeout.
            let waited = start.elapsed();
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
            thread::sleep(LONGEST_NAP.min(limit / LOOKS));
        }
    }
}

/// Makes a wait soft: its timeout is no failure.
pub(crate) fn or_go_on<T>(waited: Result<T, Error>) -> Result<(), Error> {
    match waited {
        Err(Error::Timeout { .. }) => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_regs::gigabit::{Ctrl, Gcr};

    /// A card of which every register reads the same.
    struct Constant(u32);

    impl Bar for Constant {
        fn read(&self, offset: u32) -> u32 {
            if offset == 8 { self.0 } else { u32::MAX }
        }

        fn write(&self, _: u32, _: u32) {}

        fn flush(&self) {}
    }

    fn registers(status: u32) -> Registers {
        Registers(Arc::new(Constant(status)))
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
        let start = Instant::now();
        let error = registers(0x80).wait((), limit, never).unwrap_err();
        assert!(start.elapsed() >= limit);
        assert!(error.to_string().contains("CTRL"));
        assert!(or_go_on::<()>(Err(error)).is_ok());
        let gone = registers(u32::MAX).wait((), limit, never);
        assert!(matches!(or_go_on(gone), Err(Error::Gone)));
    }

    #[test]
    fn what_is_so_already_needs_no_time() {
        let link_up = registers(0x82).wait((), Duration::ZERO, Status::link_up);
        assert_eq!(link_up.map(u32::from).unwrap(), 0x82);
    }
}
