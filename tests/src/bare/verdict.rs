//! Driving the image frame by frame, and what the oracle says to what comes of each.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::image::{Bare, Ended};
use super::script::{A, B, Origin, Step};
use crate::emulator::Error;
use crate::oracle::{Fate, Scene, padded};

/// As in `examples/bare/src/endpoint.rs`, which documents them.
const COMMAND: u16 = 0x88b5;
const SHOWN: u16 = 0x88b6;
const OBSERVER: [u8; 6] = [0x02, 0x4c, 0x47, 0xff, 0xff, 0xff];

/// What marks the frame that tells that the frames before it are done with.
const MARK: u16 = 0x88b7;

/// A frame goes through two partitions at most. Each pass of the worker that a mark needs
/// carries what was there before one step further.
const MARKS: u16 = 3;

const DRIVER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];

/// One frame, and what came of it.
#[derive(Debug)]
pub struct Row {
    /// Who sent it.
    pub from: String,
    /// What it tried.
    pub name: String,
    /// What the oracle says.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether it is the same, byte for byte.
    pub agrees: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            name,
            expected,
            seen,
            agrees,
        } = self;
        let verdict = if *agrees { "ok" } else { "WRONG" };
        write!(
            f,
            "{from:<5} {name:<30} {expected:<24} {seen:<24} {verdict}"
        )
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// One for each frame, then the counters.
    pub rows: Vec<Row>,
    /// How the image ended.
    pub ended: Ended,
}

/// What a run should have counted.
#[derive(Debug, Default)]
struct Totals {
    /// By partition.
    received: Vec<u64>,
    sent: Vec<u64>,
    refused: Vec<BTreeMap<String, u64>>,
    left: u64,
}

/// What the oracle says, over a whole run.
struct Judge<'s> {
    scene: &'s Scene,
    totals: Totals,
    /// What leaves because of the present frame.
    departures: Vec<Vec<u8>>,
    /// What becomes of it, in words.
    fate: Option<String>,
}

impl<'s> Judge<'s> {
    fn new(scene: &'s Scene) -> Self {
        let partitions = scene.tenants.len();
        Self {
            scene,
            totals: Totals {
                received: vec![0; partitions],
                sent: vec![0; partitions],
                refused: vec![BTreeMap::new(); partitions],
                left: 0,
            },
            departures: Vec::new(),
            fate: None,
        }
    }

    /// What leaves because of `step`, and its fate in words.
    fn judge(&mut self, step: &Step) -> (Vec<Vec<u8>>, String) {
        self.fate = None;
        match step.from {
            Origin::Wire => {
                let fate = self.scene.from_wire(&step.frame);
                self.fate = Some(words(self.scene, &fate));
                self.deliver(&fate, &step.frame);
            }
            Origin::Partition(p) => self.command(p, &step.frame),
        }
        let departures = std::mem::take(&mut self.departures);
        (departures, self.fate.take().unwrap_or_default())
    }

    /// Partition `p` gets the command to send `frame`.
    fn command(&mut self, p: usize, frame: &[u8]) {
        self.totals.received[p] += 1;
        self.send(p, frame);
    }

    fn send(&mut self, p: usize, frame: &[u8]) {
        let fate = self.scene.from_tenant(p, frame);
        self.fate.get_or_insert_with(|| words(self.scene, &fate));
        match &fate {
            Fate::Dropped(reason) => {
                let refused = &mut self.totals.refused[p];
                *refused.entry((*reason).into()).or_default() += 1;
            }
            Fate::Goes { wire, .. } => {
                self.totals.sent[p] += 1;
                if *wire {
                    self.totals.left += 1;
                    self.departures.push(padded(frame));
                }
                self.deliver(&fate, frame);
            }
        }
    }

    fn deliver(&mut self, fate: &Fate, frame: &[u8]) {
        let Fate::Goes { to, .. } = fate else {
            return;
        };
        for &p in to {
            self.totals.received[p] += 1;
            let shown = shown(self.scene, p, &padded(frame));
            self.send(p, &shown);
        }
    }
}

/// A frame's fate in words.
fn words(scene: &Scene, fate: &Fate) -> String {
    match fate {
        Fate::Dropped(reason) => (*reason).to_owned(),
        Fate::Goes { to, wire } => {
            let names = to.iter().map(|&p| scene.tenants[p].name.as_str());
            let wire = wire.then_some("wire");
            names.chain(wire).collect::<Vec<_>>().join(", ")
        }
    }
}

/// What partition `p` shows of a frame that it got.
fn shown(scene: &Scene, p: usize, frame: &[u8]) -> Vec<u8> {
    let own = scene.tenants[p].macs[0];
    let tag = match frame[12..14] == [0x81, 0x00] {
        true => &frame[12..16],
        false => &[],
    };
    let kind = SHOWN.to_be_bytes();
    let length = (frame.len() as u16).to_be_bytes();
    let mut shown = [&OBSERVER, &own, tag, &kind, &length, frame].concat();
    shown.truncate(scene.mtu + 14 + tag.len());
    shown
}

