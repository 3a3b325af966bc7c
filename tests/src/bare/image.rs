//! Building the image, starting it in QEMU, and what it says.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lockgate_policy::{Device, Policy};
use lockgate_vmdq::Machine;
use serde_json::Value;

use crate::emulator::{Emulator, Error, Lines, Options};
use crate::machine;

/// Where the card sits.
const SLOT: u8 = 2;

/// Longest that the image may take for anything on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What ends the image.
const QUIT: &[u8] = b"q";

/// The folder of the image's sources.
pub fn folder() -> PathBuf {
    machine::workspace().join("examples/bare")
}

/// The policy that the image is shown with.
pub fn policy() -> PathBuf {
    folder().join("policy.toml")
}

/// Builds the image and returns where it is.
///
/// # Errors
/// When cargo cannot be started or the build fails: a crate that is to do without `std` and
/// does not is one reason.
pub fn build() -> io::Result<PathBuf> {
    let target = machine::target().join("bare");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--target-dir"]);
    // Cargo takes the image's flags from the folder that it is started in.
    let status = build.arg(&target).current_dir(folder()).status()?;
    if status.success() {
        Ok(target.join("x86_64-unknown-linux-gnu/release/lockgate-bare"))
    } else {
        Err(io::Error::other(format!(
            "the build of examples/bare failed ({status})"
        )))
    }
}

/// The plan of a policy for a model, in the byte form that the image takes.
///
/// # Errors
/// Why the policy was refused.
pub fn compile(text: &str) -> Result<Vec<u8>, String> {
    let policy = Policy::parse(text).map_err(|error| error.to_string())?;
    let machine = Machine { cores: vec![0, 1] };
    let Device::Model(card) = policy.nic.device.value else {
        return Err("the image finds its card itself: name a model".into());
    };
    let plan = policy.check(card, &machine);
    let plan = plan.map_err(|error| error.to_string())?;
    Ok(plan.encode())
}

/// How the image ended, as it tells QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// The loader gave it no plan.
    NoPlan,
    /// It refused the plan's bytes.
    PlanRefused,
    /// It found no card.
    NoCard,
    /// The driver refused the card or the plan for it.
    CardRefused,
    /// It could not go on for another reason.
    Failed,
    /// None of these: it panicked, or the processor met with an exception.
    Crashed,
}

impl Ending {
    /// The exit status of QEMU is twice what the image wrote to `isa-debug-exit`, plus one.
    fn of(status: Option<i32>) -> Self {
        match status {
            Some(0x21) => Self::Asked,
            Some(0x23) => Self::NoPlan,
            Some(0x25) => Self::PlanRefused,
            Some(0x27) => Self::NoCard,
            Some(0x29) => Self::CardRefused,
            Some(0x2b) => Self::Failed,
            _ => Self::Crashed,
        }
    }
}

/// An image that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub ending: Ending,
    /// Its counters, if it got so far.
    pub report: Option<Value>,
    /// What it said to a person.
    pub console: String,
}

/// The image in a QEMU of its own.
pub struct Bare {
    emulator: Emulator,
    console: UnixStream,
    report: Lines,
}

impl Bare {
    /// Starts `image` with the plan in `plan`, if there is one, on QEMU's `device`.
    ///
    /// # Errors
    /// When QEMU is missing, ends at once or does not answer.
    pub fn start(image: &Path, plan: Option<&[u8]>, device: &str) -> Result<Self, Error> {
        let prepare = |source| Error::Prepare { source };
        let folder = Emulator::folder()?;
        let (console, report) = (folder.path().join("console"), folder.path().join("report"));
        // QEMU connects, and so before the image runs: nothing that it says is lost.
        let listen = |path: &Path| UnixListener::bind(path).map_err(prepare);
        let (hears_console, hears_report) = (listen(&console)?, listen(&report)?);
        let mut options = Options::new(device, SLOT)
            .with(["-accel", "tcg", "-M", "q35", "-cpu", "max", "-m", "128"])
            .with(["-no-reboot", "-device"])
            .with(["isa-debug-exit,iobase=0xf4,iosize=4", "-kernel"])
            .with([image]);
        for (id, path) in [("console", &console), ("report", &report)] {
            options = options.with(["-chardev", &client(id, path), "-serial"]);
            options = options.with([format!("chardev:{id}")]);
        }
        if let Some(plan) = plan {
            let file = folder.path().join("plan");
            fs::write(&file, plan).map_err(prepare)?;
            options = options.with([OsString::from("-initrd"), file.into()]);
        }
        let emulator = Emulator::start(&options, folder)?;
        let accept = |listener: UnixListener| listener.accept().map_err(prepare);
        Ok(Self {
            emulator,
            console: accept(hears_console)?.0,
            report: Lines::over(accept(hears_report)?.0),
        })
    }

    /// Waits until the card has a link and frames may come.
    ///
    /// # Errors
    /// When the image ends or says nothing in time; [`Bare::wait`] knows more.
    pub fn ready(&mut self) -> Result<(), Error> {
        let line = self.report.next(Instant::now() + PATIENCE);
        line.map(drop)
            .map_err(|error| self.emulator.explain("a link", error))
    }

    /// Sends a frame to the card.
    ///
    /// # Errors
    /// When the card takes none, or QEMU is gone.
    pub fn send(&self, frame: &[u8]) -> Result<(), Error> {
        self.emulator.send(frame, Instant::now() + PATIENCE)
    }

    /// The next frame that left the card.
    ///
    /// # Errors
    /// When QEMU is gone, or nothing leaves in time.
    pub fn receive(&self) -> Result<Vec<u8>, Error> {
        let frame = self.emulator.receive(PATIENCE)?;
        frame.ok_or_else(|| {
            self.emulator
                .explain("a frame", io::ErrorKind::TimedOut.into())
        })
    }

    /// Asks the image to end, and waits for that.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn quit(mut self) -> Result<Ended, Error> {
        let told = self.console.write_all(QUIT);
        told.map_err(|error| self.emulator.explain("the console", error))?;
        self.wait()
    }

    /// Waits for the image to end.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait(mut self) -> Result<Ended, Error> {
        let deadline = Instant::now() + PATIENCE;
        let mut report = None;
        // The last line is the counters; the line ends when QEMU does.
        while let Ok(line) = self.report.next(deadline) {
            report = serde_json::from_str(&line).ok();
        }
        let status = self.emulator.wait(deadline)?;
        let mut said = Vec::new();
        let read = self.console.read_to_end(&mut said);
        read.map_err(|error| self.emulator.explain("the console", error))?;
        Ok(Ended {
            ending: Ending::of(status.code()),
            report: report.filter(|line: &Value| line.get("wire").is_some()),
            console: String::from_utf8_lossy(&said).into_owned(),
        })
    }
}

/// A socket that QEMU connects to, as `-chardev` takes it.
fn client(id: &str, path: &Path) -> String {
    format!("socket,id={id},path={}", path.display())
}
