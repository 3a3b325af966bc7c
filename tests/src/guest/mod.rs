//! A Linux guest that owns an emulated card through VFIO.
//!
//! [`Guest::boot`] starts it; then it runs what it is told, a shell command at
//! a time. Kernel messages go to a console, a second channel carries
//! commands and answers, a third what programs log, a fourth files. The guest's IOMMU is
//! QEMU's VT-d, so a driver that reaches outside its domain is caught there.
//!
//! Not here: what is run ([`run`]), and getting kernel and programs
//! (`cargo xtask setup`).

pub mod compare;
mod error;
mod feed;
mod initramfs;
mod kernel;
pub mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::emulator::{self, Cable, Emulator, Lines, Options, lock, server};
pub use error::Error;
use error::at;
pub use feed::Rings;
use initramfs::Initramfs;
pub use kernel::Kernel;

/// The slot of the card, and so its address in the guest.
const SLOT: u8 = 3;

/// Where the guest finds the card.
pub const ADDRESS: &str = "0000:00:03.0";

/// Where the guest's programs log.
pub const LOG: &str = "/dev/vport0p2";

/// What memory is filled with that no card may reach.
pub const PATTERN: [u8; 8] = *b"OFF-BAND";

/// Where the guest sends files.
const FILES: &str = "/dev/vport0p3";

/// What to boot.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The card and its cable, as [`Options`] has them.
    pub device: String,
    /// Where the card's cable leads.
    pub cable: Cable,
    /// The QEMU to run.
    pub emulator: PathBuf,
    /// More arguments for QEMU.
    pub arguments: Vec<String>,
    /// Programs of this machine, by their path here and in the guest; their
    /// shared libraries come along.
    pub programs: Vec<(PathBuf, PathBuf)>,
    /// Files of this machine; they have the same path in the guest.
    pub files: Vec<PathBuf>,
    /// More of the kernel's command line.
    pub kernel_options: String,
    /// How many cores.
    pub cores: usize,
}

impl Spec {
    /// A guest with the card `device`, as many cores as this machine, two at least, and
    /// 128 MiB of hugepages.
    pub fn new(device: &str) -> Self {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        Self {
            device: device.into(),
            cable: Cable::default(),
            emulator: emulator::PROGRAM.into(),
            arguments: Vec::new(),
            programs: Vec::new(),
            files: Vec::new(),
            kernel_options: "hugepages=64".into(),
            cores: cores.max(2),
        }
    }
}

/// What a command in the guest said, and its exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status as the shell has it.
    pub status: i32,
    /// Its standard output and error.
    pub text: String,
}

/// A guest that is up.
pub struct Guest {
    emulator: Emulator,
    control: Mutex<Lines>,
    console: PathBuf,
    log: PathBuf,
    files: PathBuf,
}

impl Guest {
    /// Boots the newest kernel that is unpacked, and returns once the guest
    /// takes commands.
    ///
    /// # Errors
    /// When something is missing, or the guest is not up by `deadline`.
    pub fn boot(spec: &Spec, deadline: Instant) -> Result<Self, Error> {
        let kernel = Kernel::find().ok_or(Error::NoKernel)?;
        let quiet = |error| Error::Emulator {
            error,
            console: String::new(),
        };
        let folder = Emulator::folder().map_err(quiet)?;
        let archive = folder.path().join("initramfs");
        let mut initramfs = Initramfs::new(&kernel)?;
        for (program, target) in &spec.programs {
            initramfs.program(program, target)?;
        }
        for file in &spec.files {
            initramfs.copy(file, file)?;
        }
        fs::write(&archive, initramfs.finish()).map_err(at(&archive))?;
        let [console, control, log, files] =
            ["console", "control", "log", "files"].map(|name| folder.path().join(name));
        let mut options = Options::new(&spec.device, SLOT)
            .with(machine(spec))
            .with(spec.arguments.clone())
            .with(["-kernel".into(), kernel.image(), "-initrd".into(), archive])
            .with(["-serial".into(), format!("file:{}", console.display())])
            .with(port(1, &server("control", &control), "control"))
            .with(port(2, &file("log", &log), "log"))
            .with(port(3, &file("files", &files), "files"));
        options.program.clone_from(&spec.emulator);
        options.cable.clone_from(&spec.cable);
        let emulator = Emulator::start(&options, folder).map_err(quiet)?;
        let lines = emulator.connect(&control).map_err(quiet)?;
        let guest = Self {
            emulator,
            control: Mutex::new(lines),
            console,
            log,
            files,
        };
        guest.answer("boot", deadline)?;
        Ok(guest)
    }

    /// The emulator, for the card's cable and the monitor.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Runs one line of shell and returns what it said. Its variables and
    /// background jobs last; a job's output must go elsewhere, to [`LOG`] for example.
    ///
    /// # Errors
    /// When the guest does not answer within `timeout`.
    pub fn run(&self, line: &str, timeout: Duration) -> Result<Output, Error> {
        let deadline = Instant::now() + timeout;
        let sent = lock(&self.control).send(&format!("{line}\n"), timeout);
        sent.map_err(|error| self.explain(line, error))?;
        self.answer(line, deadline)
    }

