//! Received frames one by one, copied out of a queue.

use lockgate_drivers::{RxHash, RxQueue};

/// Frame by frame out of a queue.
pub trait Frames {
    /// Hands up to `limit` frames to `take`, each with its hash and the code of its kind,
    /// until it says false; says how many it took.
    fn frames(&mut self, limit: usize, take: impl FnMut(&[u8], Option<(u32, u8)>) -> bool)
    -> usize;
}

impl Frames for RxQueue {
    fn frames(
        &mut self,
        limit: usize,
        mut take: impl FnMut(&[u8], Option<(u32, u8)>) -> bool,
    ) -> usize {
        let mut settled = 0;
        while settled < limit && self.is_ready() {
            let burst = self.burst(limit - settled);
            let mut taken = 0;
            while let Some(frame) = burst.get(taken) {
                let mut bytes = vec![0; frame.length];
                frame.copy_to(&mut bytes);
                let hash = frame
                    .hash
                    .map(|RxHash { value, kind }| (value, kind.code()));
                if !take(&bytes, hash) {
                    break;
                }
                taken += 1;
            }
            let (all, any) = (burst.len() == taken, !burst.is_empty());
            burst.release(taken);
            settled += taken;
            // One that is not wanted stays; where all was bad the next burst goes on.
            if any && !all {
                break;
            }
        }
        settled
    }
}
