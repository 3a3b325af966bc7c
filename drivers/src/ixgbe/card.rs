//! An 82599 as its driver knows it.
//!
//! Not here: what is done with it (the files beside).

use alloc::vec::Vec;

use lockgate_vmdq::BitRate;

use crate::adapter::Adapter;
use crate::device::Card;

/// An 82599.
pub(crate) struct Ixgbe {
    pub(super) adapter: Adapter,
    /// Rate limits by pool, which depend on the speed of the link.
    pub(super) rates: Vec<Option<BitRate>>,
    /// The speed that the limiters are set for, in Mbit/s.
    pub(super) limited_at: Option<u32>,
    /// Whether no two pools that receive share a set of statistics.
    pub(super) apart: bool,
}

impl Ixgbe {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            adapter: Adapter::new(card),
            rates: Vec::new(),
            limited_at: None,
            apart: true,
        }
    }
}
