//! The 82574 (e1000e): what it does not share with the 82576.
//!
//! Two queues each way, no pools. Not here: what both have in common
//! ([`crate::gigabit`], re-exported).

mod control;
mod filter;
mod queue;

pub use crate::gigabit::*;
pub use control::*;
pub use filter::*;
pub use queue::*;

use crate::index::indices;

/// PCI device numbers of the 82574: with and without its management engine.
pub const DEVICE_IDS: [u16; 2] = [0x10D3, 0x10F6];

/// Bytes of the register BAR.
pub const BAR_BYTES: u32 = 0x2_0000;

indices! {
    /// A receive queue.
    RxQueue, 2;
    /// A transmit queue.
    TxQueue, 2;
    /// An exact MAC filter, RAL and RAH.
    RarIndex, 16;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    #[test]
    fn the_card_has_two_queues_each_way_and_16_addresses() {
        assert_eq!(RxQueue::all().count(), 2);
        assert_eq!(TxQueue::all().count(), 2);
        assert_eq!(RarIndex::new(16), None);
    }
}
