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

use lockgate_regs::gigabit::Status;
use lockgate_regs::{ClearsOnRead, Register, Stable};

use crate::device::Bar;
use crate::error::Error;

/// The registers of one card.
pub(crate) struct Registers(Arc<dyn Bar>);

impl Registers {
    pub(crate) fn new(bar: &Arc<dyn Bar>) -> Self {
        Self(Arc::clone(bar))
    }

    /// Reads a register that reading does not change.
    pub(crate) fn read<R: Stable>(&self, index: R::Index) -> Result<R, Error> {
        self.load(index)
    }

    /// Reads a register that the read clears.
    pub(crate) fn take<R: ClearsOnRead>(&mut self, index: R::Index) -> Result<R, Error> {
        self.load(index)
    }

    fn load<R: Register>(&self, index: R::Index) -> Result<R, Error> {
        let value = self.0.read(R::offset(index));
        // Some registers may hold all ones; STATUS never does.
        if value == u32::MAX && self.0.read(Status::offset(())) == u32::MAX {
            return Err(Error::Gone);
        }
        Ok(value.into())
    }

    pub(crate) fn write<R: Register>(&self, index: R::Index, value: R) {
        self.0.write(R::offset(index), value.into());
    }

    /// Reads, changes and writes back.
    pub(crate) fn modify<R: Stable>(
        &self,
        index: R::Index,
        change: impl FnOnce(R) -> R,
    ) -> Result<(), Error> {
        let value = self.read::<R>(index)?;
        self.write(index, change(value));
        Ok(())
    }

    /// Returns once every earlier write has reached the card.
    pub(crate) fn flush(&self) {
        self.0.flush();
    }

    /// Waits until the register is as `done` wants it.
    ///
    /// # Errors
    /// [`Error::Timeout`] about `what` after `limit`; [`Error::Gone`].
    pub(crate) fn wait<R: Stable>(
        &self,
        index: R::Index,
        what: &'static str,
        limit: Duration,
        done: impl Fn(R) -> bool,
    ) -> Result<(), Error> {
        wait(what, limit, || Ok(done(self.read::<R>(index)?)))
    }
}

/// Asks `done` every 100 µs until it says so.
///
/// # Errors
/// [`Error::Timeout`] about `what` after `limit`; those of `done`.
pub(crate) fn wait(
    what: &'static str,
    limit: Duration,
    mut done: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        // The clock is read first: a late wake-up must not pass for a timeout.
        let waited = start.elapsed();
        if done()? {
            return Ok(());
        }
        if waited >= limit {
            return Err(Error::Timeout { what, waited });
        }
        thread::sleep(Duration::from_micros(100));
    }
}

/// Makes a wait soft: its timeout is no failure.
pub(crate) fn or_go_on(waited: Result<(), Error>) -> Result<(), Error> {
    match waited {
        Err(Error::Timeout { .. }) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_regs::gigabit::Gcr;

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
        let bar: Arc<dyn Bar> = Arc::new(Constant(status));
        Registers::new(&bar)
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
        let waited = wait("RXDCTL.ENABLE", limit, || Ok(false));
        let error = waited.unwrap_err();
        assert!(error.to_string().contains("RXDCTL.ENABLE"));
        assert!(or_go_on(Err(error)).is_ok());
        let gone = wait("RXDCTL.ENABLE", limit, || Err(Error::Gone));
        assert!(matches!(or_go_on(gone), Err(Error::Gone)));
    }

    #[test]
    fn what_is_so_already_needs_no_time() {
        assert!(wait("STATUS", Duration::ZERO, || Ok(true)).is_ok());
    }
}
