//! Steering for cards without pools.

use crate::{Mac, Plan};

impl Plan {
    /// Index of a partition that may be the one that a frame from the wire is for, by its
    /// destination alone; [`MAX_PARTITIONS`](crate::MAX_PARTITIONS) if there is none. A guess,
    /// no verdict.
    #[inline]
    pub fn likely(&self, frame: &[u8]) -> usize {
        let takers = frame
            .first_chunk()
            .map_or(0, |dst| self.rules.takers.get(Mac::new(*dst)));
        takers.trailing_zeros() as usize
    }
}
