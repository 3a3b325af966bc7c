//! The program under test, as a user builds it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::machine::build_lockgate;

/// A command that runs `lockgate`, without arguments yet.
///
/// # Panics
/// When the program does not build.
pub fn lockgate() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PROGRAM.get_or_init(|| build_lockgate().expect("the program under test builds")))
}
