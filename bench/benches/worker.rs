//! The worker and the driver alone, on cards of plain memory: prints a section.
//!
//! Instructions are counted by callgrind, in this program run by itself: twice, the second
//! time with twice the frames, and what is more is what the frames cost.

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use lockgate_bench::ffi::cycles;
use lockgate_bench::machine::{pin, two_cores};
use lockgate_bench::path::{BURST, Scene, Stage, Subject, Way};
use lockgate_bench::samples::Spread;
use lockgate_bench::traffic::Traffic;
use lockgate_tests::subject::Kind;

const TEXT: &str = "\
Frames of 60 bytes unless the table says otherwise, in bursts of 32 by each queue and each \
lane, one queue to a partition where the table does not say more. The card is plain memory: a \
doorbell is a store, descriptors are written back by the program itself (instructions) or by \
another core at full speed (cycles), and frames are in the receive buffers from the beginning. \
Everything that a worker does is included: polling, the policy, the copy, counters, the clock. \
*wire → lane*, *lane → wire* and *lane → lane* are the worker; *receive* and *send* are the \
driver's share: descriptors, buffers, doorbells, without a look at a frame. *uneven*: no frame \
is as long as the one before. *64 stations*: no frame is to or from the station of the frame \
before. *iMIX*: seven frames of 60 bytes to four of 594 and one of 1514, 64 stations. *alone*: \
each queue, or each lane, hands over one frame. *there and back*: so, and a partition sends it \
back in the same round. *captured*: the policy and the captures of `examples/mils.toml` with \
their lengths and in their order, five partitions of which one has two queues; *lane → wire* is \
then all that the partitions send, what is refused and what goes to another partition included. \
Where the worker hashes (several queues to a partition, and no hash of the card's) instructions \
are those of the tables: callgrind knows no AVX-512.
";

/// Whose frames are not counted, and how many are, for each queue or lane.
const FRAMES: usize = 20_480;
/// Frames of one measurement in cycles unless they are long, and measurements.
const TIMED: usize = 2_000_000;
const TURNS: usize = 9;
/// What tells this program to move some frames and end.
const COUNT: &str = "--count";

