//! The request to end a session, by whoever and whenever.
//!
//! The rule: a request is never lost, not even one that is made before anybody waits for it.
//! It is a flag that stays, and a byte in a socket that nobody takes out.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};

use crate::error::Failure;

/// Whether a session is asked to end. Clones share the request.
#[derive(Debug, Clone)]
pub struct StopRequest(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    requested: Arc<AtomicBool>,
    /// A byte goes through with each request, so that a sleeper wakes.
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
        // Whoever asks a thousand times must not wait for somebody to listen.
        wake_tx.set_nonblocking(true)?;
        Ok(Self(Arc::new(Shared {
            requested: Arc::default(),
            wake_tx,
            wake_rx,
        })))
    }

    /// Asked by SIGINT, SIGTERM and SIGHUP, from now on. A file that reaches its size limit
    /// (SIGXFSZ) is an error of the write, not the end of the process.
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
            // In this order, so that whoever is woken finds the flag.
            flag::register(signal, Arc::clone(&stop.0.requested))?;
            pipe::register(signal, stop.0.wake_tx.try_clone()?)?;
        }
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(stop)
    }

    /// Asks.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Relaxed);
        // Full means that it was asked before, and whoever sleeps is awake.
        let _ = (&self.0.wake_tx).write(&[1]);
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }
}

impl AsFd for StopRequest {
    /// Readable once it was asked, and for ever.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.wake_rx.as_fd()
    }
}
