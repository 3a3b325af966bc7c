//! What the cards of the e1000e family can hold.

use super::Capabilities;

impl Capabilities {
    /// 82574: two queues, no pools. 15 of its 16 address registers, one of which
    /// manageability may take; jumbo frames end at 9,018 bytes.
    pub const I82574: Self = Self {
        card: "82574",
        family: "e1000e",
        layouts: &[],
        rx_queues: 2,
        macs: 15,
        vlans: 4095,
        reta: 128,
        link_mbit: 1_000,
        max_mtu: 9_000,
        min_rate: None,
        weighs: false,
    };
}
