//! Tests that nothing a driver writes or a frame contains upsets the card.
//!
//! Random, from fixed seeds: legal rings in the middle of illegal everything.

use std::time::Duration;

use lockgate_drivers::device::{Bar, Function};
use lockgate_regs::ixgbe::BAR_BYTES;

use super::rig::Rig;
use crate::abuse::{Random, frame};

/// Queues with rings.
const QUEUES: [u32; 8] = [0, 1, 2, 3, 4, 63, 64, 127];

/// A rig in which most things are on, so that random values meet something.
fn busy(random: &mut Random) -> Rig {
    let mode = [0, 1, 8, 0xA, 0xB][random.below(5) as usize];
    let mut rig = Rig::with_pools(mode | 0x00FF_0000);
    for q in QUEUES {
        rig.rx_with(q, 7, 0x0200_0001 | random.next() & 0x1000_0002);
        rig.tx(q);
    }
    (0..64).for_each(|pool| rig.set(0xF000 + 4 * pool, 0x1F00_0000));
    rig.set(0x5080, 0x700);
    rig.set(0x5000, 1 << 13);
    rig.set(0x8220, random.below(2));
    if random.below(2) == 0 {
        rig.model.advance(Duration::ZERO);
    }
    rig
}

/// An offset that mostly is some register's.
fn offset(random: &mut Random) -> u32 {
    match random.below(7) {
        0 => 0x1000 + 4 * random.below(0x100),
        1 => 0x6000 + 4 * random.below(0x100),
        2 => 0x5000 + 4 * random.below(0x400),
        3 => 0x4900 + 4 * random.below(0x40),
        4 => [0x0, 0x3000, 0x51B0, 0x5818, 0x8120, 0x8220, 0x898][random.below(7) as usize],
        5 => random.next(),
        _ => 4 * random.below(BAR_BYTES / 4),
    }
}

fn step(rig: &mut Rig, random: &mut Random) {
    let queue = QUEUES[random.below(8) as usize];
    match random.below(9) {
        0 | 1 => rig.set(offset(random), random.next()),
        2 => drop(rig.get(offset(random))),
        3 => {
            let receive = if queue < 64 {
                0x1018
            } else {
                0xD018 - 0x40 * 64
            };
            let tail = [0x6018, receive][random.below(2) as usize];
            rig.set(tail + 0x40 * queue, random.below(9));
        }
        4 => {
            let bytes = random.below(300);
            let flipped = 1_u64.checked_shl(random.below(128)).unwrap_or(0);
            let command = u64::from(Rig::data(bytes as usize)) ^ flipped;
            let buffer = rig.base.get() + u64::from(random.below(0x4000));
            let stray = u64::from(random.below(10) == 0) << 40;
            rig.push_raw(queue, buffer ^ stray, command);
        }
        5 => {
            rig.model
                .advance(Duration::from_nanos(random.below(20_000).into()));
            rig.model.take_interrupts();
        }
        _ => {
            let frame = frame(random);
            rig.model.room(&frame);
            rig.model.receive(&frame);
        }
    }
}

#[test]
fn no_program_and_no_frame_upsets_the_card() {
    let (mut sent, mut faults) = (0, 0);
    for seed in 1..=400_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut rig = busy(&mut random);
        for _ in 0..200 {
            step(&mut rig, &mut random);
        }
        sent += rig.model.transmitted().len();
        faults += rig.model.fault_count();
        rig.model.reset().unwrap();
        rig.model.flush();
        assert_eq!(rig.get(0x5818), 0, "seed {seed}: the card still resets");
    }
    assert!(sent > 100 && faults > 100, "{sent} sent, {faults} faults");
}

#[test]
fn the_same_program_has_the_same_outcome() {
    let run = || {
        let mut random = Random(42);
        let mut rig = busy(&mut random);
        (0..3000).for_each(|_| step(&mut rig, &mut random));
        let registers: Vec<u32> = (0..BAR_BYTES).step_by(4).map(|at| rig.get(at)).collect();
        let faults = rig.model.faults();
        (
            registers,
            rig.model.transmitted(),
            faults,
            rig.model.misuse(),
        )
    };
    assert_eq!(run(), run());
}
