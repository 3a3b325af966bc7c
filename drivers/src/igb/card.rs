//! An 82576 as its driver knows it.
//!
//! Not here: what is done with it (the files beside).

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::BitRate;

use crate::adapter::Adapter;
use crate::device::Card;

/// What the receiver does while it is on; pools narrow it down.
pub(super) const RECEIVING: Rctl = Rctl::new()
    .with_enable(true)
    .with_long_packets(true)
    .with_broadcast(true)
    .with_vlan_filter(true)
    .with_discard_pause(true)
    .with_strip_crc(true);

/// An 82576.
pub(crate) struct Igb {
    pub(super) adapter: Adapter,
    /// Rate limits by pool: the limiters do not read back everywhere.
    pub(super) rates: [Option<BitRate>; Pool::COUNT as usize],
    /// The speed that the limiters are set for, in Mbit/s.
    pub(super) limited_at: Option<u32>,
}

impl Igb {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            adapter: Adapter::new(card),
            rates: Default::default(),
            limited_at: None,
        }
    }
}
