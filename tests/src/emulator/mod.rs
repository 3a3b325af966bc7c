//! One QEMU process with a card in it: its command line, its monitor, its wire.
//!
//! The rule: nothing waits without a deadline, and whatever goes wrong is
//! reported with QEMU's own words. The process ends with this value, and by the
//! kernel's hand if this process is killed.
//!
//! Not here: what the emulated machine runs ([`crate::qemu`], [`crate::guest`]).

mod error;
mod lines;
mod process;
mod qmp;
mod wire;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub use error::Error;
pub(crate) use lines::Lines;
use process::Process;
use qmp::Qmp;
pub use wire::Wire;

/// The program, as `PATH` knows it.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// How long QEMU may take to answer anything at all, unless a test says otherwise.
const ANSWER: Duration = Duration::from_secs(10);

/// A running QEMU.
pub struct Emulator {
    process: Mutex<Process>,
    qmp: Mutex<Qmp>,
    wire: Wire,
    patience: Duration,
    /// Holds the sockets; removed when QEMU is.
    _folder: TempDir,
}

/// Where the cable of a card leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cable {
    /// To this process: one datagram is one frame ([`Emulator::wire`]).
    #[default]
    Wire,
    /// To a TAP in a network namespace of its own, in which QEMU is started.
    Tap {
        /// The namespace, as `ip netns` knows it.
        namespace: String,
        /// The TAP in it.
        interface: String,
    },
    /// QEMU does not know: another process serves the card and holds its cable.
    Elsewhere,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program; a test may name one that is not there.
    pub program: PathBuf,
    /// The card: the name of a QEMU device, for example `igb`; with
    /// [`Cable::Elsewhere`] all that `-device` takes.
    pub device: String,
    /// Where its cable leads.
    pub cable: Cable,
    /// Its slot on the root bus.
    pub slot: u8,
    /// Its station address.
    pub mac: String,
    /// How long it may take to answer anything at all.
    pub patience: Duration,
    /// Everything else, as QEMU's command line takes it.
    pub arguments: Vec<OsString>,
}

impl Options {
    /// QEMU with one card of the kind `device` in `slot`.
    pub fn new(device: &str, slot: u8) -> Self {
        Self {
            program: PROGRAM.into(),
            device: device.into(),
            cable: Cable::Wire,
            slot,
            mac: "02:00:00:00:00:01".into(),
            patience: ANSWER,
            arguments: Vec::new(),
        }
    }

    /// Appends arguments.
    #[must_use]
    pub fn with<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }
}

impl Emulator {
    /// A folder for the sockets and files that QEMU is told of.
    ///
    /// # Errors
    /// When no folder can be made.
    pub(crate) fn folder() -> Result<TempDir, Error> {
        let folder = tempfile::Builder::new().prefix("lockgate-").tempdir();
        folder.map_err(|source| Error::Prepare { source })
    }

    /// Starts QEMU and returns once its monitor answers. `folder` lives as
    /// long as QEMU does.
    ///
    /// # Errors
    /// When QEMU is missing, ends at once or does not answer in time.
    pub fn start(options: &Options, folder: TempDir) -> Result<Self, Error> {
        let (wire, fd) = Wire::new().map_err(|source| Error::Prepare { source })?;
        let monitor = folder.path().join("qmp");
        let mut arguments: Vec<OsString> = Vec::new();
        arguments.extend(["-nodefaults", "-no-user-config", "-display", "none"].map(Into::into));
        arguments.push("-chardev".into());
        arguments.push(server("qmp", &monitor).into());
        arguments.extend(["-mon", "chardev=qmp,mode=control"].map(Into::into));
        if let Some(netdev) = netdev(&options.cable, fd) {
            arguments.extend(["-netdev".into(), netdev.into()]);
        }
        arguments.extend(options.arguments.iter().cloned());
        // Behind an IOMMU among them: a card looks for one when it is made.
        arguments.push("-device".into());
        arguments.push(card(options).into());
        let namespace = match &options.cable {
            Cable::Tap { namespace, .. } => Some(namespace.as_str()),
            _ => None,
        };
        let start = || Process::start(&options.program, namespace, arguments);
        let mut process = wire.lend(start)?;
        let lines = connect(&monitor, &mut process, options.patience)?;
        let qmp =
            Qmp::new(lines, options.patience).map_err(|e| process.explain("its greeting", e))?;
        Ok(Self {
            process: Mutex::new(process),
            qmp: Mutex::new(qmp),
            wire,
            patience: options.patience,
            _folder: folder,
        })
    }

