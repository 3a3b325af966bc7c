//! Standard output, for people and for pipes.
//!
//! A reader that closes its end (`lockgate plan x | head`) is no failure, and
//! colours are for terminals whose owner has not refused them.
//!
//! Not here: what is printed.

use std::io::{self, IsTerminal, Write};

use crate::error::Failure;

/// Prints `text` to standard output.
///
/// # Errors
/// A running failure if it cannot be written, unless its reader has gone.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What a write to standard output came to: its reader may leave early.
///
/// # Errors
/// A running failure if it could not be written.
pub fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::running(
            format!("cannot write to standard output: {error}"),
            "make room, or send the output elsewhere",
        )),
        _ => Ok(()),
    }
}

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
pub fn wants_colour() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}
