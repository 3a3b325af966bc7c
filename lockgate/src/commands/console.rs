//! How a run is told while it lasts.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use lockgate_lane::Closed;

use crate::supervisor::Observer;
use lockgate_dataplane::stats::WorkerStats;

/// Tells a person at a terminal how the run gets on; elsewhere one line says that
/// it has begun, for whoever waits to send.
pub(super) struct Console {
    terminal: bool,
    unused_wire: bool,
    begun: Option<Instant>,
    drawn: bool,
}

impl Console {
    pub(super) fn new(unused_wire: bool) -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            unused_wire,
            begun: None,
            drawn: false,
        }
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Observer for Console {
    fn ready(&mut self, device: &str, link: bool) {
        self.begun = Some(Instant::now());
        let mut err = io::stderr();
        if self.unused_wire {
            let _ = writeln!(
                err,
                "lockgate: {device} has a wire of its own: the policy's [wire] replay is for models and stays unused"
            );
        }
        let state = if link { "" } else { ", no link yet" };
        let _ = writeln!(err, "lockgate: running on {device}{state}");
    }

    fn ordinary_pages(&mut self, device: &str) {
        let _ = writeln!(
            io::stderr(),
            "lockgate: no hugepage of 2 MiB is left: some memory of {device} may be on ordinary pages, which costs speed\n  help: set some aside, for example 64: `sysctl vm.nr_hugepages=64`"
        );
    }

    fn shut(&mut self, partition: &str, reason: &Closed) {
        self.clear();
        let _ = writeln!(
            io::stderr(),
            "lockgate: the lane of {partition} was shut: {reason}"
        );
    }

    fn progress(&mut self, stats: &[WorkerStats]) {
        if !self.terminal {
            return;
        }
        let sum = |get: &dyn Fn(&WorkerStats) -> u64| stats.iter().map(get).sum::<u64>();
        let arrived = sum(&|s| s.wire.rx.frames.get());
        let left = sum(&|s| s.wire.tx.frames.get());
        let given = sum(&|s| s.partitions.iter().map(|p| p.rx.frames.get()).sum());
        let seconds = self
            .begun
            .map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{seconds:6.1} s  wire in {arrived}  delivered {given}  wire out {left}"
        );
        self.drawn = true;
    }
}
