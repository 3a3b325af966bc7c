//! The cable of an emulated card: one datagram is one frame.
//!
//! QEMU stops reading while no receive queue has room, so a sender that waits
//! loses nothing to the cable. What the card itself then does with a frame is
//! the card's business.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionread};

/// Longer than any frame of the cards at hand.
const LONGEST: usize = 16 << 10;

/// The host's end of the cable.
pub struct Wire {
    host: UnixDatagram,
    /// QEMU's end, kept to see how much QEMU has not read yet.
    card: UnixDatagram,
}

impl Wire {
    /// A cable, and the descriptor by which QEMU is to know its end.
    pub(super) fn new() -> io::Result<(Self, i32)> {
        let (host, card) = UnixDatagram::pair()?;
        host.set_nonblocking(true)?;
        let fd = card.as_raw_fd();
        Ok((Self { host, card }, fd))
    }

    /// Lets the processes that `start` starts inherit the card's end.
    pub(super) fn lend<T>(&self, start: impl FnOnce() -> T) -> T {
        // Changing this flag of an open descriptor cannot fail.
        let _ = fcntl_setfd(&self.card, FdFlags::empty());
        let started = start();
        let _ = fcntl_setfd(&self.card, FdFlags::CLOEXEC);
        started
    }

    pub(super) fn send(&self, frame: &[u8], deadline: Instant) -> io::Result<()> {
        loop {
            match self.host.send(frame) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => wait(self.host.as_fd(), PollFlags::OUT, deadline)?,
            }
        }
    }

    pub(super) fn receive(&self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        let mut frame = vec![0; LONGEST];
        let length = self.receive_into(&mut frame, timeout)?;
        Ok(length.map(|length| {
            frame.truncate(length);
            frame
        }))
    }

    /// Sends a frame if the cable takes one now.
    pub(crate) fn offer(&self, frame: &[u8]) -> io::Result<bool> {
        match self.host.send(frame) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Copies the next frame that the card sends to the start of `frame`.
    pub(crate) fn receive_into(
        &self,
        frame: &mut [u8],
        timeout: Duration,
    ) -> io::Result<Option<usize>> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.host.recv(frame) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => match wait(self.host.as_fd(), PollFlags::IN, deadline) {
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(None),
                    other => other?,
                },
            }
        }
    }

    /// Whether QEMU has read every frame sent so far. The last one it may
    /// still be working on.
    pub fn is_empty(&self) -> bool {
        ioctl_fionread(&self.card).is_ok_and(|bytes| bytes == 0)
    }

    /// Waits until QEMU has read every frame sent so far.
    ///
    /// # Errors
    /// `TimedOut` when it has not by `deadline`: no queue has room.
    pub(crate) fn drain(&self, deadline: Instant) -> io::Result<()> {
        while !self.is_empty() {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

fn wait(fd: BorrowedFd<'_>, events: PollFlags, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(io::Error::other)?;
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    match poll(&mut fds, Some(&left)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
