//! The summary that ends a run, for a person.
//!
//! Figures of the built-in model carry the word "model".
//!
//! Not here: the same for programs ([`crate::report`]).

use std::io::{self, Write};

use crate::report::Report;

/// Writes the summary of `report` to `out`.
///
/// # Errors
/// Those of `out`.
pub fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", report.device)
}
