//! What the cards of the igb family can hold.

use super::{Capabilities, PoolLayout};
use crate::BitRate;

impl Capabilities {
    /// 82576: eight pools of two queues. Frames end at 9.5 KiB (RLPML 0x2600); the
    /// rate factor has 14 integer bits, so no limit is under 1 Gbit/s / 16,383.
    pub const I82576: Self = Self {
        card: "82576",
        family: "igb",
        layouts: &[PoolLayout {
            pools: 8,
            queues: 2,
        }],
        rx_queues: 16,
        macs: 24,
        vlans: 32,
        reta: 128,
        link_mbit: 1_000,
        max_mtu: 9_706,
        min_rate: BitRate::new(62_000),
        weighs: false,
    };
}
