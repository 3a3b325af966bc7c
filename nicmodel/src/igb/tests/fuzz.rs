//! Random programs and frames.

use fastrand::Rng;

use super::{Fixture, I82576Places};
use crate::fuzz::{self, Fuzzed};

impl Fuzzed for I82576Places {
    const QUEUES: &'static [u32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn busy(random: &mut Rng) -> Fixture {
        let mode = [0, 2, 3, 5][random.usize(..4)];
        let mut fixture = Fixture::with_pools(mode | 0x01FF_0000);
        for &q in Self::QUEUES {
            fixture.rx_with(q, 7, 0x0200_0001 | random.u32(..) & 0x8000_0002);
            fixture.tx(q);
        }
        (0..8).for_each(|pool| fixture.set(0x5AD0 + 4 * pool, 0xBF03_2600));
        fixture.set(0x5000, 1 << 13);
        fixture
    }

    fn offset(random: &mut Rng) -> u32 {
        match random.u32(..6) {
            0 => 0xC000 + 4 * random.u32(..0x100),
            1 => 0xE000 + 4 * random.u32(..0x100),
            2 => 0x5000 + 4 * random.u32(..0x400),
            3 => [0x0, 0x100, 0x400, 0xC8C, 0xC90, 0x3500][random.usize(..6)],
            4 => random.u32(..),
            _ => 4 * random.u32(..0x8000),
        }
    }
}

#[test]
fn no_program_and_no_frame_upsets_the_card() {
    fuzz::survives::<I82576Places>();
}

#[test]
fn the_same_program_has_the_same_outcome() {
    fuzz::is_deterministic::<I82576Places>();
}