    /// Connects to the socket `path` that QEMU listens on.
    ///
    /// # Errors
    /// As in [`Emulator::start`].
    pub(crate) fn connect(&self, path: &Path) -> Result<Lines, Error> {
        connect(path, &mut lock(&self.process), self.patience)
    }

    /// When whatever is asked for now must have been answered.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// The other end of the card's cable.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Runs one monitor command and returns what it returned.
    ///
    /// # Errors
    /// When QEMU refuses the command, is gone or does not answer in time.
    pub fn monitor(&self, command: &str, arguments: Value) -> Result<Value, Error> {
        let answer = lock(&self.qmp).execute(command, arguments, self.patience);
        let answer = answer.map_err(|error| self.explain(command, error))?;
        answer.map_err(|reason| Error::Refused {
            command: command.into(),
            reason,
        })
    }

    /// Plugs the card's cable in or pulls it.
    ///
    /// # Errors
    /// As in [`Emulator::monitor`].
    pub fn set_link(&self, up: bool) -> Result<(), Error> {
        let arguments = serde_json::json!({ "name": "card", "up": up });
        self.monitor("set_link", arguments).map(drop)
    }

    /// Sends one frame to the card, waiting while the card takes none.
    ///
    /// # Errors
    /// When the card takes nothing until `deadline`, or QEMU is gone.
    pub fn send(&self, frame: &[u8], deadline: Instant) -> Result<(), Error> {
        let sent = self.wire.send(frame, deadline);
        sent.map_err(|error| self.explain("a frame from the wire", error))
    }

    /// Returns the next frame that the card sent, or `None` after `timeout`.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn receive(&self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        let received = self.wire.receive(timeout);
        let received = received.map_err(|error| self.explain("a frame", error))?;
        if received.is_none() {
            self.check()?;
        }
        Ok(received)
    }

    /// Whether QEMU still runs.
    ///
    /// # Errors
    /// [`Error::Ended`] when it does not.
    pub fn check(&self) -> Result<(), Error> {
        lock(&self.process).check()
    }

    /// Waits for QEMU to end by itself, and says how it did.
    ///
    /// # Errors
    /// [`Error::Silent`] when it has not by `deadline`.
    pub fn wait(&self, deadline: Instant) -> Result<ExitStatus, Error> {
        lock(&self.process).wait(deadline)
    }

    /// Stops QEMU in its tracks, as a hang would.
    pub fn freeze(&self) {
        lock(&self.process).freeze();
    }

    /// Ends QEMU at once, as a crash would.
    pub fn kill(&self) {
        lock(&self.process).kill();
    }

    /// Puts what QEMU itself said beside an error of one of its sockets.
    pub(crate) fn explain(&self, wanted: &str, error: io::Error) -> Error {
        lock(&self.process).explain(wanted, error)
    }
}

/// A socket QEMU listens on, as `-chardev` takes it.
pub(crate) fn server(id: &str, path: &Path) -> String {
    format!("socket,id={id},path={},server=on,wait=off", path.display())
}

/// The cable, as `-netdev` takes it; `fd` is its end in QEMU if it leads to this process.
fn netdev(cable: &Cable, fd: i32) -> Option<String> {
    match cable {
        Cable::Wire => Some(format!("dgram,id=wire,local.type=fd,local.str={fd}")),
        Cable::Tap { interface, .. } => Some(format!(
            "tap,id=wire,ifname={interface},script=no,downscript=no"
        )),
        Cable::Elsewhere => None,
    }
}

/// The card, as `-device` takes it: no boot ROM, so that no file is needed.
fn card(options: &Options) -> String {
    let Options {
        device,
        cable,
        slot,
        mac,
        ..
    } = options;
    if *cable == Cable::Elsewhere {
        return device.clone();
    }
    format!("{device},id=card,netdev=wire,mac={mac},addr={slot:#x},romfile=")
}

/// Connects to a socket of a QEMU that may still be starting.
fn connect(path: &Path, process: &mut Process, patience: Duration) -> Result<Lines, Error> {
    let deadline = Instant::now() + patience;
    loop {
        match Lines::connect(path) {
            Ok(lines) => return Ok(lines),
            Err(error) if Instant::now() > deadline => {
                return Err(process.explain("its socket", error));
            }
            Err(_) => process.check()?,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A panic elsewhere leaves nothing half done behind these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
