//! The card as a driver meets it: steering, rings, switch, limits, interrupts.

mod access;
mod fuzz;
mod interrupt;
mod link;
mod receive;
mod schedule;
mod steering;
mod transmit;

use crate::Model;
use crate::fixture::{self, Places};

/// A fixture with an 82599.
type Fixture = fixture::Fixture<I82599Places>;

/// Where an 82599 has what its tests use.
struct I82599Places;

impl Places for I82599Places {
    const SRRCTL: u32 = 0x14;
    const DROPS: u32 = 0x1200_0002;

    fn model() -> Model {
        Model::i82599()
    }

    fn rx_at(queue: u32) -> u32 {
        if queue < 64 {
            0x1000 + 0x40 * queue
        } else {
            0xD000 + 0x40 * (queue - 64)
        }
    }

    fn tx_at(queue: u32) -> u32 {
        0x6000 + 0x40 * queue
    }

    fn link_up(fixture: &Fixture) {
        let up = (0..8).any(|_| fixture.get(0x42A4) & (1 << 30) != 0);
        assert!(up, "no link");
    }

    /// Every address filter is empty.
    fn switch_on(fixture: &Fixture) {
        fixture.set(0xA204, 0);
        fixture.set(0x2F00, 0x2);
        fixture.set(0x4A80, 0x8100_0001);
        fixture.set(0x3000, 1);
    }

    /// With 64 pools, replication, no default pool and MRQC as given (mode 8, 0xA or 0xB,
    /// and fields).
    fn pools_on(fixture: &Fixture, mrqc: u32) {
        fixture.set(0x5818, mrqc);
        fixture.set(0x51B0, 0x6000_0001);
        fixture.set(0x4900, 0x40);
        fixture.set(0x8120, if mrqc & 0xF == 0xA { 0xA } else { 0x6 });
        fixture.set(0x4900, 0);
    }

    fn address(fixture: &Fixture, n: u32, mac: [u8; 6], pools: u64) {
        let [a, b, c, d, e, f] = mac;
        fixture.set(0xA200 + 8 * n, u32::from_le_bytes([a, b, c, d]));
        let high = u32::from(u16::from_le_bytes([e, f]));
        fixture.set(0xA204 + 8 * n, high | 1 << 31);
        fixture.set(0xA600 + 8 * n, pools as u32);
        fixture.set(0xA604 + 8 * n, (pools >> 32) as u32);
    }
}

impl Fixture {
    /// Puts the pools of a bitmap on VLAN filter `n`, and opens the table for it.
    fn vlan(&self, n: u32, vid: u32, pools: u64) {
        self.set(0xF100 + 4 * n, 1 << 31 | vid);
        self.set(0xF200 + 8 * n, pools as u32);
        self.set(0xF204 + 8 * n, (pools >> 32) as u32);
        self.set(0xA000 + 4 * (vid / 32), 1 << (vid % 32));
    }
}
