//! `fuzz`: every target for a while, from the seeds in `fuzz/corpus`.
//!
//! A target that panics, reads where it must not, takes too long or too much memory fails
//! the command, which names the input. What a run finds new is kept under the target
//! folder, for the next run on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;

use lockgate_tests::machine;

use crate::command::run;
use crate::error::Error;
use crate::instrumented::{Build, OPTIONS, TARGET};
use crate::setup;

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct FuzzArgs {
    /// One target; without it, all of them.
    target: Option<String>,
    /// How long each is run.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

/// Builds the targets and runs them, as many at a time as there are cores.
pub(crate) fn fuzz(args: &FuzzArgs) -> Result<(), Error> {
    let targets = match &args.target {
        Some(target) => vec![target.clone()],
        None => targets()?,
    };
    build()?;
    let at_once = available_parallelism().map_or(1, usize::from);
    let mut crashed = Vec::new();
    for together in targets.chunks(at_once) {
        let mut runs = Vec::new();
        for target in together {
            runs.push(Run::start(target, args.seconds)?);
        }
        for mut run in runs {
            if !run.finish()? {
                crashed.push(run_again(&run));
            }
        }
    }
    if crashed.is_empty() {
        return Ok(());
    }
    Err(Error::Crashed {
        commands: crashed.join("\n"),
    })
}

/// Runs every target over its seeds and over what runs on this machine found, once.
pub(crate) fn corpora() -> Result<(), Error> {
    build()?;
    for target in targets()? {
        let folders = [found(&target), seeds(&target)];
        let mut command = program(&target);
        command.arg("-runs=0");
        command.args(folders.iter().filter(|folder| folder.is_dir()));
        let log = folder().join(format!("{target}.log"));
        command.stderr(create(&log)?);
        match run(&mut command) {
            Ok(()) => println!("fuzz: {target}: its corpus passes"),
            Err(error) => {
                print_end(&log)?;
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Builds the targets; the fuzzer itself is C++.
pub(crate) fn build() -> Result<(), Error> {
    setup::compiler_of_fuzzer()?;
    run(Build::Address
        .cargo("build")
        .args(["--bins", "--manifest-path"])
        .arg(machine::workspace().join("fuzz/Cargo.toml")))
}

/// All targets, by name.
fn targets() -> Result<Vec<String>, Error> {
    let folder = machine::workspace().join("fuzz/targets");
    let listing = fs::read_dir(&folder).map_err(at(&folder))?;
    let paths = listing.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = paths
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Where runs keep what they find, and their logs.
fn folder() -> PathBuf {
    Build::Address.folder().join("fuzz")
}

fn found(target: &str) -> PathBuf {
    folder().join(target)
}

fn seeds(target: &str) -> PathBuf {
    machine::workspace().join("fuzz/corpus").join(target)
}

fn program(target: &str) -> Command {
    let built = Build::Address.folder().join(TARGET).join("debug");
    let mut command = Command::new(built.join(target));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384"]);
    command.env("ASAN_OPTIONS", OPTIONS);
    command
}

/// One target at work.
struct Run {
    target: String,
    seconds: u64,
    child: Child,
    log: PathBuf,
}

impl Run {
    fn start(target: &str, seconds: u64) -> Result<Self, Error> {
        let (found, seeds) = (found(target), seeds(target));
        fs::create_dir_all(&found).map_err(at(&found))?;
        let log = folder().join(format!("{target}.log"));
        let mut command = program(target);
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/{target}-", folder().display()))
            .arg(&found)
            .args(seeds.is_dir().then_some(&seeds))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(create(&log)?);
        let child = command.spawn().map_err(|source| Error::Start {
            command: target.to_owned(),
            source,
        })?;
        Ok(Self {
            target: target.to_owned(),
            seconds,
            child,
            log,
        })
    }

    /// Waits for the end and says what it came to; whether nothing was found.
    fn finish(&mut self) -> Result<bool, Error> {
        let waited = self.child.wait();
        let status = waited.map_err(|source| Error::Start {
            command: self.target.clone(),
            source,
        })?;
        let text = read(&self.log)?;
        let (target, seconds) = (&self.target, self.seconds);
        if status.success() {
            let done = statistic(&text, "number_of_executed_units");
            let new = statistic(&text, "new_units_added");
            println!("fuzz: {target}: {done} executions, {new} new inputs, in {seconds} s");
        } else {
            println!("fuzz: {target}: failed ({status})");
            print_end(&self.log)?;
        }
        Ok(status.success())
    }
}

/// How to see a failure once more.
fn run_again(run: &Run) -> String {
    format!(
        "  {}: the input is {}/{}-*, the log {}",
        run.target,
        folder().display(),
        run.target,
        run.log.display()
    )
}

/// A number of libFuzzer's `-print_final_stats`.
fn statistic(text: &str, name: &str) -> u64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix("stat::"));
    let mut values = lines.filter_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then(|| value.trim().parse().ok()).flatten()
    });
    values.next().unwrap_or(0)
}

fn print_end(log: &Path) -> Result<(), Error> {
    let text = read(log)?;
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(40)..] {
        println!("    {line}");
    }
    Ok(())
}

/// A log; what a crashed target wrote need not be text.
fn read(log: &Path) -> Result<String, Error> {
    let bytes = fs::read(log).map_err(at(log))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn create(path: &Path) -> Result<File, Error> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(at(folder))?;
    File::create(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_from_what_the_fuzzer_says_at_its_end() {
        let text =
            "#12 DONE\nstat::number_of_executed_units: 5012\nstat::new_units_added:          7\n";
        assert_eq!(statistic(text, "number_of_executed_units"), 5012);
        assert_eq!(statistic(text, "new_units_added"), 7);
        assert_eq!(statistic(text, "slowest_unit_time_sec"), 0);
    }

    #[test]
    fn every_target_has_seeds_and_is_in_the_manifest() {
        let manifest = fs::read_to_string(machine::workspace().join("fuzz/Cargo.toml")).unwrap();
        for target in targets().unwrap() {
            let count = fs::read_dir(seeds(&target)).map_or(0, Iterator::count);
            assert!(count > 0, "{target} has no seeds");
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")));
        }
    }
}
