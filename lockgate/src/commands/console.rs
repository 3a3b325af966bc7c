//! How a run is told while it lasts.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::snapshot::Snapshot;
use crate::supervisor::{Event, Session};

/// How often progress is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Tells a person at a terminal how the run gets on; elsewhere one line says that
/// it has begun, for whoever waits to send.
pub(super) struct Console<'a> {
    device: &'a str,
    /// The partitions' names, in the policy's order.
    partitions: Vec<&'a str>,
    terminal: bool,
    unused_wire: bool,
    drawn: bool,
}

impl<'a> Console<'a> {
    pub(super) fn new(device: &'a str, partitions: Vec<&'a str>, unused_wire: bool) -> Self {
        Self {
            device,
            partitions,
            terminal: io::stderr().is_terminal(),
            unused_wire,
            drawn: false,
        }
    }

    /// Tells of `session` until it has ended.
    pub(super) fn follow(&mut self, session: &Session) {
        loop {
            match self.next(session) {
                Ok(event) => self.tell(&event),
                Err(RecvTimeoutError::Timeout) => self.draw(&session.snapshot()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.clear();
    }

    /// The next event, or that it is time to draw: never where nobody would see it.
    fn next(&self, session: &Session) -> Result<Event, RecvTimeoutError> {
        if self.terminal {
            return session.events().recv_timeout(REDRAW);
        }
        let event = session.events().recv();
        event.map_err(|_| RecvTimeoutError::Disconnected)
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Ready { link_up } => self.ready(*link_up),
            Event::OrdinaryPages => self.ordinary_pages(),
            Event::LaneShut { partition, reason } => {
                let name = self.partitions.get(*partition).copied();
                self.clear();
                let _ = writeln!(
                    io::stderr(),
                    "lockgate: the lane of {} was shut: {reason}",
                    name.unwrap_or("?")
                );
            }
            Event::LinkChanged { .. } | Event::ChildExited(_) => {}
        }
    }

    fn ready(&self, link_up: bool) {
        let (device, mut err) = (self.device, io::stderr());
        if self.unused_wire {
            let _ = writeln!(
                err,
                "lockgate: {device} has a wire of its own: the policy's [wire] replay is for models and stays unused"
            );
        }
        let state = if link_up { "" } else { ", no link yet" };
        let _ = writeln!(err, "lockgate: running on {device}{state}");
    }

    fn ordinary_pages(&self) {
        let _ = writeln!(
            io::stderr(),
            "lockgate: no hugepage of 2 MiB is left: some memory of {} may be on ordinary pages, which costs speed\n  help: set some aside, for example 64: `sysctl vm.nr_hugepages=64`",
            self.device
        );
    }

    fn draw(&mut self, snapshot: &Snapshot) {
        let seconds = snapshot.elapsed_ns as f64 / 1e9;
        let arrived = snapshot.wire.rx.frames;
        let left = snapshot.wire.tx.frames;
        let given: u64 = snapshot.partitions.iter().map(|p| p.rx.frames).sum();
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{seconds:6.1} s  wire in {arrived}  delivered {given}  wire out {left}"
        );
        self.drawn = true;
    }
}
