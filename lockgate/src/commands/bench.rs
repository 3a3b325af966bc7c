//! `lockgate bench`: how many frames a policy carries on its card, and how fast.
//!
//! One partition sends numbered frames, at most a window of them on their way. They go to
//! another partition by a flow of the policy, or out to the wire to a peer that sends them
//! back: a partition elsewhere that reflects, or on a model the far end of its cable. The
//! policy stays in force, and a way that it does not allow is refused.
//!
//! Not here: sending and counting ([`crate::endpoints::Probe`]), drawing ([`crate::report::chart`]).

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use lockgate_drivers::device::Card;
use lockgate_vmdq::{FrameLimits, Mac, PartitionPlan, Plan, Segment, SendVerdict};
use serde_json::json;

use super::inputs::{real, refuse_taken};
use super::run::Opened;
use super::{LoadedPolicy, load};
use crate::atomic_file::{AtomicFile, cannot_write};
use crate::cli::{BenchArgs, BenchCommand};
use crate::endpoints::{Measured, ProbePlan, Sources};
use crate::error::Failure;
use crate::report::chart::Chart;
use crate::report::summary::{count, duration};
use crate::report::table::{Align, Table};
use crate::supervisor::{Options, Session, StopRequest};

/// Frames before any is counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// EtherType for experiments on a site (IEEE 802, 9.2.4).
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// Who is at the far end of a model's cable.
const MODEL_PEER: Mac = Mac::new([0x02, 0x4c, 0x47, 0xff, 0xff, 0xfe]);

/// Measures, and says what was measured.
///
/// # Errors
/// A usage failure when the policy does not let the frames pass; a running failure when
/// none arrived.
pub fn bench(command: &BenchCommand) -> Result<String, Failure> {
    let (args, window) = match command {
        BenchCommand::Throughput { common, window } => (common, u64::from(*window)),
        BenchCommand::Latency { common } => (common, 1),
    };
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    let model = loaded.is_for_model();
    let way = Way::find(&loaded, &plan, args, model)?;
    let outputs = || args.plot.iter().chain(&args.report);
    let mut taken = vec![real(args.policy.clone())];
    refuse_taken(
        outputs().cloned(),
        &mut taken,
        "choose another --plot or --report",
    )?;
    outputs().try_for_each(|file| AtomicFile::check_target(file))?;
    let probe = way.probe(args, window);
    let stop = StopRequest::on_signals()?;
    let Opened {
        card,
        model: behind,
        alarm,
    } = Opened::open(loaded.device())?;
    let options = Options {
        device: loaded.device().to_string(),
        model: behind,
        alarm,
        sources: Sources {
            probe: Some(probe),
            peer: way.peer,
            ..Sources::default()
        },
        captures: None,
        duration: Some(WARM_UP + args.duration),
        stop,
    };
    let device = options.device.clone();
    let measured = measure(plan, card, options, &way)?;
    let outcome = Outcome {
        device: &device,
        model,
        way,
        args,
        window,
        measured: &measured,
    };
    if let Some(file) = &args.plot {
        write(file, &outcome.chart(command).svg())?;
    }
    if let Some(file) = &args.report {
        write(file, &format!("{:#}\n", outcome.json(command)))?;
    }
    Ok(outcome.text())
}

/// Runs the session to its end; what it measured.
fn measure(plan: Plan, card: Card, options: Options, way: &Way) -> Result<Measured, Failure> {
    let outcome = Session::start(Arc::new(plan), card, options)?.wait()?;
    // What does not add up is not measured.
    outcome.report()?;
    let measured = outcome.snapshot.measured;
    measured
        .filter(|measured| measured.received > 0)
        .ok_or_else(|| {
            Failure::running(
                format!("of the frames {} none arrived", way.words),
                "check the cable, and that the peer reflects on the same VLAN",
            )
        })
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes())
        .map_err(|error| cannot_write(path, &error))?;
    file.persist()
}

/// The way of the frames.
struct Way {
    from: usize,
    to: usize,
    peer: Option<Mac>,
    frame: Vec<u8>,
    /// What arrives begins like this.
    answer: Vec<u8>,
    marks_at: usize,
    words: String,
}

