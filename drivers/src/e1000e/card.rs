//! An 82574 as its driver knows it.
//!
//! Not here: what is done with it (the files beside).

use crate::adapter::Adapter;
use crate::device::Card;

/// An 82574.
pub(crate) struct E1000e {
    pub(super) adapter: Adapter,
    /// The longest frame of the last plan, which no register holds exactly.
    pub(super) max_frame: u16,
}

impl E1000e {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            adapter: Adapter::new(card),
            max_frame: 0,
        }
    }
}