/// With so many partitions of so many queues.
type Card = (&'static str, Kind, [(usize, usize); 4]);
const CARDS: [Card; 3] = [
    ("82574", Kind::Model82574, [(1, 1), (2, 1), (8, 1), (1, 2)]),
    ("82576", Kind::Model82576, [(1, 1), (2, 1), (8, 1), (8, 2)]),
    (
        "82599",
        Kind::Model82599,
        [(1, 1), (8, 1), (64, 1), (64, 2)],
    ),
];

/// A row: what it is called, and what of the scene is its own.
struct Row {
    title: &'static str,
    way: Way,
    traffic: Traffic,
    burst: usize,
    /// The driver without the worker.
    bare: bool,
}

/// A row of bursts through the worker.
const fn row(title: &'static str, way: Way, traffic: Traffic) -> Row {
    Row {
        title,
        way,
        traffic,
        burst: BURST,
        bare: false,
    }
}

/// A row of frames that come alone.
const fn alone(title: &'static str, way: Way) -> Row {
    Row {
        burst: 1,
        ..row(title, way, Traffic::Uniform)
    }
}

/// A row of the driver alone.
const fn bare(title: &'static str, way: Way) -> Row {
    Row {
        bare: true,
        ..row(title, way, Traffic::Uniform)
    }
}

use Traffic::{Captured, Imix, Stations, Uneven, Uniform};
use Way::{LaneToLane, LaneToWire, ThereAndBack, WireToLane};

const ROWS: [Row; 20] = [
    row("wire → lane", WireToLane, Uniform),
    row("wire → lane, uneven", WireToLane, Uneven),
    row("wire → lane, 64 stations", WireToLane, Stations),
    row("wire → lane, iMIX", WireToLane, Imix),
    row("wire → lane, captured", WireToLane, Captured),
    alone("wire → lane, alone", WireToLane),
    row("lane → wire", LaneToWire, Uniform),
    row("lane → wire, uneven", LaneToWire, Uneven),
    row("lane → wire, 64 stations", LaneToWire, Stations),
    row("lane → wire, iMIX", LaneToWire, Imix),
    row("lane → wire, captured", LaneToWire, Captured),
    alone("lane → wire, alone", LaneToWire),
    row("lane → lane", LaneToLane, Uniform),
    row("lane → lane, uneven", LaneToLane, Uneven),
    row("lane → lane, iMIX", LaneToLane, Imix),
    row("lane → lane, captured", LaneToLane, Captured),
    alone("lane → lane, alone", LaneToLane),
    alone("there and back, alone", ThereAndBack),
    bare("receive", WireToLane),
    bare("send", LaneToWire),
];
const SIZES: [usize; 9] = [60, 64, 128, 256, 512, 1024, 1514, 4096, 9014];
/// What a table measures that does not say otherwise.
const SCENE: Scene = Scene {
    kind: Kind::Model82576,
    way: Way::WireToLane,
    traffic: Uniform,
    burst: BURST,
    partitions: 1,
    queues: 1,
    bytes: 60,
    bare: false,
    flood: false,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [count, numbers @ ..] = &arguments[..]
        && count == COUNT
    {
        move_frames(
            &numbers
                .iter()
                .map(|n| n.parse().expect("a number"))
                .collect::<Vec<_>>(),
        );
        return;
    }
    println!("## Driver and worker\n\n{TEXT}");
    let cores = two_cores();
    println!("### Instructions per frame\n");
    table(|scene| counted(scene).map(|count| format!("{count:.1}")));
    println!("### Cycles of the time-stamp counter per frame, the card on another core\n");
    table(|scene| timed(scene, cores?).map(|spread| spread.to_string()));
    println!("### By size, 82576, one partition\n");
    println!("| bytes | wire → lane, instructions | cycles | lane → wire, instructions | cycles |");
    println!("|--:|--:|--:|--:|--:|");
    for bytes in SIZES {
        let cells = [Way::WireToLane, Way::LaneToWire].map(|way| {
            let scene = Scene {
                way,
                bytes,
                ..SCENE
            };
            let count = counted(scene).map(|count| format!("{count:.1}"));
            let time = cores
                .and_then(|cores| timed(scene, cores))
                .map(|time| time.to_string());
            format!("{} | {}", cell(count), cell(time))
        });
        println!("| {bytes} | {} |", cells.join(" | "));
    }
    println!();
    flooded();
}

/// What the others get beside a pool that is flooded.
fn flooded() {
    const ROUNDS: u64 = 10_000;
    let scene = Scene {
        partitions: 8,
        flood: true,
        ..SCENE
    };
    let mut stage = Stage::new(scene);
    for _ in 0..ROUNDS {
        stage.far.step();
        stage.subject.pass();
    }
    let frames = stage.delivered();
    let rate = |frames: &u64| format!("{:.1}", *frames as f64 / ROUNDS as f64);
    println!("### One flooded pool of eight, 82576\n");
    println!("Frames delivered in a round of the worker. Seven pools are offered 32 in each.\n");
    println!("| the flooded one | each of the others |\n|--:|--:|");
    let others: Vec<String> = frames[1..].iter().map(rate).collect();
    println!("| {} | {} |\n", rate(&frames[0]), others.join(", "));
}

fn cell(text: Option<String>) -> String {
    text.unwrap_or_else(|| "missing".into())
}

/// A row for each card and way, a column for each number of partitions.
fn table(measure: impl Fn(Scene) -> Option<String>) {
    for (name, kind, columns) in CARDS {
        let title = |(partitions, queues)| match queues {
            1 => format!("{partitions}"),
            _ => format!("{partitions}, {queues} queues each"),
        };
        println!(
            "| {name}, partitions: | {} |",
            columns.map(title).join(" | ")
        );
        println!("|---|{}", "--:|".repeat(columns.len()));
        for row in &ROWS {
            let cells = columns.map(|column| {
                let scene = row.scene(kind, column);
                if row.is_for(column, columns[0]) {
                    cell(measure(scene))
                } else {
                    "–".to_owned()
                }
            });
            println!("| {} | {} |", row.title, cells.join(" | "));
        }
        println!();
    }
}

impl Row {
    /// What it measures with so many partitions of so many queues.
    fn scene(&self, kind: Kind, (partitions, queues): (usize, usize)) -> Scene {
        Scene {
            kind,
            way: self.way,
            traffic: self.traffic,
            burst: self.burst,
            partitions,
            queues,
            bare: self.bare,
            ..SCENE
        }
    }

    /// Whether there is anything to measure: captured traffic has partitions of its own, and
    /// is in the column that comes `first`; a partition alone has nobody to talk to.
    fn is_for(&self, column: (usize, usize), first: (usize, usize)) -> bool {
        match (self.traffic, self.way) {
            (Captured, _) => column == first,
            (_, LaneToLane) => column.0 > 1,
            _ => true,
        }
    }
}

/// Instructions per frame; `None` without valgrind.
fn counted(scene: Scene) -> Option<f64> {
    let frames = FRAMES * scene.partitions.min(8);
    let [(once, first), (twice, second)] = [count(scene, frames)?, count(scene, 2 * frames)?];
    Some((second - first) as f64 / (twice - once) as f64)
}

/// Frames that moved, and instructions that the measured function had executed by then.
fn count(scene: Scene, frames: usize) -> Option<(u64, u64)> {
    let card = CARDS.iter().position(|card| card.1 == scene.kind)?;
    let row = ROWS.iter().position(|row| {
        (row.way, row.traffic, row.burst, row.bare)
            == (scene.way, scene.traffic, scene.burst, scene.bare)
    })?;
    let numbers = [
        card,
        row,
        scene.partitions,
        scene.queues,
        scene.bytes,
        frames,
    ];
    let program = env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*measured*",
        ])
        .arg(program)
        .arg(COUNT)
        .args(numbers.map(|number| number.to_string()))
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))?
        .1;
    let moved = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .ok()?;
    Some((moved, collected.trim().parse().ok()?))
}