impl Way {
    fn find(
        loaded: &LoadedPolicy,
        plan: &Plan,
        args: &BenchArgs,
        model: bool,
    ) -> Result<Self, Failure> {
        let named = |name: &Option<String>| name.as_deref().map(|name| find(plan, name));
        let from = named(&args.from).transpose()?;
        let sends = |p: &&PartitionPlan| !p.reflects() && !p.macs.is_empty();
        let (from, sender) = match from {
            Some(from) => from,
            None => plan
                .partitions()
                .iter()
                .enumerate()
                .find(|(_, p)| sends(p))
                .ok_or_else(|| {
                    usage(
                        "no partition of the policy has an address to send from",
                        "add `macs`",
                    )
                })?,
        };
        let Some(own) = sender.macs.first() else {
            let what = format!("partition {} has no address to send from", sender.name);
            return Err(usage(what, "add `macs` to it, or name another by --from"));
        };
        let longest = plan.limits().longest_untagged();
        if !(FrameLimits::SHORTEST..=longest).contains(&args.size) {
            let what = format!("--size {} is no size of a frame here", args.size);
            return Err(usage(
                what,
                format!("name one from 60 to {longest}, or raise nic.mtu"),
            ));
        }
        match named(&args.to).transpose()? {
            Some((to, receiver)) => by_flow(plan, args.size, (from, sender, *own), (to, receiver)),
            None => by_wire(loaded, plan, args, model, (from, sender, *own)),
        }
    }

    fn probe(&self, args: &BenchArgs, window: u64) -> ProbePlan {
        ProbePlan {
            from: self.from,
            to: self.to,
            frame: self.frame.clone(),
            marks_at: self.marks_at,
            answer: self.answer.clone(),
            window,
            warm_up_ns: nanos(WARM_UP),
            duration_ns: nanos(args.duration),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn usage(what: impl Into<String>, help: impl Into<String>) -> Failure {
    Failure::usage(what.into(), help.into())
}

/// The partition of that name, if it has a lane.
fn find<'p>(plan: &'p Plan, name: &str) -> Result<(usize, &'p PartitionPlan), Failure> {
    let found = plan
        .partitions()
        .iter()
        .enumerate()
        .find(|(_, p)| p.name == name);
    let (at, partition) = found.ok_or_else(|| {
        let what = format!("the policy has no partition {name}");
        usage(what, "`lockgate check` lists those it has")
    })?;
    if partition.reflects() {
        let what = format!("partition {name} reflects and has nobody to send or count frames");
        return Err(usage(
            what,
            "name another, or measure from the other end of its cable",
        ));
    }
    Ok((at, partition))
}

/// A frame without marks, and where they go.
fn frame(dst: Mac, src: Mac, segment: Segment, size: usize) -> (Vec<u8>, usize) {
    let mut frame = [dst.octets(), src.octets()].concat();
    let tagged = segment != Segment::UNTAGGED;
    if tagged {
        frame.extend([0x81, 0]);
        frame.extend(segment.vid().to_be_bytes());
    }
    frame.extend(ETHERTYPE);
    let marks_at = frame.len();
    // A tag makes a frame longer than its size says, as on the wire.
    let longer = if tagged && size > 60 { 4 } else { 0 };
    frame.resize((size + longer).max(ProbePlan::shortest(marks_at)), 0x5a);
    (frame, marks_at)
}

type Sender<'p> = (usize, &'p PartitionPlan, Mac);

fn by_flow(
    plan: &Plan,
    size: usize,
    (from, sender, own): Sender<'_>,
    (to, receiver): (usize, &PartitionPlan),
) -> Result<Way, Failure> {
    for (segment, dst) in pairs(&sender.vlans, &receiver.macs) {
        let (frame, marks_at) = frame(dst, own, segment, size);
        let verdict = plan.from_partition(sender.id, &frame, frame.len());
        if matches!(verdict, SendVerdict::Send { to: takers, .. } if takers.contains(receiver.id)) {
            let answer = frame.get(..marks_at).unwrap_or_default().to_vec();
            let words = format!("{} -> {} by a flow", sender.name, receiver.name);
            return Ok(Way {
                from,
                to,
                peer: None,
                frame,
                answer,
                marks_at,
                words,
            });
        }
    }
    let (from, to) = (&sender.name, &receiver.name);
    Err(usage(
        format!("the policy lets no frame pass from {from} to {to}"),
        format!(
            "add a [[flow]] from \"{from}\" to \"{to}\" on a VLAN of both, or go by the wire without --to"
        ),
    ))
}

fn by_wire(
    loaded: &LoadedPolicy,
    plan: &Plan,
    args: &BenchArgs,
    model: bool,
    (from, sender, own): Sender<'_>,
) -> Result<Way, Failure> {
    let peer = match args.peer {
        Some(peer) => peer,
        None if model => MODEL_PEER,
        None => {
            let what = format!("nobody is named who sends back what {} sends", sender.name);
            let device = loaded.device();
            let help = "name the peer by --peer MAC: a partition elsewhere that reflects; or name \
                        a partition by --to";
            return Err(usage(format!("{what} over {device}"), help));
        }
    };
    for (segment, _) in pairs(&sender.vlans, &[peer]) {
        let (frame, marks_at) = frame(peer, own, segment, args.size);
        let mut answer = frame.clone();
        if let Some(addresses) = answer.get_mut(..12) {
            addresses.rotate_left(6);
        }
        let verdict = plan.from_partition(sender.id, &frame, frame.len());
        let leaves = matches!(verdict, SendVerdict::Send { wire: true, .. });
        if leaves && plan.accepts(sender.id, &answer, answer.len()) {
            answer.truncate(marks_at);
            let words = format!("{} -> wire -> {peer} and back", sender.name);
            return Ok(Way {
                from,
                to: from,
                peer: Some(peer),
                frame,
                answer,
                marks_at,
                words,
            });
        }
    }
    Err(usage(
        format!(
            "the policy lets no frame of {} out to {peer} and back",
            sender.name
        ),
        "set its `wire` to \"both\", or name a partition by --to",
    ))
}

fn pairs(vlans: &[Segment], macs: &[Mac]) -> impl Iterator<Item = (Segment, Mac)> {
    vlans
        .iter()
        .flat_map(move |segment| macs.iter().map(move |mac| (*segment, *mac)))
}

/// All there is to tell.
struct Outcome<'a> {
    device: &'a str,
    model: bool,
    way: Way,
    args: &'a BenchArgs,
    window: u64,
    measured: &'a Measured,
}

