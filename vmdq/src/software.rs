//! Steering for cards without pools.

use crate::{Mac, PartitionId, Plan};

impl Plan {
    /// The partition that a frame from the wire may be for, by its destination alone; `None`
    /// if nobody takes that. A guess, no verdict: the segment and the ways of the wire do not
    /// count.
    #[inline]
    pub fn guess_partition(&self, frame: &[u8]) -> Option<PartitionId> {
        let takers = frame
            .first_chunk()
            .map_or(0, |dst| self.rules.takers.get(Mac::new(*dst)));
        PartitionId::new(takers.trailing_zeros() as usize)
    }
}
