//! The 82599 (ixgbe).
//!
//! Queues belong to pools by the layout: with 64 pools queue r of pool p is 2 p + r, with
//! 32 pools 4 p + r (82599 datasheet, 7.1.2.2).
//!
//! Not here: registers that are alike on every card ([`crate::common`], re-exported).

mod control;
mod filter;
mod pool;
mod receive;
mod stats;
mod transmit;

pub use crate::common::*;
pub use crate::descriptor::DescriptorType;
pub use control::*;
pub use filter::*;
pub use pool::*;
pub use receive::*;
pub use stats::*;
pub use transmit::*;

use crate::index::indices;

/// PCI device numbers of the 82599's physical functions.
pub const DEVICE_IDS: [u16; 16] = [
    0x10FB, 0x10F7, 0x10F8, 0x10F9, 0x151C, 0x1507, 0x1514, 0x1517, 0x1529, 0x152A, 0x154A, 0x154D,
    0x154F, 0x1557, 0x1558, 0x10FC,
];

/// Bytes of the register BAR.
pub const BAR_BYTES: u32 = 0x2_0000;

indices! {
    /// A receive queue.
    RxQueue, 128;
    /// A transmit queue.
    TxQueue, 128;
    /// A pool: the VMDq group of one partition.
    Pool, 64;
    /// Eight pools.
    PoolGroup, 8;
    /// An exact MAC filter, RAL and RAH.
    RarIndex, 128;
    /// A VLAN filter.
    VlvfIndex, 64;
    /// A packet buffer, of the traffic class of this number.
    PacketBuffer, 8;
    /// A set of statistics that queues are mapped to.
    StatisticsSet, 16;
    /// Four queues, which share a word of the maps to sets.
    QueueGroup, 32;
}

/// The place of a receive queue's register: 64 queues are in one bank, 64 from 0xD000.
pub fn receive_queue(queue: RxQueue, base: u32) -> u32 {
    match queue.0 {
        n @ 0..64 => base + 0x40 * n,
        n => base + 0xC000 + 0x40 * (n - 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    #[test]
    fn the_card_has_what_the_datasheet_says() {
        assert_eq!(
            (RxQueue::COUNT, TxQueue::COUNT, Pool::COUNT),
            (128, 128, 64)
        );
        assert_eq!((RarIndex::COUNT, VlvfIndex::COUNT), (128, 64));
        let sfp_and_kx4 = [0x10FB, 0x10F7];
        assert!(sfp_and_kx4.iter().all(|id| DEVICE_IDS.contains(id)));
    }
}
