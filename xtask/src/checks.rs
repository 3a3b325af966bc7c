//! `lint` and `test`: what every change passes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use lockgate_tests::captures::EXTRA;
use lockgate_tests::validation as records;
use lockgate_tests::{bare, machine};

use crate::command::run;
use crate::error::Error;
use crate::setup::{self, setup};
use crate::tiers;
use crate::validation;

/// Formatting and clippy; a warning is an error.
pub(crate) fn lint() -> Result<(), Error> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo()
        .args(["clippy", "--workspace", "--all-targets", "--quiet"])
        .args(["--", "-D", "warnings"]))?;
    // What is shipped to a machine with a card, which needs no models.
    run(cargo()
        .args(["clippy", "--package", "lockgate", "--no-default-features"])
        .args(["--quiet", "--", "-D", "warnings"]))?;
    lint_bare_image()?;
    lint_fuzz()?;
    if !setup::has_dpdk() {
        return Ok(());
    }
    // What the benches build over DPDK is left out above.
    run(cargo()
        .args([
            "clippy",
            "--package",
            "lockgate-bench",
            "--features",
            "dpdk",
        ])
        .args(["--all-targets", "--quiet", "--", "-D", "warnings"]))
}

/// The same for the image without an operating system, which is a workspace of its own.
fn lint_bare_image() -> Result<(), Error> {
    let cargo = || {
        let mut cargo = cargo();
        cargo.current_dir(bare::folder());
        cargo
    };
    run(cargo().args(["fmt", "--check"]))?;
    run(cargo()
        .args(["clippy", "--quiet", "--release", "--target-dir"])
        .arg(machine::target().join("bare"))
        .args(["--", "-D", "warnings"]))
}

/// The same for the fuzz targets, a workspace of their own. Nothing is linked, so the fuzzer
/// itself is not built: its build script is told of a library that is never opened.
fn lint_fuzz() -> Result<(), Error> {
    let manifest = machine::workspace().join("fuzz/Cargo.toml");
    run(cargo()
        .args(["fmt", "--check", "--manifest-path"])
        .arg(&manifest))?;
    run(cargo()
        .args(["clippy", "--lib", "--bins", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .args(["--", "-D", "warnings"])
        .env("CARGO_TARGET_DIR", machine::target())
        .env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a"))
}

/// The test binaries that record what works where.
const RECORDING: [&str; 4] = ["conformance", "differential", "guest_suite", "judges"];

/// Which tests to run.
#[derive(clap::Args)]
pub(crate) struct TestArgs {
    /// Unit tests and tests on the models alone: no QEMU, no guests, nothing to install.
    #[arg(long)]
    quick: bool,
    /// A folder of captures to try beside the project's own.
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
    /// Arguments for `cargo test`, in place of all tests.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        conflicts_with = "quick"
    )]
    arguments: Vec<String>,
}

/// Sets up the machine, builds everything and runs the tests. Where all ran, what they
/// recorded must be what `docs/validation.md` says.
pub(crate) fn test(args: &TestArgs) -> Result<(), Error> {
    let begun = Instant::now();
    let captures = args.captures.as_deref().map(absolute).transpose()?;
    if args.quick {
        eprintln!("xtask: unit tests and tests on the models; nothing to install");
        return run_tests(&tiers::quick()?, captures.as_deref(), begun);
    }
    prepare()?;
    run_tests(&args.arguments, captures.as_deref(), begun)?;
    if args.arguments.is_empty() {
        validation::compare()
    } else {
        Ok(())
    }
}

/// A folder that the tests find from wherever they are started.
fn absolute(folder: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(folder).map_err(|source| Error::File {
        path: folder.into(),
        source,
    })
}

/// Runs the tests that record, and writes `docs/validation.md`.
pub(crate) fn validation() -> Result<(), Error> {
    let package = ["--package", "lockgate-tests"].map(str::to_owned);
    let tests = RECORDING
        .iter()
        .flat_map(|name| ["--test".to_owned(), (*name).to_owned()]);
    let arguments: Vec<String> = package.into_iter().chain(tests).collect();
    let begun = Instant::now();
    prepare()?;
    run_tests(&arguments, None, begun)?;
    validation::write()
}

/// Sets up the machine and builds what guests run, so that no test waits for a compiler.
fn prepare() -> Result<(), Error> {
    setup()?;
    eprintln!("xtask: building what guests run");
    machine::build_lockgate().map_err(|source| Error::Start {
        command: "cargo build --release".into(),
        source,
    })?;
    records::clear().map_err(|source| Error::File {
        path: records::folder(),
        source,
    })
}

/// Runs `cargo test` with `arguments`, on further `captures`, and says what it came to.
fn run_tests(arguments: &[String], captures: Option<&Path>, begun: Instant) -> Result<(), Error> {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]);
    if let Some(folder) = captures {
        command.env(EXTRA, folder);
    }
    if !arguments
        .iter()
        .any(|argument| ["--package", "-p", "--workspace"].contains(&argument.as_str()))
    {
        command.arg("--workspace");
    }
    command.args(arguments);
    let count = watch(&mut command)?;
    println!(
        "tests: {} passed, {} failed, {} ignored, in {} binaries and {} s",
        count.passed,
        count.failed,
        count.ignored,
        count.binaries,
        begun.elapsed().as_secs()
    );
    if count.success {
        return Ok(());
    }
    Err(Error::Failed {
        command: "cargo test".into(),
        status: format!("{} tests", count.failed),
        output: String::new(),
    })
}

/// What a run of `cargo test` came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
    ignored: usize,
    binaries: usize,
    success: bool,
}

impl Count {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let mut binary = 0;
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => continue,
            }
            binary += number;
        }
        self.binaries += usize::from(binary > 0);
    }
}

/// Runs `command`, shows what it prints and counts.
fn watch(command: &mut Command) -> Result<Count, Error> {
    let start = |source| Error::Start {
        command: "cargo test".into(),
        source,
    };
    let mut child: Child = command.stdout(Stdio::piped()).spawn().map_err(start)?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(start)?;
            count.add(&line);
            // A reader who has left does not end the tests.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
    count.success = child.wait().map_err(start)?.success();
    Ok(count)
}

/// Cargo, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(machine::workspace());
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_add_up() {
        let mut count = Count::default();
        count.add("running 3 tests");
        count.add("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        count.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.50s");
        count.add("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s");
        let expected = Count {
            passed: 3,
            failed: 2,
            ignored: 1,
            binaries: 2,
            success: false,
        };
        assert_eq!(count, expected);
    }
}