    /// Runs one line of shell that must succeed, and returns what it said.
    ///
    /// # Errors
    /// As [`Guest::run`], and when its status is not 0.
    pub fn succeed(&self, line: &str, timeout: Duration) -> Result<String, Error> {
        let output = self.run(line, timeout)?;
        match output.status {
            0 => Ok(output.text),
            status => Err(Error::Failed {
                command: line.into(),
                status,
                said: output.text,
            }),
        }
    }

    fn answer(&self, wanted: &str, deadline: Instant) -> Result<Output, Error> {
        let mut lines = lock(&self.control);
        let mut text = String::new();
        loop {
            let line = lines.next(deadline);
            let line = line.map_err(|error| self.explain(wanted, error))?;
            if let Some(status) = line.strip_prefix("@status ") {
                return Ok(Output {
                    status: status.trim().parse().unwrap_or(-1),
                    text: text.trim_end_matches('\n').to_owned(),
                });
            }
            text += &line;
            text.push('\n');
        }
    }

    /// What programs have logged so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What the kernel has said so far.
    pub fn console(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// Copies what is in the guest's `folder` into `target` on this machine.
    ///
    /// # Errors
    /// When the guest has no such folder or does not answer within `timeout`.
    pub fn fetch(&self, folder: &str, target: &Path, timeout: Duration) -> Result<(), Error> {
        let before = fs::read(&self.files).unwrap_or_default().len();
        self.succeed(&format!("tar -c -C {folder} . >{FILES}"), timeout)?;
        let bytes = fs::read(&self.files).map_err(at(&self.files))?;
        let archive = self.files.with_extension("tar");
        fs::write(&archive, &bytes[before.min(bytes.len())..]).map_err(at(&archive))?;
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(&archive).arg("-C").arg(target);
        let unpacked = tar.stdin(Stdio::null()).output().map_err(at("tar"))?;
        if unpacked.status.success() {
            return Ok(());
        }
        Err(Error::Host {
            command: "tar".into(),
            status: unpacked.status.to_string(),
            said: String::from_utf8_lossy(&unpacked.stderr).into_owned(),
        })
    }

    /// Switches the guest off.
    ///
    /// # Errors
    /// When it is not off within `timeout`; it is killed then.
    pub fn shut_down(self, timeout: Duration) -> Result<(), Error> {
        let sent = lock(&self.control).send("exec poweroff -f\n", timeout);
        sent.map_err(|error| self.explain("poweroff", error))?;
        let ended = self.emulator.wait(Instant::now() + timeout);
        ended.map(drop).map_err(|error| self.with_console(error))
    }

    fn explain(&self, wanted: &str, error: std::io::Error) -> Error {
        self.with_console(self.emulator.explain(wanted, error))
    }

    /// Puts the end of the console beside an error of the emulator.
    fn with_console(&self, error: emulator::Error) -> Error {
        Error::Emulator {
            error,
            console: self.last_words(),
        }
    }

    /// The end of console and log, to end a sentence with.
    fn last_words(&self) -> String {
        let mut words = String::new();
        for (name, text) in [("console", self.console()), ("log", self.log())] {
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(30)..];
            if !last.is_empty() {
                words += &format!("\n--- guest {name}\n{}", last.join("\n"));
            }
        }
        words
    }
}

/// The machine, as `testbed` measured it: an IOMMU that remaps DMA and interrupts.
///
/// The kernel takes the time-stamp counter at its word: its watchdog would compare it with
/// a timer that QEMU emulates, and complain whenever the host was busy between two reads.
///
/// Timers tick all the time: QEMU 10.0 at times leaves a core halted although its timer has
/// expired (the interrupt is in IRR), once in about a hundred times that a driver takes or
/// leaves the card, and nothing but the next interrupt wakes it.
fn machine(spec: &Spec) -> Vec<String> {
    let command_line = format!(
        "console=ttyS0 intel_iommu=on iommu=pt quiet panic=-1 tsc=reliable nohz=off highres=off {}",
        spec.kernel_options
    );
    let cores = spec.cores.to_string();
    [
        "-M",
        "q35,kernel-irqchip=split",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-smp",
        &cores,
        "-m",
        "1024",
        "-no-reboot",
        "-device",
        "intel-iommu,intremap=on,caching-mode=on",
        "-device",
        "virtio-serial-pci,addr=4",
        "-append",
        &command_line,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A channel into the guest, which calls it `/dev/vport0pN`.
fn port(number: u8, chardev: &str, id: &str) -> Vec<String> {
    vec![
        "-chardev".into(),
        chardev.into(),
        "-device".into(),
        format!("virtserialport,chardev={id},nr={number}"),
    ]
}

fn file(id: &str, path: &Path) -> String {
    format!("file,id={id},path={}", path.display())
}
