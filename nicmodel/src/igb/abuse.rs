//! Tests that nothing a driver writes or a frame contains upsets the card.
//!
//! Random, from fixed seeds: legal rings in the middle of illegal everything.

use lockgate_drivers::device::{Bar, Function};
use lockgate_regs::igb::BAR_BYTES;

use super::rig::Rig;
use crate::abuse::{Random, frame};

/// A rig in which most things are on, so that random values meet something.
fn busy(random: &mut Random) -> Rig {
    let mut rig = Rig::with_pools([0, 2, 3, 5][random.below(4) as usize] | 0x01FF_0000);
    for q in 0..16 {
        rig.rx_with(q, 7, 0x0200_0001 | random.next() & 0x8000_0002);
        rig.tx(q);
    }
    (0..8).for_each(|pool| rig.set(0x5AD0 + 4 * pool, 0xBF03_2600));
    rig.set(0x5000, 1 << 13);
    rig
}

/// An offset that mostly is some register's.
fn offset(random: &mut Random) -> u32 {
    match random.below(6) {
        0 => 0xC000 + 4 * random.below(0x100),
        1 => 0xE000 + 4 * random.below(0x100),
        2 => 0x5000 + 4 * random.below(0x400),
        3 => [0x0, 0x100, 0x400, 0xC8C, 0xC90, 0x3500][random.below(6) as usize],
        4 => random.next(),
        _ => 4 * random.below(BAR_BYTES / 4),
    }
}

fn step(rig: &mut Rig, random: &mut Random) {
    match random.below(8) {
        0 | 1 => rig.set(offset(random), random.next()),
        2 => drop(rig.get(offset(random))),
        3 => {
            let tx = [0xE018, 0xC018][random.below(2) as usize];
            rig.set(tx + 0x40 * random.below(16), random.below(9));
        }
        4 => {
            let bytes = random.below(300);
            let flipped = 1_u64.checked_shl(random.below(128)).unwrap_or(0);
            let command = u64::from(Rig::data(bytes as usize)) ^ flipped;
            let buffer = rig.base.get() + u64::from(random.below(0x4000));
            let stray = u64::from(random.below(10) == 0) << 40;
            rig.push_raw(random.below(16), buffer ^ stray, command);
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
