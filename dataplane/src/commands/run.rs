//! `lockgate run`: from options to a [`Run`], and from its report to the reader.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use lockgate_drivers::Alarm;
use lockgate_drivers::device::Card;
use lockgate_lane::Closed;
use lockgate_nicmodel::Model;
use lockgate_vmdq::{Attach, Device, Partition, Policy};

use super::{Loaded, load, nic};
use crate::capture;
use crate::cli::{ReplayArg, RunArgs};
use crate::edge::Sources;
use crate::error::Failure;
use crate::pci::Bus;
use crate::replay::Replay;
use crate::report::Report;
use crate::runtime::{Observer, Run};
use crate::summary;
use crate::terminal;
use crate::worker::stats::WorkerStats;

/// Runs a policy to its end.
///
/// # Errors
/// Whatever is wrong with the policy, the captures, the folders or the card, the
/// first found; nothing is started before everything that can be checked is.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    let sources = open_sources(&loaded, args)?;
    // First the folder, which the report may go into as well.
    if let Some(folder) = &args.capture_dir {
        capture::make_folder(folder)?;
    }
    if let Some(path) = &args.report {
        Report::check_target(path)?;
    }
    let stop = stop_on_signals()?;
    let device = &loaded.policy.nic.device.value;
    let Opened { card, model, alarm } = Opened::open(device)?;
    let mut console = Console::new(loaded.policy.wire.replay.is_some() && model.is_none());
    let report = Run {
        plan: &plan,
        card,
        device: device.to_string(),
        model,
        alarm,
        sources,
        captures: args.capture_dir.clone(),
        duration: args.duration,
        stop: &stop,
        observer: &mut console,
    }
    .go()?;
    console.clear();
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    terminal::written(summary::print(&report, &mut io::stdout().lock()))
}

/// Opens and checks the policy's replays, each unless an option names its source.
fn open_sources(loaded: &Loaded, args: &RunArgs) -> Result<Sources, Failure> {
    let policy = &loaded.policy;
    let options = &args.replay;
    let model = !matches!(policy.nic.device.value, Device::Pci(_));
    refuse_strangers(policy, options, model)?;
    let chosen = |name: &str| options.iter().rev().find(|option| option.source == name);
    let open = |name: &str, own: Option<&String>| match (chosen(name), own) {
        (Some(option), _) => Replay::open(&option.file).map(Some),
        (None, Some(file)) => Replay::open(&loaded.folder().join(file)).map(Some),
        (None, None) => Ok(None),
    };
    // A real card has a wire of its own.
    let wire = match model {
        true => open("wire", policy.wire.replay.as_ref().map(|at| &at.value))?,
        false => None,
    };
    let partitions = policy
        .partitions
        .iter()
        .map(|partition| open(&partition.name.value, own_replay(partition)?))
        .collect::<Result<_, _>>()?;
    Ok(Sources { wire, partitions, rate: args.rate.map(Into::into) })
}

fn refuse_strangers(policy: &Policy, options: &[ReplayArg], model: bool) -> Result<(), Failure> {
    for option in options {
        let source = option.source.as_str();
        if source == "wire" && !model {
            return Err(Failure::usage(
                "--replay wire= needs a model: a real card has a wire of its own",
                "send the frames from the other end of the cable",
            ));
        }
        if source != "wire" && !policy.partitions.iter().any(|p| p.name.value == source) {
            return Err(Failure::usage(
                format!("--replay names {source}, which is no partition of the policy"),
                "name `wire` or a partition",
            ));
        }
    }
    Ok(())
}

/// What a partition's own `attach` replays.
fn own_replay(partition: &Partition) -> Result<Option<&String>, Failure> {
    let kind = match &partition.attach.value {
        Attach::Pcap { replay } => return Ok(replay.as_ref()),
        Attach::Memif { .. } => "memif",
        Attach::VhostUser { .. } => "vhost-user",
        Attach::Tap { .. } => "tap",
    };
    Err(Failure::usage(
        format!(
            "partition {} attaches by {kind}, which this version cannot do yet",
            partition.name.value
        ),
        "use attach = { kind = \"pcap\" }",
    ))
}

/// A card, and what stands behind it.
struct Opened {
    card: Card,
    model: Option<Model>,
    alarm: Option<Alarm>,
}

impl Opened {
    fn open(device: &Device) -> Result<Self, Failure> {
        match device {
            Device::Pci(address) => {
                let (id, group) = nic::ready(&Bus::system(), *address)?;
                let (card, alarm) = lockgate_drivers::open_pci(id, *address, group)
                    .map_err(|error| Failure::usage_of(&error))?;
                Ok(Self { card, model: None, alarm: Some(alarm) })
            }
            Device::Model82576 => {
                let model = Model::i82576();
                Ok(Self { card: model.card(), model: Some(model), alarm: None })
            }
            Device::Model82574 | Device::Model82599 => Err(Failure::usage(
                format!("{device} cannot be run yet: this version has no driver for it"),
                "use model:82576",
            )),
        }
    }
}

/// A flag that SIGINT and SIGTERM set.
fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::running(format!("cannot catch signals: {error}"), ""))?;
    }
    Ok(stop)
}

/// Tells a person at a terminal how the run gets on; elsewhere one line says that
/// it has begun, for whoever waits to send.
struct Console {
    terminal: bool,
    unused_wire: bool,
    begun: Option<Instant>,
    drawn: bool,
}

impl Console {
    fn new(unused_wire: bool) -> Self {
        Self { terminal: io::stderr().is_terminal(), unused_wire, begun: None, drawn: false }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Observer for Console {
    fn ready(&mut self, device: &str, link: bool) {
        self.begun = Some(Instant::now());
        let mut err = io::stderr();
        if self.unused_wire {
            let _ = writeln!(
                err,
                "lockgate: {device} has a wire of its own: the policy's [wire] replay is for models and stays unused"
            );
        }
        let state = if link { "" } else { ", no link yet" };
        let _ = writeln!(err, "lockgate: running on {device}{state}");
    }

    fn shut(&mut self, partition: &str, reason: &Closed) {
        self.clear();
        let _ = writeln!(io::stderr(), "lockgate: the lane of {partition} was shut: {reason}");
    }

    fn progress(&mut self, stats: &[WorkerStats]) {
        if !self.terminal {
            return;
        }
        let sum = |get: &dyn Fn(&WorkerStats) -> u64| stats.iter().map(get).sum::<u64>();
        let arrived = sum(&|s| s.wire.rx.frames.get());
        let left = sum(&|s| s.wire.tx.frames.get());
        let given = sum(&|s| s.partitions.iter().map(|p| p.rx.frames.get()).sum());
        let seconds = self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{seconds:6.1} s  wire in {arrived}  delivered {given}  wire out {left}"
        );
        self.drawn = true;
    }
}
