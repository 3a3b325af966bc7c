//! A guest with the card in it, whoever drives it there, and the far end of its cable.

use std::thread;
use std::time::{Duration, Instant};

use super::cores::{Lent, give_own_core};
use super::{Device, Port};
use crate::emulator::{Cable, Wire};
use crate::guest::{Guest, Output, Spec};
use crate::machine;

/// How long the guest may take for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A booted guest.
pub struct Bench {
    guest: Guest,
    /// Where frames are, if the card's cable does not lead through QEMU.
    port: Option<Box<dyn Port>>,
    /// The card.
    pub device: Device,
}

impl Bench {
    /// Boots what `spec` says with `device` in it, its cable leading where `cable` says.
    ///
    /// # Panics
    /// When it does not come up.
    pub(super) fn boot(device: Device, mut spec: Spec, cable: Cable) -> Self {
        let port = (device.plug)(&mut spec, cable);
        let guest = Guest::boot(&spec, Instant::now() + PATIENCE);
        let guest = guest.unwrap_or_else(|error| panic!("{error}"));
        Self {
            guest,
            port,
            device,
        }
    }

    /// Runs a line of shell that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&self, line: &str) -> String {
        self.guest
            .succeed(line, PATIENCE)
            .unwrap_or_else(|error| panic!("in the guest, {error}"))
    }

    /// Runs a line of shell.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn run(&self, line: &str) -> Output {
        self.guest
            .run(line, PATIENCE)
            .unwrap_or_else(|error| panic!("in the guest, {error}"))
    }

    /// Waits until a line succeeds.
    ///
    /// # Panics
    /// When it never does.
    pub fn until(&self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(line).status != 0 {
            assert!(Instant::now() < deadline, "`{line}` never succeeds");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends one frame to a card whose cable leads here.
    ///
    /// # Panics
    /// When the card is gone or takes none.
    pub fn send(&self, frame: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        let sent = match &self.port {
            Some(port) => port.send(frame, deadline),
            None => self
                .guest
                .emulator()
                .send(frame, deadline)
                .map_err(|e| e.to_string()),
        };
        sent.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Gives an emulated core one of this machine's for itself.
    pub(super) fn give_own_core(&self, core: u64) -> Lent {
        give_own_core(self.guest.emulator(), core)
    }

    /// The cable of a card of QEMU's, if it leads here.
    pub(super) fn wire(&self) -> &Wire {
        self.guest.emulator().wire()
    }

    /// The next frame that a card sent whose cable leads here.
    ///
    /// # Panics
    /// When the card is gone.
    pub fn receive(&self, timeout: Duration) -> Option<Vec<u8>> {
        let received = match &self.port {
            Some(port) => port.receive(timeout),
            None => self
                .guest
                .emulator()
                .receive(timeout)
                .map_err(|e| e.to_string()),
        };
        received.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a reader wants to see of a case that failed; the guest has `line` to add.
    pub(super) fn words(&self, line: &str) -> String {
        let line = format!("{line}; dmesg | tail -40");
        let asked = self.guest.run(&line, Duration::from_secs(10));
        let asked = asked.map_or_else(|error| error.to_string(), |output| output.text);
        format!(
            "--- the guest\n{asked}\n--- its console\n{}",
            self.guest.console()
        )
    }
}

/// Puts a program of this machine into a guest.
///
/// # Panics
/// When it is not installed.
pub(super) fn bring(spec: &mut Spec, name: &str, target: &str) {
    let program = machine::find_program(name);
    let program = program.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask setup`"));
    spec.programs.push((program, target.into()));
}
