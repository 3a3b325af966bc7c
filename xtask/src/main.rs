//! Developer commands: `cargo xtask setup | lint | gate | test | fuzz | sanitize | loom |
//! bare | bench | guest-bench | validation | tcb | vm`.
//!
//! The one rule: a command that succeeds has done all it says; what the machine
//! lacks is installed or named. The work itself is in `lockgate-tests`, which
//! the tests share.
#![forbid(unsafe_code)]

mod apt;
mod bare;
mod bench;
mod checks;
mod command;
mod emulator;
mod error;
mod fuzz;
mod gate;
mod guest_bench;
mod instrumented;
mod modules;
mod sanitize;
mod setup;
mod tcb;
mod tiers;
mod validation;
mod vm;

use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use error::Error;

/// Developer commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Cli {
    /// Installs what the tests need and this machine lacks.
    Setup,
    /// Formatting and clippy, warnings refused.
    Lint,
    /// Sets up, builds and runs all tests.
    Test(checks::TestArgs),
    /// Boots the image without an operating system in QEMU and tries frames on it.
    Bare,
    /// Runs the fuzz targets, from the seeds in fuzz/corpus.
    Fuzz(fuzz::FuzzArgs),
    /// Runs tests under AddressSanitizer and ThreadSanitizer.
    Sanitize,
    /// Model-checks the lane's rings with loom.
    Loom,
    /// Runs the benches beside their peers, and writes docs/benchmarks.md.
    Bench(bench::BenchArgs),
    /// Runs the tests that record what works where, and writes docs/validation.md.
    Validation,
    /// Measures how readable the crates are that ship, and fails over the limits.
    Gate,
    /// Counts the lines of the trusted core.
    Tcb {
        /// Of one family; without it, of each that has a driver.
        #[arg(long, value_parser = PossibleValuesParser::new(tcb::families()))]
        family: Option<String>,
        /// A line for each file.
        #[arg(long)]
        files: bool,
    },
    /// Compares Lockgate with DPDK's testpmd on QEMU's cards in a guest.
    GuestBench(guest_bench::GuestBenchArgs),
    /// Runs a policy in a guest that owns QEMU's card, and compares with the model.
    Vm(vm::VmArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(error.status())
        }
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    match cli {
        Cli::Setup => setup::setup().map(drop),
        Cli::Lint => checks::lint(),
        Cli::Test(arguments) => checks::test(&arguments),
        Cli::Bare => bare::bare(),
        Cli::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Cli::Sanitize => sanitize::sanitize(),
        Cli::Loom => sanitize::loom(),
        Cli::Bench(arguments) => bench::bench(&arguments),
        Cli::Validation => checks::validation(),
        Cli::Gate => gate::gate(),
        Cli::Tcb { family, files } => tcb::tcb(family.as_deref(), files),
        Cli::GuestBench(args) => guest_bench::guest_bench(&args),
        Cli::Vm(args) => vm::vm(args),
    }
}