const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("max", 1.0),
];

impl Outcome<'_> {
    fn note(&self) -> String {
        let Self {
            device,
            args,
            window,
            ..
        } = self;
        let speed = if self.model {
            ", which is not the speed of a card"
        } else {
            ""
        };
        format!("{device}{speed}; {} bytes, {window} in flight", args.size)
    }

    /// Bits per second of frames, check sequence and gaps not counted.
    fn bits(&self) -> f64 {
        self.measured.rate() * 8.0 * self.way.frame.len() as f64
    }

    fn text(&self) -> String {
        let Self { way, measured, .. } = self;
        let model = if self.model { "model " } else { "" };
        let mut text = format!("{}\n{}\n\n", way.words, self.note());
        let mut table = Table::new(&[("", Align::Left), ("", Align::Right)]);
        let mut row = |what: &str, value: String| table.row([format!("{model}{what}"), value]);
        row("frames/s", count(measured.rate() as u64));
        row("Mbit/s", format!("{:.1}", self.bits() / 1e6));
        row("frames", count(measured.received));
        row("lost", count(measured.lost));
        for (name, share) in PERCENTILES {
            let time = measured.latency.value_at_quantile(share);
            row(&format!("latency {name}"), duration(time));
        }
        for line in table.lines().iter().filter(|line| !line.trim().is_empty()) {
            text += line;
            text.push('\n');
        }
        text
    }

    fn chart(&self, command: &BenchCommand) -> Chart {
        let model = if self.model { "Model: " } else { "" };
        let Measured { latency, steps, .. } = self.measured;
        let (what, chart) = match command {
            BenchCommand::Throughput { .. } => (
                "frames per second",
                Chart::of_rates(steps, self.args.duration.as_secs_f64()),
            ),
            BenchCommand::Latency { .. } => ("latency", Chart::of_latency(latency)),
        };
        let title = format!("{model}{what}, {}", self.way.words);
        Chart {
            title,
            note: self.note(),
            ..chart
        }
    }

    fn json(&self, command: &BenchCommand) -> serde_json::Value {
        let measured = self.measured;
        let what = match command {
            BenchCommand::Throughput { .. } => "throughput",
            BenchCommand::Latency { .. } => "latency",
        };
        let latency = PERCENTILES.map(|(name, share)| {
            (
                name.replace('.', ""),
                json!(measured.latency.value_at_quantile(share)),
            )
        });
        json!({
            "schema": 1,
            "bench": what,
            "device": self.device,
            "model": self.model,
            "way": self.way.words,
            "frame_bytes": self.way.frame.len(),
            "window": self.window,
            "duration_s": self.args.duration.as_secs_f64(),
            "frames": measured.received,
            "lost": measured.lost,
            "frames_per_s": measured.rate(),
            "bits_per_s": self.bits(),
            "latency_ns": latency.into_iter().collect::<serde_json::Map<_, _>>(),
        })
    }
}