/// The frame that makes partition `p` send `frame`: a on its untagged segment, b on VLAN 20.
fn command(p: usize, frame: &[u8]) -> Vec<u8> {
    let length = (frame.len() as u16).to_be_bytes();
    let kind = COMMAND.to_be_bytes();
    match p {
        0 => [&A, &DRIVER[..], &kind, &length, frame].concat(),
        _ => {
            let tag = [0x81, 0x00, 0, 20];
            [&B, &DRIVER[..], &tag, &kind, &length, frame].concat()
        }
    }
}

/// What partition 0 is made to send so that it is seen here.
fn mark(number: u16) -> Vec<u8> {
    let [kind, number] = [MARK, number].map(u16::to_be_bytes);
    padded(&[&OBSERVER[..], &A, &kind, &number].concat())
}

/// Tries every step on a running image, ends it, and says how each went and whether the
/// counters agree.
///
/// # Errors
/// When the image ends or stops answering.
pub fn drive(bare: Bare, scene: &Scene, steps: &[Step]) -> Result<Outcome, Error> {
    let mut judge = Judge::new(scene);
    let mut rows = Vec::new();
    for step in steps {
        let (mut expected, fate) = judge.judge(step);
        let mut seen = attempt(&bare, step, &mut judge)?;
        expected.sort();
        seen.sort();
        rows.push(Row {
            from: match step.from {
                Origin::Wire => "wire".into(),
                Origin::Partition(p) => scene.tenants[p].name.clone(),
            },
            name: step.name.into(),
            expected: fate,
            seen: describe(scene, step, &seen),
            agrees: seen == expected,
        });
    }
    let ended = bare.quit()?;
    let report = ended.report.clone().unwrap_or_default();
    rows.extend(compare_counters(scene, &judge.totals, &report));
    Ok(Outcome { rows, ended })
}

/// What left because of `step`.
fn attempt(bare: &Bare, step: &Step, judge: &mut Judge<'_>) -> Result<Vec<Vec<u8>>, Error> {
    match step.from {
        Origin::Wire => bare.send(&step.frame)?,
        Origin::Partition(p) => bare.send(&command(p, &step.frame))?,
    }
    let mut seen = Vec::new();
    for number in 0..MARKS {
        let mark = mark(number);
        judge.command(0, &mark);
        judge.departures.clear();
        bare.send(&command(0, &mark))?;
        loop {
            let frame = bare.receive()?;
            if frame == mark {
                break;
            }
            seen.push(frame);
        }
    }
    Ok(seen)
}

/// What was seen, in the words of [`words`]: who showed the frame, and whether it left.
fn describe(scene: &Scene, step: &Step, seen: &[Vec<u8>]) -> String {
    let mut words = Vec::new();
    for frame in seen {
        let shows = scene.tenants.iter().enumerate().find(|(p, tenant)| {
            frame[6..12] == tenant.macs[0] && *frame == shown(scene, *p, &padded(&step.frame))
        });
        words.push(match shows {
            Some((_, tenant)) => tenant.name.as_str(),
            None if *frame == padded(&step.frame) => "wire",
            None => "another frame",
        });
    }
    words.sort_unstable();
    match words.is_empty() {
        true => "nothing".into(),
        false => words.join(", "),
    }
}

/// A row for each partition, and one for the wire.
fn compare_counters(scene: &Scene, totals: &Totals, report: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for (p, tenant) in scene.tenants.iter().enumerate() {
        let figures = &report["partitions"][&tenant.name];
        let refused: BTreeMap<String, u64> =
            serde_json::from_value(figures["drops"].clone()).unwrap_or_default();
        let expected = (totals.received[p], totals.sent[p], &totals.refused[p]);
        let seen = (
            figures["rx_frames"].as_u64().unwrap_or_default(),
            figures["tx_frames"].as_u64().unwrap_or_default(),
            &refused,
        );
        let count = |map: &BTreeMap<_, u64>| map.values().sum::<u64>();
        let words = |(rx, tx, drops): (u64, u64, &BTreeMap<_, _>)| {
            format!("{rx} in, {tx} out, {} not", count(drops))
        };
        rows.push(Row {
            from: tenant.name.clone(),
            name: "its counters".into(),
            expected: words(expected),
            seen: words(seen),
            agrees: seen == expected,
        });
    }
    let left = report["wire"]["tx_frames"].as_u64().unwrap_or_default();
    rows.push(Row {
        from: "wire".into(),
        name: "frames that left".into(),
        expected: totals.left.to_string(),
        seen: left.to_string(),
        agrees: left == totals.left,
    });
    rows
}
