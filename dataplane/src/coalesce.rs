//! Adaptive doorbell coalescing: when the doorbells of transmit queues ring.
//!
//! A doorbell is an access to the card, which costs more than a frame. Frames of a stream
//! share one: they wait until some are together or no more come. A frame alone would wait
//! in vain, so after each wait in vain exponentially more doorbells ring without one
//! (exponential back-off of the attempts to coalesce), until waiting pays again.
//!
//! Patience is counted in passes of the worker, which are as fast as the machine.

/// So many frames do not wait for more (DPDK drivers call it `tx_rs_thresh`).
const TX_COALESCE: usize = 16;

/// So many passes without a frame end the wait.
const IDLE_PASSES: u32 = 60;

/// No frame waits for longer, in nanoseconds: as long as DPDK's example forwarders hold
/// theirs back (`BURST_TX_DRAIN_US`).
const LONGEST_NS: u64 = 100_000;

/// The most doorbells in a row that do not try to wait: of frames that all come alone one in
/// a thousand does.
const MOST_BACKOFF: u32 = 1023;

/// Whether frames wait for a doorbell, and since when.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    /// Frames that wait.
    waiting: usize,
    /// How many of them came with the first pass.
    first_frames: usize,
    /// When that pass began.
    since_ns: u64,
    /// Passes since the last of them.
    idle_passes: u32,
    /// Doorbells yet to ring without a wait.
    backoff_left: u32,
    /// How many those were after the last wait that was in vain.
    backoff: u32,
}

impl Coalescer {
    /// Whether to ring now, after a pass that began at `now_ns` and sent `sent` frames.
    #[inline]
    pub(crate) fn is_due(&mut self, sent: usize, now_ns: u64) -> bool {
        if self.waiting == 0 {
            if sent == 0 {
                return false;
            }
            (self.first_frames, self.since_ns) = (sent, now_ns);
        }
        self.waiting += sent;
        self.idle_passes = if sent > 0 { 0 } else { self.idle_passes + 1 };
        if self.backoff_left > 0 {
            self.backoff_left -= 1;
        } else if self.is_over(now_ns) {
            self.adapt();
        } else {
            return false;
        }
        self.waiting = 0;
        true
    }

    /// Whether the wait has been long enough.
    fn is_over(&self, now_ns: u64) -> bool {
        self.waiting >= TX_COALESCE
            || self.idle_passes >= IDLE_PASSES
            || now_ns.saturating_sub(self.since_ns) >= LONGEST_NS
    }

    /// Learns from a wait that is over: whether others came.
    fn adapt(&mut self) {
        let paid = self.waiting > self.first_frames || self.first_frames >= TX_COALESCE;
        self.backoff = if paid {
            0
        } else {
            (2 * self.backoff + 1).min(MOST_BACKOFF)
        };
        self.backoff_left = self.backoff;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Passes without a frame until the doorbells ring, if they do within the patience.
    fn wait(coalescer: &mut Coalescer) -> Option<u32> {
        (1..=IDLE_PASSES).find(|_| coalescer.is_due(0, 0))
    }

    #[test]
    fn frames_of_a_stream_share_a_doorbell() {
        let mut coalescer = Coalescer::default();
        let rung = (1..=10 * TX_COALESCE).filter(|_| coalescer.is_due(1, 0));
        assert!(rung.eq((1..=10).map(|n| n * TX_COALESCE)));
        assert!(coalescer.is_due(TX_COALESCE, 0), "a burst does not wait");
        assert!(!coalescer.is_due(1, 0));
        assert_eq!(
            wait(&mut coalescer),
            Some(IDLE_PASSES),
            "the last frame waits for some passes"
        );
    }

    #[test]
    fn frames_alone_soon_do_not_wait() {
        let mut coalescer = Coalescer::default();
        let at_once = (0..10_000).filter(|_| {
            let due = coalescer.is_due(1, 0);
            assert_eq!(
                wait(&mut coalescer),
                (!due).then_some(IDLE_PASSES),
                "none is forgotten"
            );
            due
        });
        let at_once = at_once.count();
        assert!((9970..9990).contains(&at_once), "{at_once} of 10000");
    }

    #[test]
    fn a_stream_is_recognized_after_frames_alone() {
        let mut coalescer = Coalescer::default();
        for _ in 0..10_000 {
            let _ = coalescer.is_due(1, 0) || wait(&mut coalescer).is_some();
        }
        let rung: Vec<_> = (1..=3000).filter(|_| coalescer.is_due(1, 0)).collect();
        let began = rung
            .iter()
            .position(|n| !rung.contains(&(n + 1)))
            .expect("it waits again");
        assert!(began <= MOST_BACKOFF as usize, "{began} rang at once");
        assert!(
            rung[began..]
                .windows(2)
                .all(|pair| pair[1] - pair[0] == TX_COALESCE)
        );
    }

    #[test]
    fn no_frame_waits_for_longer_than_the_bound() {
        let mut coalescer = Coalescer::default();
        assert!(!coalescer.is_due(0, 0));
        // Passes so slow that neither is reached.
        assert!(!coalescer.is_due(1, 1000));
        assert!(!coalescer.is_due(1, 999 + LONGEST_NS));
        assert!(coalescer.is_due(0, 1000 + LONGEST_NS));
    }
}
