//! The binary: arguments in, exit status out.
//!
//! 0 done; 1 it failed while running; 2 the command line, the policy or a file it
//! names is wrong. Failures go to standard error, once.
//!
//! Not here: anything else; see the library.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use lockgate::cli::Cli;
use lockgate::commands;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when this fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match commands::execute(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "lockgate: {failure}");
            ExitCode::from(&failure)
        }
    }
}
