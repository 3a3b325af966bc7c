//! How the card is cut into pools: which modes that takes, and which queues are whose.
//!
//! Source: 82599 datasheet, 7.1.2.2 (receive) and 7.2.1.2 (transmit).

use lockgate_regs::ixgbe::*;
use lockgate_vmdq::HardwarePlan;

/// One of the card's two layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Queues of a pool.
    pub(super) queues: u8,
    /// For MRQC, with and without RSS.
    pub(super) receive: MultipleQueues,
    /// For MTQC.
    pub(super) transmit: TransmitLayout,
    /// For GCR_EXT and GPIE.
    pub(super) mode: u32,
}

impl Layout {
    /// The layout with as many pools as `plan`.
    pub(super) fn of(plan: &HardwarePlan) -> Option<Self> {
        match (plan.pools.len(), plan.rss.is_some()) {
            (64, rss) => Some(Self {
                queues: 2,
                receive: if rss {
                    MultipleQueues::Vmdq64Rss
                } else {
                    MultipleQueues::Vmdq64
                },
                transmit: TransmitLayout::Pools64,
                mode: 3,
            }),
            // Without fields to hash it is as without RSS.
            (32, _) => Some(Self {
                queues: 4,
                receive: MultipleQueues::Vmdq32Rss,
                transmit: TransmitLayout::Pools32,
                mode: 2,
            }),
            _ => None,
        }
    }
}
