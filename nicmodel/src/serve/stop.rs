//! The request to end: a signal, heard wherever the server waits.
//!
//! SIGINT, SIGTERM and SIGHUP end the conversation instead of the process, so that the
//! socket and what the wire holds are put away.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Who hears the request.
pub(crate) struct Stop {
    requests: UnixStream,
    request: UnixStream,
}

impl Stop {
    /// Catches the signals.
    ///
    /// # Errors
    /// The operating system's, when they cannot be caught.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let (requests, request) = UnixStream::pair()?;
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            pipe::register(signal, request.try_clone()?)?;
        }
        Ok(Self { requests, request })
    }

    /// Waits for a client; `None` when the end is asked for first.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn accept(&self, listener: &UnixListener) -> io::Result<Option<UnixStream>> {
        loop {
            let mut both = [
                PollFd::new(&self.requests, PollFlags::IN),
                PollFd::new(listener, PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            if !both[0].revents().is_empty() {
                return Ok(None);
            }
            if !both[1].revents().is_empty() {
                return listener.accept().map(|(stream, _)| Some(stream));
            }
        }
    }

    /// Returns when the end is asked for, or after [`Stop::release`].
    pub(crate) fn wait(&self) {
        let mut request = [PollFd::from_borrowed_fd(
            self.requests.as_fd(),
            PollFlags::IN,
        )];
        while poll(&mut request, None) == Err(Errno::INTR) {}
    }

    /// Asks for the end from inside, so that nobody waits any more.
    pub(crate) fn release(&self) {
        use std::io::Write;
        // If it cannot be written, more requests wait than anybody needs.
        let _ = (&self.request).write(&[0]);
    }
}
