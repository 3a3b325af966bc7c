//! What the cards of the ixgbe family can hold.

use super::{Capabilities, PoolLayout};
use crate::BitRate;

impl Capabilities {
    /// 82599: 64 pools of two queues or 32 of four. The rate factor is as on the
    /// 82576, at ten times the link; Intel supports no limit under 10 Mbit/s.
    pub const I82599: Self = Self {
        card: "82599",
        family: "ixgbe",
        layouts: &[
            PoolLayout {
                pools: 64,
                queues: 2,
            },
            PoolLayout {
                pools: 32,
                queues: 4,
            },
        ],
        rx_queues: 128,
        macs: 128,
        vlans: 64,
        reta: 128,
        link_mbit: 10_000,
        max_mtu: 9_706,
        min_rate: BitRate::new(10_000_000),
        weighs: true,
    };
}
