//! Which lanes were shut, each told once.
//!
//! Not here: why a lane is shut (`lockgate-lane`), and what is done about it
//! ([`super::run`]).

use lockgate_lane::Closed;

/// The lanes that were found shut so far.
#[derive(Debug)]
pub(super) struct ShutLanes {
    /// By partition.
    told: Vec<bool>,
}

/// A lane that was found shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut {
    /// The partition's index.
    pub(super) partition: usize,
    /// What it did.
    pub(super) reason: Closed,
}

impl ShutLanes {
    /// None yet, of `partitions`.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            told: vec![false; partitions],
        }
    }

    /// Lanes that `shut` knows of and that were not told before.
    pub(super) fn find_new(&mut self, shut: impl Fn(usize) -> Option<Closed>) -> Vec<Shut> {
        let mut found = Vec::new();
        for (partition, told) in self.told.iter_mut().enumerate() {
            if let Some(reason) = shut(partition)
                && !std::mem::replace(told, true)
            {
                found.push(Shut { partition, reason });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use lockgate_lane::Ring;

    use super::*;

    const REASON: Closed = Closed {
        ring: Ring::Transmit,
        from: 0,
        to: 9,
        limit: 8,
    };

    #[test]
    fn a_lane_that_is_shut_is_told_once_and_every_one_is_told() {
        let mut lanes = ShutLanes::new(3);
        assert_eq!(lanes.find_new(|_| None), []);
        let second = Shut {
            partition: 1,
            reason: REASON,
        };
        assert_eq!(lanes.find_new(|p| (p == 1).then_some(REASON)), [second]);
        assert_eq!(lanes.find_new(|p| (p == 1).then_some(REASON)), []);
        assert_eq!(lanes.find_new(|_| Some(REASON)).len(), 2);
    }
}
