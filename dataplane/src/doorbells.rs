//! When the doorbells of transmit queues ring.
//!
//! A doorbell is an access to the card, which costs more than a frame. Frames of a stream
//! share one: they wait until some are together or no more come. A frame alone would wait
//! in vain, so whoever did is followed by ever more that ring at once, until waiting pays.
//!
//! Patience is counted in passes of the worker, which are as fast as the machine.

/// So many frames do not wait for more.
const TOGETHER: usize = 16;

/// So many passes without a frame end the wait.
const QUIET: u32 = 60;

/// No frame waits for longer, in nanoseconds: as long as DPDK's example forwarders hold
/// theirs back (`BURST_TX_DRAIN_US`).
const LONGEST_NS: u64 = 100_000;

/// The most doorbells in a row that do not try to wait: of frames that all come alone one in
/// a thousand does.
const MOST_AT_ONCE: u32 = 1023;

/// Whether frames wait for a doorbell, and since when.
#[derive(Debug, Default)]
pub(super) struct Doorbells {
    waiting: usize,
    /// How many came first, and in the pass that began when.
    first: (usize, u64),
    /// Passes since the last of them.
    quiet: u32,
    /// Doorbells to ring without a wait.
    at_once: u32,
    /// How many those were when a wait was in vain last.
    vain: u32,
}

impl Doorbells {
    /// Whether to ring now, after a pass that began at `now_ns` and sent `sent` frames.
    #[inline]
    pub(super) fn are_due(&mut self, sent: usize, now_ns: u64) -> bool {
        if self.waiting == 0 {
            if sent == 0 {
                return false;
            }
            self.first = (sent, now_ns);
        }
        self.waiting += sent;
        self.quiet = if sent > 0 { 0 } else { self.quiet + 1 };
        let (first, since_ns) = self.first;
        let over = self.waiting >= TOGETHER
            || self.quiet >= QUIET
            || now_ns.saturating_sub(since_ns) >= LONGEST_NS;
        if self.at_once > 0 {
            self.at_once -= 1;
        } else if !over {
            return false;
        } else {
            let paid = self.waiting > first || first >= TOGETHER;
            self.vain = if paid {
                0
            } else {
                (2 * self.vain + 1).min(MOST_AT_ONCE)
            };
            self.at_once = self.vain;
        }
        self.waiting = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Passes without a frame until the doorbells ring, if they do within the patience.
    fn wait(doorbells: &mut Doorbells) -> Option<u32> {
        (1..=QUIET).find(|_| doorbells.are_due(0, 0))
    }

    #[test]
    fn frames_of_a_stream_share_a_doorbell() {
        let mut doorbells = Doorbells::default();
        let rung = (1..=10 * TOGETHER).filter(|_| doorbells.are_due(1, 0));
        assert!(rung.eq((1..=10).map(|n| n * TOGETHER)));
        assert!(doorbells.are_due(TOGETHER, 0), "a burst does not wait");
        assert!(!doorbells.are_due(1, 0));
        assert_eq!(
            wait(&mut doorbells),
            Some(QUIET),
            "the last frame waits for some passes"
        );
    }

    #[test]
    fn frames_alone_soon_do_not_wait() {
        let mut doorbells = Doorbells::default();
        let at_once = (0..10_000).filter(|_| {
            let due = doorbells.are_due(1, 0);
            assert_eq!(
                wait(&mut doorbells),
                (!due).then_some(QUIET),
                "none is forgotten"
            );
            due
        });
        let at_once = at_once.count();
        assert!((9970..9990).contains(&at_once), "{at_once} of 10000");
    }

    #[test]
    fn a_stream_is_recognized_after_frames_alone() {
        let mut doorbells = Doorbells::default();
        for _ in 0..10_000 {
            let _ = doorbells.are_due(1, 0) || wait(&mut doorbells).is_some();
        }
        let rung: Vec<_> = (1..=3000).filter(|_| doorbells.are_due(1, 0)).collect();
        let began = rung
            .iter()
            .position(|n| !rung.contains(&(n + 1)))
            .expect("it waits again");
        assert!(began <= MOST_AT_ONCE as usize, "{began} rang at once");
        assert!(
            rung[began..]
                .windows(2)
                .all(|pair| pair[1] - pair[0] == TOGETHER)
        );
    }

    #[test]
    fn no_frame_waits_for_longer_than_the_bound() {
        let mut doorbells = Doorbells::default();
        assert!(!doorbells.are_due(0, 0));
        // Passes so slow that neither is reached.
        assert!(!doorbells.are_due(1, 1000));
        assert!(!doorbells.are_due(1, 999 + LONGEST_NS));
        assert!(doorbells.are_due(0, 1000 + LONGEST_NS));
    }
}
