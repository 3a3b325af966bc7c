//! `bench`: every bench, and the document that says what they came to.
//!
//! Each section of the document is what one bench target prints from its first line with
//! `## ` on; what comes before is progress. The rules: what this machine lacks costs
//! rows and not the run, and a figure is in the document only if every program ended well.
//!
//! Not here: what is measured (`bench/`).

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use lockgate_tests::machine;

use crate::checks::cargo;
use crate::command::output;
use crate::error::Error;
use crate::guest_bench::{self, GuestBenchArgs};
use crate::setup;

/// The bench targets, in the order of the document. Whoever adds one adds its name.
const SECTIONS: [&str; 4] = ["hash", "lane", "worker", GUEST];

/// The one that is not a bench target: it needs a guest and not this processor.
const GUEST: &str = "guest";

/// What the document says above the sections.
const HEAD: &str = "\
# Benchmarks

Made by `cargo xtask bench`, which installs the peers, runs every bench and writes this
file. One section alone is `cargo xtask bench SECTION`, which prints it; the last is
`cargo xtask guest-bench`, the others are also

```sh
cargo bench --package lockgate-bench --features dpdk --bench SECTION
```

and without `--features dpdk` where there is no DPDK. The machine may be shared: what counts
is the ratio of two rows, measured turn by turn in one run, and not a time alone. A peer
that the machine lacked is *missing*.
";

/// `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Only these, printed and not written into the document
    #[arg(value_name = "SECTION", value_parser = SECTIONS)]
    sections: Vec<String>,
}

/// Runs the benches, all of them unless some are named.
pub(crate) fn bench(arguments: &BenchArgs) -> Result<(), Error> {
    let needs_guest = arguments.sections.is_empty() || arguments.sections.contains(&GUEST.into());
    let there = if needs_guest {
        setup::setup().map(drop)
    } else {
        setup::tools().map(drop)
    };
    if let Err(error) = there {
        eprintln!("xtask: {error}\nxtask: what needs it will be missing from the tables");
    }
    // Before anything runs, since the benches themselves are a load.
    let mut document = format!("{HEAD}\n{}", machine_section());
    let named: Vec<&str> = arguments.sections.iter().map(String::as_str).collect();
    let sections = if named.is_empty() {
        &SECTIONS[..]
    } else {
        &named
    };
    for section in sections {
        let text = match *section {
            GUEST => guest(),
            section => run_section(section)?,
        };
        println!("{text}");
        document += &format!("\n{}\n", text.trim_end());
    }
    if !named.is_empty() {
        return Ok(());
    }
    let path = document_path();
    fs::write(&path, document).map_err(|source| Error::File { path, source })
}

/// What a guest comes to, or why there is none.
fn guest() -> String {
    std::panic::catch_unwind(|| guest_bench::section(&GuestBenchArgs::default()))
        .unwrap_or_else(|_| "## In a guest, beside testpmd\n\nmissing\n".to_owned())
}

fn document_path() -> PathBuf {
    machine::workspace().join("docs/benchmarks.md")
}

/// Runs one bench and returns its section.
fn run_section(name: &str) -> Result<String, Error> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "lockgate-bench"]);
    if setup::has_dpdk() {
        command.args(["--features", "dpdk"]);
    }
    command.args(["--bench", name]);
    command.env("CRITERION_HOME", machine::target().join("criterion"));
    let line = format!("cargo bench --bench {name}");
    let start = |source| Error::Start {
        command: line.clone(),
        source,
    };
    eprintln!("xtask: {line}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(start)?;
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            lines.push(line.map_err(start)?);
        }
    }
    let status = child.wait().map_err(start)?;
    if !status.success() {
        let output = format!("\n{}", lines.join("\n"));
        return Err(Error::Failed {
            command: line,
            status: status.to_string(),
            output,
        });
    }
    Ok(section_of(&lines))
}

/// The lines from the heading on.
fn section_of(lines: &[String]) -> String {
    let from = lines
        .iter()
        .position(|line| line.starts_with("## "))
        .unwrap_or(lines.len());
    lines[from..].join("\n")
}

/// Where and with what the figures were measured.
fn machine_section() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let virtual_machine = field(&read("/proc/cpuinfo"), "flags").contains(" hypervisor");
    let dpdk = output(Command::new("pkg-config").args(["--modversion", "libdpdk"]));
    let rustc = output(Command::new("rustc").arg("--version"));
    let rows = [
        ("processor", cpu),
        (
            "cores",
            format!(
                "{cores}{}",
                if virtual_machine {
                    ", of a virtual machine"
                } else {
                    ""
                }
            ),
        ),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("frequency governor", governor),
        (
            "load before the run",
            read("/proc/loadavg")
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        (
            "rustc",
            rustc
                .unwrap_or_default()
                .trim_start_matches("rustc ")
                .to_owned(),
        ),
        ("DPDK", dpdk.unwrap_or_else(|_| "missing".into())),
    ];
    let mut text = "## Machine\n\n| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        let value = if value.trim().is_empty() {
            "unknown"
        } else {
            value.trim()
        };
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map_or_else(String::new, |(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_in_front_of_a_section_is_left_out() {
        let lines = ["Warming up", "## Hash", "", "| |"].map(str::to_owned);
        assert_eq!(section_of(&lines), "## Hash\n\n| |");
        assert_eq!(section_of(&lines[..1]), "");
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "model\t\t: 2\nmodel name\t: Some CPU\n";
        assert_eq!(field(text, "model name").trim(), "Some CPU");
        assert_eq!(field(text, "flags"), "");
    }
}
