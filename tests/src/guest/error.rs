//! What can go wrong with a guest, with what the guest itself said.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::emulator;

/// Why a guest is of no use.
#[derive(thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum Error {
    #[error("there is no guest kernel: run `cargo xtask setup`")]
    NoKernel,
    #[error("{program} is not installed: run `cargo xtask setup`")]
    Missing { program: &'static str },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{error}{console}")]
    Emulator {
        error: emulator::Error,
        console: String,
    },
    #[error("the guest did not {wanted} in time{console}")]
    Late { wanted: String, console: String },
    #[error("the guest's `{command}` ended with status {status}: {said}")]
    Failed {
        command: String,
        status: i32,
        said: String,
    },
    #[error("lockgate ended by itself with status {status} before all frames were sent: {said}")]
    Early { status: i32, said: String },
    #[error("{command} ended with {status}: {said}")]
    Host {
        command: String,
        status: String,
        said: String,
    },
    #[error("the card that is served: {0}")]
    Card(String),
    #[error("{0}: this policy cannot be taken into a guest")]
    Policy(String),
}

/// `unwrap` in a test prints this: the sentence, not the fields.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An error about the file at `path`.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { path, source }
}
