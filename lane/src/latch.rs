//! What the ends of a lane on one side share: whether one of them has found it closed.
//!
//! Whichever end closes first sets the latch; it is never opened again. The others see it
//! when they look at a shared index, publish or release, so that a lane whose transmit ring
//! is out of order delivers nothing more either, whatever thread holds that end.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU8, AtomicU64};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, AtomicU64};

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::closed::Closed;
use crate::direction::Ring;

const OPEN: u8 = 0;
/// Somebody is about to write the reason.
const CLOSING: u8 = 1;
const CLOSED_BY_RECEIVE: u8 = 2;
const CLOSED_BY_TRANSMIT: u8 = 3;

/// Open until it is closed, for good; of several reasons the first is kept.
#[derive(Debug)]
pub(crate) struct Latch {
    state: AtomicU8,
    from: AtomicU64,
    to: AtomicU64,
    limit: AtomicU64,
}

impl Latch {
    /// An open one.
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU8::new(OPEN),
            from: AtomicU64::new(0),
            to: AtomicU64::new(0),
            limit: AtomicU64::new(0),
        }
    }

    /// Whether it is closed and there is a reason.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Relaxed) > CLOSING
    }

    /// Why it is closed; `None` as long as it is open or the reason is being written.
    pub(crate) fn reason(&self) -> Option<Closed> {
        // Acquire: the three words below were stored before the state was.
        let ring = match self.state.load(Acquire) {
            CLOSED_BY_RECEIVE => Ring::Receive,
            CLOSED_BY_TRANSMIT => Ring::Transmit,
            _ => return None,
        };
        Some(Closed {
            ring,
            from: self.from.load(Relaxed),
            to: self.to.load(Relaxed),
            limit: self.limit.load(Relaxed),
        })
    }

    /// Closes it for `reason`; gives the reason that is kept.
    #[cold]
    pub(crate) fn close(&self, reason: Closed) -> Closed {
        let first = self
            .state
            .compare_exchange(OPEN, CLOSING, Relaxed, Relaxed)
            .is_ok();
        if !first {
            return self.reason().unwrap_or(reason);
        }
        self.from.store(reason.from, Relaxed);
        self.to.store(reason.to, Relaxed);
        self.limit.store(reason.limit, Relaxed);
        let state = match reason.ring {
            Ring::Receive => CLOSED_BY_RECEIVE,
            Ring::Transmit => CLOSED_BY_TRANSMIT,
        };
        // Release: whoever sees the state sees the three words.
        self.state.store(state, Release);
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_is_kept_for_good() {
        let latch = Latch::new();
        assert!(!latch.is_closed() && latch.reason().is_none());
        let first = Closed {
            ring: Ring::Transmit,
            from: 1,
            to: u64::MAX,
            limit: 3,
        };
        let second = Closed {
            ring: Ring::Receive,
            ..first
        };
        assert_eq!(latch.close(first), first);
        assert_eq!(latch.close(second), first);
        assert!(latch.is_closed());
        assert_eq!(latch.reason(), Some(first));
    }
}
