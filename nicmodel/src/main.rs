//! `lockgate-nicmodel`: the software cards as a program.
//!
//! Not here: the cards (the library of this package), and running policies on them
//! (`lockgate run --device model:…`).
#![forbid(unsafe_code)]

mod serve;

use std::process::ExitCode;

use clap::Parser;

use serve::{Failure, Serve};

/// Intel controllers in software.
#[derive(Parser)]
#[command(name = "lockgate-nicmodel", version)]
enum Cli {
    /// Lends a card to a virtual machine, by the vfio-user protocol.
    Serve(Serve),
}

fn main() -> ExitCode {
    let Cli::Serve(arguments) = Cli::parse();
    match serve::serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate-nicmodel: {error}");
            ExitCode::from(if matches!(error, Failure::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}
