//! Random programs and frames.

use std::time::Duration;

use fastrand::Rng;

use super::{Fixture, I82599Places};
use crate::fuzz::{self, Fuzzed};

impl Fuzzed for I82599Places {
    const QUEUES: &'static [u32] = &[0, 1, 2, 3, 4, 63, 64, 127];

    fn busy(random: &mut Rng) -> Fixture {
        let mode = [0, 1, 8, 0xA, 0xB][random.usize(..5)];
        let mut fixture = Fixture::with_pools(mode | 0x00FF_0000);
        for &q in Self::QUEUES {
            fixture.rx_with(q, 7, 0x0200_0001 | random.u32(..) & 0x1000_0002);
            fixture.tx(q);
        }
        (0..64).for_each(|pool| fixture.set(0xF000 + 4 * pool, 0x1F00_0000));
        fixture.set(0x5080, 0x700);
        fixture.set(0x5000, 1 << 13);
        fixture.set(0x8220, random.u32(..2));
        if random.bool() {
            fixture.model.advance(Duration::ZERO);
        }
        fixture
    }

    fn offset(random: &mut Rng) -> u32 {
        match random.u32(..7) {
            0 => 0x1000 + 4 * random.u32(..0x100),
            1 => 0x6000 + 4 * random.u32(..0x100),
            2 => 0x5000 + 4 * random.u32(..0x400),
            3 => 0x4900 + 4 * random.u32(..0x40),
            4 => [0x0, 0x3000, 0x51B0, 0x5818, 0x8120, 0x8220, 0x898][random.usize(..7)],
            5 => random.u32(..),
            _ => 4 * random.u32(..0x8000),
        }
    }
}

#[test]
fn no_program_and_no_frame_upsets_the_card() {
    fuzz::survives::<I82599Places>();
}

#[test]
fn the_same_program_has_the_same_outcome() {
    fuzz::is_deterministic::<I82599Places>();
}
