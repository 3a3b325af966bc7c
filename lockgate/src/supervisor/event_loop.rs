//! What the supervisor sleeps on: the request to stop and the end of child processes, with a
//! limit of time.
//!
//! The rule: what happened before the sleep ends it at once.
//!
//! Not here: what is done about an event.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::StopRequest;

/// The mark of the request to stop; children have theirs above it.
const STOP: u64 = 0;

/// Events that one look takes at most.
const AT_ONCE: usize = 16;

/// A child process that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Child(u64);

/// What ended a sleep before its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// The session is asked to stop.
    Stop,
    /// A child process has ended.
    Exited(Child),
}

/// A set of descriptors to sleep on.
#[derive(Debug)]
pub struct EventLoop {
    epoll: OwnedFd,
    stop: StopRequest,
    /// Whether the request to stop still ends a sleep: it does so once.
    stop_watched: bool,
    /// The process descriptors of children that run.
    children: Vec<(Child, OwnedFd)>,
    next: u64,
}

impl EventLoop {
    /// Sleeps on `stop`.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn new(stop: StopRequest) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Self {
            epoll,
            stop,
            stop_watched: true,
            children: Vec::new(),
            next: STOP + 1,
        })
    }

    /// Watches the process behind `pidfd`, which may have ended already.
    ///
    /// # Errors
    /// When `pidfd` is not the descriptor of a process.
    pub fn watch_child(&mut self, pidfd: OwnedFd) -> io::Result<Child> {
        let child = Child(self.next);
        epoll::add(
            &self.epoll,
            &pidfd,
            EventData::new_u64(child.0),
            EventFlags::IN,
        )?;
        self.next += 1;
        self.children.push((child, pidfd));
        Ok(child)
    }

    /// Sleeps for as long as `limit`, or until something happens or has happened. Each event
    /// is told once.
    pub fn wait(&mut self, limit: Duration) -> Vec<Ready> {
        let mut buffer = [const { MaybeUninit::uninit() }; AT_ONCE];
        let limit = Timespec::try_from(limit).ok();
        // A sleep that a signal cuts short is one more turn of the caller's loop.
        let found = match epoll::wait(&self.epoll, &mut buffer, limit.as_ref()) {
            Ok((found, _)) => found.iter().map(|event| event.data.u64()).collect(),
            Err(_) => Vec::new(),
        };
        found
            .into_iter()
            .filter_map(|mark| self.take(mark))
            .collect()
    }

    /// What `mark` stands for, and no longer watched.
    fn take(&mut self, mark: u64) -> Option<Ready> {
        if mark == STOP {
            if std::mem::take(&mut self.stop_watched) {
                // Should it fail, the next sleep is a short one.
                let _ = epoll::delete(&self.epoll, &self.stop);
            }
            return Some(Ready::Stop);
        }
        let at = self
            .children
            .iter()
            .position(|(child, _)| child.0 == mark)?;
        let (child, pidfd) = self.children.swap_remove(at);
        let _ = epoll::delete(&self.epoll, &pidfd);
        Some(Ready::Exited(child))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::Instant;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use signal_hook::consts::SIGHUP;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_sleep_without_an_event_ends_at_its_limit() {
        let mut events = EventLoop::new(StopRequest::new().unwrap()).unwrap();
        assert_eq!(events.wait(Duration::from_millis(1)), []);
    }

    #[test]
    fn a_request_ends_the_sleep() {
        let stop = StopRequest::new().unwrap();
        let mut events = EventLoop::new(stop.clone()).unwrap();
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| stop.request());
            assert_eq!(events.wait(LONG), [Ready::Stop]);
        });
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn a_signal_that_comes_before_the_loop_is_not_lost() {
        let stop = StopRequest::on_signals().unwrap();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        let begun = Instant::now();
        let mut events = EventLoop::new(stop.clone()).unwrap();
        assert_eq!(events.wait(LONG), [Ready::Stop]);
        assert!(stop.is_requested() && begun.elapsed() < LONG);
    }

    #[test]
    fn a_request_ends_one_sleep_and_not_every_other() {
        let stop = StopRequest::new().unwrap();
        stop.request();
        let mut events = EventLoop::new(stop).unwrap();
        assert_eq!(events.wait(LONG), [Ready::Stop]);
        assert_eq!(events.wait(Duration::from_millis(1)), []);
    }

    #[test]
    fn the_end_of_a_child_is_told_once() {
        let mut events = EventLoop::new(StopRequest::new().unwrap()).unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let watched = events
            .watch_child(pidfd_open(pid, PidfdFlags::empty()).unwrap())
            .unwrap();
        assert_eq!(events.wait(LONG), [Ready::Exited(watched)]);
        child.wait().unwrap();
        assert_eq!(events.wait(Duration::from_millis(1)), []);
    }
}
