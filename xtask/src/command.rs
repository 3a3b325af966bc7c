//! Running other programs: one error for each way that can fail.

use std::process::{Command, Stdio};

use crate::error::Error;

/// Runs `command` with this process's own outputs and wants success.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|source| Error::Start {
        command: name(command),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        command: name(command),
        status: status.to_string(),
        output: String::new(),
    })
}

/// Runs `command`, wants success and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let finished = command.stdin(Stdio::null()).output();
    let finished = finished.map_err(|source| Error::Start {
        command: name(command),
        source,
    })?;
    if finished.status.success() {
        return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
    }
    Err(Error::Failed {
        command: name(command),
        status: finished.status.to_string(),
        output: format!("\n{}", String::from_utf8_lossy(&finished.stderr)),
    })
}

/// The command line, as a reader would type it.
fn name(command: &Command) -> String {
    let arguments = command.get_args().map(|a| a.to_string_lossy());
    let program = command.get_program().to_string_lossy();
    std::iter::once(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
