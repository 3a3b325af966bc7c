//! Received frames one by one, for who does not care which of them are alike.

use lockgate_drivers::RxQueue;

/// Frame by frame out of a queue.
pub trait Frames {
    /// Hands up to `limit` frames to `take`, each with its hash and the code of its kind,
    /// until it says false; says how many descriptors were settled.
    fn frames(&mut self, limit: usize, take: impl FnMut(&[u8], Option<(u32, u8)>) -> bool)
    -> usize;
}

impl Frames for RxQueue {
    fn frames(
        &mut self,
        limit: usize,
        mut take: impl FnMut(&[u8], Option<(u32, u8)>) -> bool,
    ) -> usize {
        self.receive(limit, |train| {
            let code = train.hash_code;
            let mut goes_on = true;
            train.each(usize::MAX, |_, frame, hash| {
                goes_on = take(frame, code.map(|code| (hash, code)));
                goes_on
            });
            goes_on
        })
    }
}
