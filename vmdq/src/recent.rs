//! A frame that was judged, to know the next by: most are to whom the last one was.
//!
//! The rule: a verdict depends on the bytes that are compared here and on nothing else,
//! as long as the frame is not too long, so what is alike in them has one verdict.
//!
//! Not here: the verdicts ([`Plan`]).

use crate::Plan;
use crate::frame::{HEADER, TAG, TPID};

/// The start of a frame.
type Start = [u8; HEADER + TAG];

/// What a verdict depends on: both addresses, the EtherType, and of a tagged frame the VID
/// and the EtherType behind the tag.
const UNTAGGED: Start =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
const TAGGED: Start =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 15, 255, 255, 255];

/// The last frame with the verdict that its keeper is interested in.
#[derive(Debug, Clone, Copy)]
pub struct Recent {
    start: (u64, u64, u16),
    mask: (u64, u64, u16),
    longest: usize,
}

impl Recent {
    /// No frame yet, on the card of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let longest = usize::from(plan.mtu()) + HEADER;
        Self { start: (1, 1, 1), mask: (0, 0, 0), longest }
    }

    /// Remembers a frame. Of one from the wire the source does not count.
    pub fn keep(&mut self, frame: &[u8], from_wire: bool) {
        let Some(start) = frame.first_chunk().filter(|_| frame.len() <= self.longest) else {
            return;
        };
        let tagged = start[12..14] == TPID.to_be_bytes();
        let mut mask = if tagged { TAGGED } else { UNTAGGED };
        if from_wire {
            mask[6..12].fill(0);
        }
        self.mask = words(&mask);
        self.start = self.masked(start);
    }

    /// Whether `frame` surely has the verdict of the one that was kept last.
    #[inline(always)]
    pub fn is_again(&self, frame: &[u8]) -> bool {
        let start = frame.first_chunk().filter(|_| frame.len() <= self.longest);
        start.is_some_and(|start| self.masked(start) == self.start)
    }

    #[inline(always)]
    fn masked(&self, start: &Start) -> (u64, u64, u16) {
        let (a, b, c) = words(start);
        (a & self.mask.0, b & self.mask.1, c & self.mask.2)
    }
}

#[inline(always)]
const fn words(start: &Start) -> (u64, u64, u16) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = *start;
    let first = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    (first, u64::from_ne_bytes([i, j, k, l, m, n, o, p]), u16::from_ne_bytes([q, r]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Capabilities, Machine, Policy};

    const POLICY: &str = "[nic]\ndevice = \"model:82576\"\nworkers = [0]\n\
        [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:01\"]\n\
        [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:02\"]\nvlans = [5]\n\
        [[partition]]\nname = \"c\"\nmacs = [\"02:00:00:00:00:03\"]\nvlans = [5]\nwire = \"out\"\n\
        [[flow]]\nfrom = \"b\"\nto = \"c\"\n";

    fn plan() -> Plan {
        let machine = Machine { cores: alloc::vec![0, 1] };
        let policy = Policy::parse(POLICY).unwrap();
        policy.check(&Capabilities::I82576, &machine).unwrap()
    }

    /// Frames that differ in little.
    fn frame() -> impl Strategy<Value = ([u8; 20], usize)> {
        let bytes = |of: &'static [u8]| prop::sample::select(of);
        let types = prop::sample::select(&[[0x08, 0], [0x81, 0], [0x88, 0x08]][..]);
        let parts = (bytes(&[0, 1, 2]), bytes(&[1, 2, 3, 9]), bytes(&[1, 2, 3]), types.clone());
        (
            parts,
            bytes(&[0, 5, 6]),
            types,
            prop::sample::select(&[13, 17, 18, 60, 1514, 1515, 1519][..]),
        )
            .prop_map(|((group, dst, src, outer), vid, inner, len)| {
                let mut frame = [0; 20];
                (frame[0], frame[5], frame[6], frame[11]) = (2 | group & 1, dst, 2, src);
                frame[12..14].copy_from_slice(&outer);
                frame[15] = vid;
                frame[16..18].copy_from_slice(&inner);
                (frame, len)
            })
    }

    #[test]
    fn what_does_not_count_may_differ_and_nothing_else() {
        let frame = |change: &dyn Fn(&mut [u8])| {
            let mut frame = [0; 60];
            frame[..18].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x81, 0, 0, 5, 8, 0]);
            change(&mut frame);
            frame
        };
        for from_wire in [false, true] {
            let mut recent = Recent::new(&plan());
            assert!(!recent.is_again(&frame(&|_| {})) && !recent.is_again(&[0; 60]));
            recent.keep(&frame(&|_| {}), from_wire);
            assert!(recent.is_again(&frame(&|f| f[14] = 0xe0)), "priority");
            assert!(recent.is_again(&frame(&|f| f[18] = 1)), "payload");
            assert_eq!(recent.is_again(&frame(&|f| f[11] = 1)), from_wire, "source");
            for at in [0, 5, 12, 13, 15, 16, 17] {
                assert!(!recent.is_again(&frame(&|f| f[at] ^= 2)), "byte {at}");
            }
            assert!(!recent.is_again(&frame(&|_| {})[..17]));
            let long = [&frame(&|_| {})[..], &[0; 1455]].concat();
            assert!(recent.is_again(&long[..1514]) && !recent.is_again(&long));
        }
        // Behind an EtherType there is payload only.
        let mut recent = Recent::new(&plan());
        let plain = frame(&|f| f[12] = 8);
        recent.keep(&plain, false);
        assert!(recent.is_again(&frame(&|f| (f[12], f[14], f[17]) = (8, 7, 7))));
    }

    proptest! {
        #[test]
        fn what_is_like_the_last_frame_has_its_verdict(frames in prop::collection::vec(frame(), 1..60)) {
            let plan = plan();
            for from in 0..3 {
                let mut recent = [Recent::new(&plan); 2];
                let mut verdicts = None;
                for (frame, len) in &frames {
                    let frame = &[&frame[..], &[0; 1500]].concat()[..*len];
                    let verdict = (
                        plan.from_partition(from, frame, *len),
                        plan.from_wire(frame, *len),
                    );
                    if let Some((sent, arrived)) = verdicts {
                        prop_assert!(!recent[0].is_again(frame) || verdict.0 == sent);
                        prop_assert!(!recent[1].is_again(frame) || verdict.1 == arrived);
                    }
                    if len > &17 && len < &1515 {
                        recent[0].keep(frame, false);
                        recent[1].keep(frame, true);
                        prop_assert!(recent.iter().all(|recent| recent.is_again(frame)));
                        verdicts = Some(verdict);
                    }
                }
            }
        }
    }
}
