//! The command line, from words to checked types.
//!
//! Pure: nothing here opens a file or asks the machine. What clap refuses exits
//! with status 2, as everything else that is wrong with a command line does.
//!
//! Not here: what the commands do ([`crate::commands`]).

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lockgate_vmdq::Mac;

/// Cuts an Intel NIC into partitions and mediates every frame.
#[derive(Debug, Parser)]
#[command(name = "lockgate", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a policy on its card or on the built-in model
    Run(RunArgs),
    /// Measure how a policy's card carries frames
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Check a policy and say what it means
    Check(CheckArgs),
    /// Write a policy's plan in the form that `run` takes too: checked, for one card
    Compile(CompileArgs),
    /// Show what a card is told: pools, queues, filters, flows
    Plan(PlanArgs),
    /// Look at the machine's network cards, hand one over, take it back
    #[command(subcommand)]
    Nic(NicCommand),
    /// Say which receive queue a flow is steered to
    Rss(RssArgs),
}

/// `lockgate run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Policy file (TOML), or a plan that `lockgate compile` wrote
    pub policy: PathBuf,
    /// Use this device instead of the policy's: model:82574, model:82576,
    /// model:82599 or a PCI address
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Frames to replay: SOURCE is `wire` or a partition, FILE pcap or pcapng;
    /// takes the place of the policy's own replay of that source
    #[arg(long, value_name = "SOURCE=FILE", value_parser = parse_replay)]
    pub replay: Vec<ReplayArg>,
    /// Write wire.pcapng and one PARTITION.pcapng each into this folder
    #[arg(long, value_name = "DIR")]
    pub capture_dir: Option<PathBuf>,
    /// Write the counters as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Stop after this time: 500ms, 10s, 2m; a bare number is seconds
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Replay this many frames per second from each source; without it, as fast
    /// as everything drains
    #[arg(long, value_name = "PPS")]
    pub rate: Option<NonZeroU64>,
}

/// `lockgate bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// How many frames a second, with many on their way
    Throughput {
        /// What both take
        #[command(flatten)]
        common: BenchArgs,
        /// Frames on their way at most
        #[arg(long, value_name = "FRAMES", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=512))]
        window: u16,
    },
    /// How long a frame takes, one at a time
    Latency {
        /// What both take
        #[command(flatten)]
        common: BenchArgs,
    },
}

/// What is measured, and how.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Policy file (TOML)
    pub policy: PathBuf,
    /// Use this device instead of the policy's
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// The partition that sends; without it, the first that has an address
    #[arg(long, value_name = "PARTITION")]
    pub from: Option<String>,
    /// The partition that receives, by a flow of the policy; without it frames go out to
    /// the wire and come back to their sender
    #[arg(long, value_name = "PARTITION", conflicts_with = "peer")]
    pub to: Option<String>,
    /// Who sends frames back at the other end of the wire: the address of a partition
    /// elsewhere that reflects; on a model the command plays the peer
    #[arg(long, value_name = "MAC")]
    pub peer: Option<Mac>,
    /// Length of the frames in bytes, without tag and check sequence
    #[arg(long, value_name = "BYTES", default_value_t = 60)]
    pub size: usize,
    /// How long to measure: 500ms, 10s, 2m; a bare number is seconds
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Draw a chart into this file (SVG)
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `lockgate check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Policy file (TOML), or a compiled plan
    pub policy: PathBuf,
    /// Check against this device instead of the policy's
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// `lockgate compile`.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// Policy file (TOML)
    pub policy: PathBuf,
    /// Compile for this device instead of the policy's
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// File for the plan
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `lockgate plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Policy file (TOML), or a compiled plan
    pub policy: PathBuf,
    /// Plan for this device instead of the policy's
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// How to show it; dot is for Graphviz
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
}

/// How `lockgate plan` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PlanFormat {
    Table,
    Json,
    Dot,
}

/// `lockgate nic`.
#[derive(Debug, Subcommand)]
pub enum NicCommand {
    /// List the machine's Ethernet controllers
    List,
    /// Show one controller and what stands between it and Lockgate
    Info(NicArgs),
    /// Take the controller from its kernel driver and give it to vfio-pci
    Bind(NicArgs),
    /// Give the controller back to its kernel driver
    Unbind(NicArgs),
}

/// Which controller.
#[derive(Debug, Args)]
pub struct NicArgs {
    /// PCI address, for example 0000:03:00.0
    #[arg(value_name = "ADDRESS")]
    pub address: String,
}

/// `lockgate rss`.
#[derive(Debug, Args)]
pub struct RssArgs {
    /// Hash key: microsoft, symmetric or 80 hex digits
    #[arg(long, default_value = "microsoft")]
    pub key: String,
    /// Receive queues of the partition
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub queues: u8,
    /// For example 'tcp 66.9.149.187:2794 > 161.142.100.80:1766'; quote it, or
    /// the shell takes `>` for itself
    #[arg(required = true, value_name = "TUPLE")]
    pub tuple: Vec<String>,
}

/// One `--replay SOURCE=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayArg {
    /// `wire` or a partition's name.
    pub source: String,
    /// The capture.
    pub file: PathBuf,
}

fn parse_replay(text: &str) -> Result<ReplayArg, String> {
    match text.split_once('=') {
        Some((source, file)) if !source.is_empty() && !file.is_empty() => Ok(ReplayArg {
            source: source.to_owned(),
            file: PathBuf::from(file),
        }),
        _ => Err("expected SOURCE=FILE, for example wire=traffic.pcapng".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 10s or 2m, more than none".to_owned();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run_args(words: &[&str]) -> Result<RunArgs, clap::Error> {
        let words = [&["lockgate", "run", "p.toml"], words].concat();
        match Cli::try_parse_from(words)?.command {
            Command::Run(args) => Ok(args),
            other => panic!("not run: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_duration_is_seconds() {
        assert_eq!(parse_duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
    }

    #[test]
    fn no_duration_is_empty_negative_endless_or_of_unknown_unit() {
        for text in [
            "", "s", "0", "0s", "-1", "-1s", "1e400", "1d", "1 s", ".", "inf", "NaN",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} was taken");
        }
        let endless = "9".repeat(400);
        assert!(parse_duration(&endless).is_err());
    }

    #[test]
    fn a_replay_names_its_source_and_its_file() {
        let args = run_args(&["--replay", "wire=a=b.pcap", "--replay", "x=y"]).unwrap();
        assert_eq!(args.replay[0].source, "wire");
        assert_eq!(args.replay[0].file, PathBuf::from("a=b.pcap"));
        assert_eq!(args.replay.len(), 2);
        for wrong in ["wire", "=a", "wire="] {
            assert!(run_args(&["--replay", wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_clap_refuses_exits_with_2_and_help_with_0() {
        let status = |words: &[&str]| Cli::try_parse_from(words).unwrap_err().exit_code();
        assert_eq!(status(&["lockgate"]), 2);
        assert_eq!(status(&["lockgate", "fly"]), 2);
        assert_eq!(status(&["lockgate", "run"]), 2);
        assert_eq!(status(&["lockgate", "run", "p", "--rate", "0"]), 2);
        assert_eq!(status(&["lockgate", "rss", "--queues", "0", "x"]), 2);
        assert_eq!(status(&["lockgate", "--help"]), 0);
        assert_eq!(status(&["lockgate", "--version"]), 0);
    }
}
