//! Tests that nothing a driver writes or a frame contains upsets a card.
//!
//! Random, from fixed seeds: legal rings in the middle of illegal everything.

use std::time::Duration;

use fastrand::Rng;
use lockgate_drivers::device::{Bar, Function};
use lockgate_regs::descriptor::ring;

use crate::fixture::{Fixture, Places};

/// Bytes of registers, and MRQC, which both cards have alike.
const BAR_BYTES: u32 = 0x2_0000;
const MRQC: u32 = 0x5818;

/// A card that can be fuzzed.
pub(crate) trait Fuzzed: Places {
    /// Queues with rings.
    const QUEUES: &'static [u32];

    /// A fixture in which most things are on, so that random values meet something.
    fn busy(random: &mut Rng) -> Fixture<Self>;

    /// An offset that mostly is some register's.
    fn offset(random: &mut Rng) -> u32;
}

/// A frame of any length, most of them with a type that a card looks behind.
fn frame(random: &mut Rng) -> Vec<u8> {
    let bytes = match random.u32(..8) {
        0 => random.usize(..20),
        1 => random.usize(..20_000),
        _ => random.usize(..200),
    };
    let mut frame: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
    let types: [&[u8]; 5] = [
        &[0x81, 0, 0, 1],
        &[0x08, 0, 0x45, 0],
        &[0x86, 0xDD, 0x60],
        &[0x88, 8, 0, 1],
        &[0x08, 0, 0x4F],
    ];
    let kind = types[random.usize(..types.len())];
    if let Some(place) = frame.get_mut(12..12 + kind.len()) {
        place.copy_from_slice(kind);
    }
    if let Some(first) = frame.first_mut() {
        *first &= random.u8(..);
    }
    frame
}

/// Does one random thing to the card.
fn step<P: Fuzzed>(fixture: &mut Fixture<P>, random: &mut Rng) {
    let queue = P::QUEUES[random.usize(..P::QUEUES.len())];
    match random.u32(..9) {
        0 | 1 => fixture.set(P::offset(random), random.u32(..)),
        2 => drop(fixture.get(P::offset(random))),
        3 => {
            let at = [P::tx_at(queue), P::rx_at(queue)][random.usize(..2)];
            fixture.set(at + ring::TAIL, random.u32(..9));
        }
        4 => {
            let bytes = random.usize(..300);
            let flipped = 1_u64.checked_shl(random.u32(..128)).unwrap_or(0);
            let command = u64::from(Fixture::<P>::data(bytes)) ^ flipped;
            let buffer = fixture.base.get() + random.u64(..0x4000);
            let stray = u64::from(random.u32(..10) == 0) << 40;
            fixture.push_raw(queue, buffer ^ stray, command);
        }
        5 => {
            let time = Duration::from_nanos(random.u64(..20_000));
            fixture.model.advance(time);
            fixture.model.take_interrupts();
        }
        _ => {
            let frame = frame(random);
            fixture.model.room(&frame);
            fixture.model.receive(&frame);
        }
    }
}

/// Asserts that no program and no frame upsets the card.
pub(crate) fn survives<P: Fuzzed>() {
    let (mut sent, mut faults) = (0, 0);
    for seed in 1..=400 {
        let mut random = Rng::with_seed(seed);
        let mut fixture = P::busy(&mut random);
        for _ in 0..200 {
            step(&mut fixture, &mut random);
        }
        sent += fixture.model.transmitted().len();
        faults += fixture.model.fault_count();
        fixture.model.reset().unwrap();
        fixture.model.flush();
        assert_eq!(fixture.get(MRQC), 0, "seed {seed}: the card still resets");
    }
    assert!(sent > 100 && faults > 100, "{sent} sent, {faults} faults");
}

/// Asserts that the same program has the same outcome.
pub(crate) fn is_deterministic<P: Fuzzed>() {
    let run = || {
        let mut random = Rng::with_seed(42);
        let mut fixture = P::busy(&mut random);
        for _ in 0..3000 {
            step(&mut fixture, &mut random);
        }
        let registers: Vec<u32> = (0..BAR_BYTES)
            .step_by(4)
            .map(|at| fixture.get(at))
            .collect();
        (
            registers,
            fixture.model.transmitted(),
            fixture.model.faults(),
            fixture.model.misuse(),
        )
    };
    assert_eq!(run(), run());
}
