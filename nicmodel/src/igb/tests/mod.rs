//! The card as a driver meets it: registers, steering, rings, switch, interrupts.

mod access;
mod buffer;
mod control;
mod fuzz;
mod interrupt;
mod link;
mod receive;
mod rss;
mod send;
mod stats;
mod steering;
mod store;
mod transmit;

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use crate::Model;
use crate::fixture::{self, Places};

/// A fixture with an 82576.
type Fixture = fixture::Fixture<I82576Places>;

/// Where an 82576 has what its tests use.
struct I82576Places;

impl Places for I82576Places {
    const SRRCTL: u32 = 0xC;
    const DROPS: u32 = 0x8200_0002;

    fn model() -> Model {
        Model::i82576()
    }

    fn rx_at(queue: u32) -> u32 {
        0xC000 + 0x40 * queue
    }

    fn tx_at(queue: u32) -> u32 {
        0xE000 + 0x40 * queue
    }

    fn link_up(fixture: &Fixture) {
        fixture.set(Ctrl::BASE, 0x41);
        fixture.set(Mdic::BASE, 0x0420_1200);
        let up = (0..8).any(|_| fixture.get(Status::BASE) & 2 != 0);
        assert!(up, "no link");
    }

    fn switch_on(fixture: &Fixture) {
        fixture.set(Rctl::BASE, 0x0400_0002);
        fixture.set(Tctl::BASE, 0x0000_000A);
    }

    fn pools_on(fixture: &Fixture, mrqc: u32) {
        fixture.set(Mrqc::BASE, mrqc);
        fixture.set(VtCtl::BASE, 0x6000_0000);
    }

    fn address(fixture: &Fixture, n: u32, mac: [u8; 6], pools: u64) {
        let at = if n < 16 {
            0x5400 + 8 * n
        } else {
            0x54E0 + 8 * (n - 16)
        };
        let [a, b, c, d, e, f] = mac;
        fixture.set(at, u32::from_le_bytes([a, b, c, d]));
        let high = u32::from(u16::from_le_bytes([e, f]));
        fixture.set(at + 4, high | (pools as u32) << 18 | 1 << 31);
    }
}