/// What the process under callgrind does.
fn move_frames(numbers: &[usize]) {
    let &[card, row, partitions, queues, bytes, frames] = numbers else {
        panic!("six numbers");
    };
    let scene = Scene {
        bytes,
        ..ROWS[row].scene(CARDS[card].1, (partitions, queues))
    };
    let mut stage = Stage::new(scene);
    let mut moved = 0;
    while moved < frames {
        stage.far.step();
        moved += measured(&mut stage.subject);
    }
    println!("{moved}");
}

/// What callgrind counts.
#[inline(never)]
fn measured(subject: &mut Subject) -> usize {
    subject.pass()
}

/// Cycles per frame over rounds that moved any; `None` without a counter of cycles.
fn timed(scene: Scene, cores: [usize; 2]) -> Option<Spread> {
    cycles()?;
    let samples: Vec<f64> = (0..TURNS).map(|_| turn(scene, cores)).collect();
    Spread::of(&samples)
}

fn turn(scene: Scene, [own, other]: [usize; 2]) -> f64 {
    let Stage {
        mut subject,
        mut far,
        ..
    } = Stage::new(scene);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(other);
            while !over.load(Relaxed) {
                far.step();
            }
        });
        pin(own);
        let (mut moved, mut spent) = (0, 0);
        while moved < TIMED / scene.bytes.div_ceil(1514) {
            let begun = cycles().unwrap_or(0);
            let count = measured(&mut subject);
            if count > 0 {
                spent += cycles().unwrap_or(0) - begun;
                moved += count;
            }
        }
        over.store(true, Relaxed);
        spent as f64 / moved as f64
    })
}
