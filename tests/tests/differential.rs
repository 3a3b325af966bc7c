//! QEMU's 82576 and the model side by side: random programs, random frames, the same
//! outcome.
//!
//! `LOCKGATE_SEED=random cargo test -p lockgate-tests --test differential` tries what
//! nobody has tried; with the number that it prints it does so again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockgate_tests::captures;
use lockgate_tests::differential::{Device, Program, frames, known, shrink};
use lockgate_tests::random::Random;
use lockgate_tests::subject::{Kind, frame, station};
use lockgate_tests::validation::case;

const SUITE: &str = "differential";
const DEVICES: &str = "QEMU igb against model 82576";

/// Frames of one program, and at a time: no ring may run full, or QEMU and a real card
/// differ in what they lose.
const FRAMES: usize = 240;
const BATCH: usize = 12;

/// Programs in one run: 100,000 frames and some.
const PROGRAMS: usize = 500;

/// The frames of all captures that a card can hold.
fn captured() -> Vec<Vec<u8>> {
    let all = captures::collection()
        .into_iter()
        .flat_map(|path| captures::frames(&path));
    all.filter(|frame| (14..9_000).contains(&frame.len()))
        .collect()
}

/// The first difference between the two devices, in words.
fn difference(
    [qemu, model]: &mut [Device; 2],
    program: &Program,
    frames: &[Vec<u8>],
) -> Option<String> {
    qemu.load(program);
    model.load(program);
    for (n, batch) in frames.chunks(BATCH).enumerate() {
        let [left, right] = [qemu.receive(batch), model.receive(batch)];
        if left != right {
            let mut text = format!("in batch {n}");
            for queue in 0..16 {
                let [left, right] = [left.get(&queue), right.get(&queue)];
                if left != right {
                    let short = |seen: Option<&Vec<_>>| {
                        let each = |(d, bytes): &(_, Vec<u8>)| {
                            format!("{d:?} {:02x?}", &bytes[..bytes.len().min(18)])
                        };
                        seen.map_or(Vec::new(), |seen| seen.iter().map(each).collect::<Vec<_>>())
                    };
                    text += &format!("\n queue {queue}\n  QEMU  {:#?}", short(left));
                    text += &format!("\n  model {:#?}", short(right));
                }
            }
            return Some(text);
        }
    }
    let [left, right] = [qemu, model].map(|device| device.take_counters(program));
    let apart = left
        .iter()
        .zip(&right)
        .filter(|(left, right)| left != right);
    let apart: Vec<_> = apart
        .map(|(l, r)| format!("{}: QEMU {}, model {}", l.0, l.1, r.1))
        .collect();
    (!apart.is_empty()).then(|| format!("counters: {}", apart.join("; ")))
}

fn devices() -> [Device; 2] {
    [Device::new(Kind::QemuIgb), Device::new(Kind::Model82576)]
}

#[test]
fn receive_does_the_same_on_both() {
    case(
        SUITE,
        "receive: pool, queue, status, length, hash, counters",
        DEVICES,
        || {
            let seed = Random::seed("LOCKGATE_SEED");
            println!("LOCKGATE_SEED={seed}");
            let captured = captured();
            let mut random = Random::new(seed);
            let mut devices = devices();
            let mut compared = 0;
            for n in 0..PROGRAMS {
                let program = Program::random(&mut random);
                let mut sent = frames(&mut random, &captured, FRAMES);
                sent.retain(|frame| !known::is_avoided(&program, frame));
                compared += sent.len();
                if let Some(first) = difference(&mut devices, &program, &sent) {
                    let differs = |program: &Program, frames: &[Vec<u8>]| {
                        let tried = || difference(&mut devices, program, frames).is_some();
                        catch_unwind(AssertUnwindSafe(tried)).unwrap_or(false)
                    };
                    let (program, sent) = shrink(program, sent, differs);
                    let again = difference(&mut devices, &program, &sent).unwrap_or(first);
                    let heads: Vec<_> = sent
                        .iter()
                        .map(|f| format!("{} bytes {:02x?}", f.len(), &f[..f.len().min(64)]))
                        .collect();
                    panic!("LOCKGATE_SEED={seed}, program {n}: {again}\n{program:x?}\n{heads:#?}");
                }
            }
            println!("{compared} frames compared");
            assert!(compared >= 100_000, "{compared} frames are too few");
        },
    );
}

#[test]
fn transmit_does_the_same_on_both() {
    case(
        SUITE,
        "transmit: what leaves, whole and in pieces, with tags",
        DEVICES,
        || {
            let seed = Random::seed("LOCKGATE_SEED");
            println!("LOCKGATE_SEED={seed}");
            let mut random = Random::new(seed);
            let [mut qemu, mut model] = devices();
            for n in 0..150 {
                let program = Program::random(&mut random);
                qemu.load(&program);
                model.load(&program);
                let sent = (0..6).map(|n| {
                    let bytes = random.among(&[60, 61, 64, 100, 1000, 1514, 4000]);
                    let tci = [None, Some(10), Some(0x6014)][n % 3];
                    frame(station(9), 1 + n as u8, tci, bytes)
                });
                let sent: Vec<_> = sent.collect();
                let (queue, pieces) = (random.below(16) as u32, 1 + random.below(4) as usize);
                let left = qemu.transmit(queue, &sent, pieces);
                let right = model.transmit(queue, &sent, pieces);
                assert!(
                    left == right,
                    "LOCKGATE_SEED={seed}, program {n}, queue {queue}, {pieces} pieces: QEMU let {} \
                 frames go, the model {}\n{program:x?}",
                    left.len(),
                    right.len()
                );
            }
        },
    );
}
