//! The 82576 (igb): what it does not share with the 82574.
//!
//! Queue q of pool p is p + 8 q: each pool has one queue, or two under RSS
//! (82576 datasheet, chapter 7).
//!
//! Not here: what both have in common ([`crate::gigabit`], re-exported).

mod control;
mod filter;
mod pool;
mod receive;
mod transmit;

pub use crate::descriptor::DescriptorType;
pub use crate::gigabit::*;
pub use control::*;
pub use filter::*;
pub use pool::*;
pub use receive::*;
pub use transmit::*;

use crate::index::indices;

/// PCI device numbers of the 82576's physical functions.
pub const DEVICE_IDS: [u16; 8] = [
    0x10C9, 0x10E6, 0x10E7, 0x10E8, 0x150A, 0x150D, 0x1518, 0x1526,
];

/// Bytes of the register BAR.
pub const BAR_BYTES: u32 = 0x2_0000;

indices! {
    /// A receive queue.
    RxQueue, 16;
    /// A transmit queue.
    TxQueue, 16;
    /// A pool: the VMDq group of one partition.
    Pool, 8;
    /// An exact MAC filter, RAL and RAH.
    RarIndex, 24;
    /// A VLAN filter with a pool bitmap.
    VlvfIndex, 32;
}

impl Pool {
    /// The pool's two receive queues, the first the one it has without RSS.
    pub const fn rx_queues(self) -> [RxQueue; 2] {
        [RxQueue(self.0), RxQueue(self.0 + 8)]
    }

    /// The pool's two transmit queues.
    pub const fn tx_queues(self) -> [TxQueue; 2] {
        [TxQueue(self.0), TxQueue(self.0 + 8)]
    }

    /// The pool's bit in a pool bitmap.
    pub const fn bit(self) -> u8 {
        1 << self.0
    }
}

impl RxQueue {
    /// The pool the queue belongs to while pools are on.
    pub const fn pool(self) -> Pool {
        Pool(self.0 % 8)
    }
}

impl TxQueue {
    /// The pool the queue belongs to while pools are on.
    pub const fn pool(self) -> Pool {
        Pool(self.0 % 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    #[test]
    fn queue_8_is_the_second_of_pool_0() {
        let last = Pool::new(7).unwrap();
        assert_eq!(last.rx_queues().map(RxQueue::number), [7, 15]);
        assert_eq!(last.tx_queues().map(TxQueue::number), [7, 15]);
        assert_eq!(RxQueue::new(8).unwrap().pool().number(), 0);
        assert_eq!(TxQueue::new(15).unwrap().pool(), last);
        assert_eq!(last.bit(), 0x80);
    }

    #[test]
    fn the_card_has_16_queues_8_pools_24_addresses_and_32_vlans() {
        assert_eq!(RxQueue::new(16), None);
        assert_eq!(TxQueue::new(16), None);
        assert_eq!(Pool::new(8), None);
        assert_eq!(RarIndex::new(24), None);
        assert_eq!(VlvfIndex::new(32), None);
    }
}
