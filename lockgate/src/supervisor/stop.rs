//! The request to end a run, and a sleep that it ends.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};

use crate::error::Failure;

/// Whether a run is asked to end.
#[derive(Debug)]
pub struct StopRequest {
    requested: Arc<AtomicBool>,
    /// A byte goes through with each request, so that a sleeper hears it.
    wake_tx: UnixStream,
    wake_rx: UnixStream,
}

impl StopRequest {
    /// With nobody who asks but [`StopRequest::request`].
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        let (wake_tx, wake_rx) = UnixStream::pair()?;
        Ok(Self {
            requested: Arc::default(),
            wake_tx,
            wake_rx,
        })
    }

    /// Asked by SIGINT, SIGTERM and SIGHUP. A file that reaches its size limit (SIGXFSZ) is
    /// an error of the write, not the end of the process.
    ///
    /// # Errors
    /// A running failure if they cannot be caught.
    pub fn on_signals() -> Result<Self, Failure> {
        Self::caught()
            .map_err(|error| Failure::running(format!("cannot catch signals: {error}"), ""))
    }

    fn caught() -> io::Result<Self> {
        let stop = Self::new()?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order, so that whoever hears the wake_tx finds the flag.
            flag::register(signal, Arc::clone(&stop.requested))?;
            pipe::register(signal, stop.wake_tx.try_clone()?)?;
        }
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(stop)
    }

    /// Asks.
    ///
    /// # Errors
    /// When the wake_tx does not ring; a sleeper then sees the request after its sleep.
    pub fn request(&self) -> io::Result<()> {
        self.requested.store(true, Ordering::Relaxed);
        (&self.wake_tx).write_all(&[1])
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Sleeps for as long as `limit`, or until it is asked or was.
    pub(super) fn sleep(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).ok();
        // A sleep that a signal cuts short is one more turn of the caller's loop.
        let _ = poll(
            &mut [PollFd::new(&self.wake_rx, PollFlags::IN)],
            limit.as_ref(),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_request_ends_the_sleep() {
        let stop = StopRequest::new().unwrap();
        stop.sleep(Duration::from_millis(1));
        assert!(!stop.is_requested());
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| stop.request().unwrap());
            stop.sleep(LONG);
        });
        stop.sleep(LONG);
        assert!(stop.is_requested() && begun.elapsed() < LONG);
    }

    #[test]
    fn a_signal_is_a_request() {
        let stop = StopRequest::on_signals().unwrap();
        let begun = Instant::now();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        stop.sleep(LONG);
        assert!(stop.is_requested() && begun.elapsed() < LONG);
    }
}
