//! What can go wrong with a QEMU, with QEMU's own words.

use std::fmt;
use std::io;

/// Why QEMU is of no use.
#[derive(thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum Error {
    #[error("{program} is not installed: run `cargo xtask setup`")]
    Missing { program: String },
    #[error("cannot prepare for QEMU: {source}")]
    Prepare { source: io::Error },
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("QEMU ended ({status}){said}")]
    Ended { status: String, said: String },
    #[error("QEMU runs but did not give {wanted} in time{said}")]
    Silent { wanted: String, said: String },
    #[error("QEMU could not give {wanted}: {source}{said}")]
    Broken {
        wanted: String,
        source: io::Error,
        said: String,
    },
    #[error("QEMU refused {command}: {reason}")]
    Refused { command: String, reason: String },
    #[error("QEMU has no card at {slot:#x}: its configuration space reads all ones")]
    NoCard { slot: u8 },
}

/// `unwrap` in a test prints this: the sentence, not the fields.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
