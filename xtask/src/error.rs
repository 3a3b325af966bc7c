//! What can go wrong in a developer command, and what to do about it.

use std::io;
use std::path::PathBuf;

use lockgate_tests::{emulator, guest};

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start `{command}`: {source}")]
    Start { command: String, source: io::Error },
    #[error("`{command}` failed ({status}){output}")]
    Failed {
        command: String,
        status: String,
        output: String,
    },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("no apt source of {codename} found under /etc/apt: add the one of your mirror")]
    NoSource { codename: String },
    #[error("apt knows no package for {name}: run `apt-get update`")]
    NoPackage { name: String },
    #[error("{missing} missing and this is not root; run as root, then try again:\n{commands}")]
    Install { missing: String, commands: String },
    #[error("{missing} is missing and this is not root: run `cargo xtask setup` as root")]
    Unprivileged { missing: &'static str },
    #[error("{missing} still missing after the installation: {remedy}")]
    StillMissing {
        missing: String,
        remedy: &'static str,
    },
    #[error("{} is not what the tests recorded: run `cargo xtask validation`", path.display())]
    Stale { path: PathBuf },
    #[error("{crates}: split the functions and name the fields that are listed above")]
    Unreadable { crates: String },
    #[error("fuzz targets failed; `cargo xtask fuzz TARGET` runs one again\n{commands}")]
    Crashed { commands: String },
    #[error(transparent)]
    Emulator(#[from] emulator::Error),
    #[error("{}: {reason}", path.display())]
    Policy { path: PathBuf, reason: String },
    #[error("{problem}")]
    Bare { problem: String },
    #[error(transparent)]
    Guest(#[from] guest::Error),
    #[error("deliveries differ between guest and model: {captures}")]
    Difference { captures: String },
    #[error("lockgate ended with status {status} {place}")]
    Status { place: &'static str, status: i32 },
}

impl Error {
    /// The exit status: 2 where the command line or the machine is at fault, as in `lockgate`.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Install { .. } | Self::Unprivileged { .. } | Self::NoSource { .. } => 2,
            Self::Status { status, .. } => u8::try_from(*status).unwrap_or(1),
            _ => 1,
        }
    }
}
