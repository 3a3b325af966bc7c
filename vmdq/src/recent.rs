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

/// What a verdict depends on behind the addresses, in the last eight bytes of the start: the
/// EtherType, and of a tagged frame the VID and the EtherType behind the tag.
const UNTAGGED: u64 = u64::from_ne_bytes([0, 0, 255, 255, 0, 0, 0, 0]);
const TAGGED: u64 = u64::from_ne_bytes([0, 0, 255, 255, 15, 255, 255, 255]);

/// The last frame with the verdict that its keeper is interested in. From the wire the
/// source does not count, and only frames to one station are kept: on a segment that has
/// one owner.
#[derive(Debug, Clone, Copy)]
pub struct Recent<const FROM_WIRE: bool> {
    addresses: (u64, u64),
    kind: u64,
    mask: u64,
    longest: usize,
}

impl<const FROM_WIRE: bool> Recent<FROM_WIRE> {
    /// No frame yet, on the card of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let longest = plan.limits().longest_untagged();
        Self {
            addresses: (0, 0),
            kind: 1,
            mask: 0,
            longest,
        }
    }

    /// Remembers a frame.
    pub fn keep(&mut self, frame: &[u8]) {
        let kept = |start: &&Start| self.covers(frame.len()) && !(FROM_WIRE && start[0] & 1 == 1);
        let Some(start) = frame.first_chunk().filter(kept) else {
            return;
        };
        self.mask = if start[12..14] == TPID.to_be_bytes() {
            TAGGED
        } else {
            UNTAGGED
        };
        self.addresses = addresses::<FROM_WIRE>(start);
        self.kind = word::<10>(start) & self.mask;
    }

    /// Whether frames of `len` bytes can be like it.
    #[inline(always)]
    pub fn covers(&self, len: usize) -> bool {
        (HEADER + TAG..=self.longest).contains(&len)
    }

    /// Whether `frame` surely has the verdict of the one that was kept last.
    #[inline(always)]
    pub fn is_again(&self, frame: &[u8]) -> bool {
        let start = frame.first_chunk().filter(|_| self.covers(frame.len()));
        start.is_some_and(|start| {
            let (first, second) = addresses::<FROM_WIRE>(start);
            first == self.addresses.0
                && (FROM_WIRE || second == self.addresses.1)
                && word::<10>(start) & self.mask == self.kind
        })
    }
}

/// The eight bytes at `AT`.
#[inline(always)]
fn word<const AT: usize>(start: &Start) -> u64 {
    start[AT..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// The addresses that count.
#[inline(always)]
fn addresses<const FROM_WIRE: bool>(start: &Start) -> (u64, u64) {
    let first = word::<0>(start);
    // Of the first eight bytes six are the destination's.
    if FROM_WIRE {
        (u64::from_le(first) << 16, 0)
    } else {
        (first, word::<4>(start))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{self, flow, partition, segment};
    use crate::{PartitionId, PartitionSpec, Segment, Wire};

    /// One on the untagged segment, two on VLAN 5 of which the second only sends.
    fn plan() -> Plan {
        let on = |number: u8, segment: Segment, wire| PartitionSpec {
            segments: alloc::vec![segment],
            wire,
            ..partition(number)
        };
        let partitions = alloc::vec![
            on(0, Segment::UNTAGGED, Wire::Both),
            on(1, segment(5), Wire::Both),
            on(2, segment(5), Wire::Out),
        ];
        sample::plan(partitions, alloc::vec![flow(1, 2)])
    }

    /// Frames that differ in little.
    fn frame() -> impl Strategy<Value = ([u8; 20], usize)> {
        let bytes = |of: &'static [u8]| prop::sample::select(of);
        let types = prop::sample::select(&[[0x08, 0], [0x81, 0], [0x88, 0x08]][..]);
        let parts = (
            bytes(&[0, 1, 2]),
            bytes(&[1, 2, 3, 9]),
            bytes(&[1, 2, 3]),
            types.clone(),
        );
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
        fn check<const FROM_WIRE: bool>(frame: impl Fn(&dyn Fn(&mut [u8])) -> [u8; 60]) {
            let mut recent = Recent::<FROM_WIRE>::new(&plan());
            assert!(!recent.is_again(&frame(&|_| {})) && !recent.is_again(&[0; 60]));
            recent.keep(&frame(&|_| {}));
            assert!(recent.is_again(&frame(&|f| f[14] = 0xe0)), "priority");
            assert!(recent.is_again(&frame(&|f| f[18] = 1)), "payload");
            for at in 6..12 {
                assert_eq!(
                    recent.is_again(&frame(&|f| f[at] ^= 2)),
                    FROM_WIRE,
                    "source"
                );
            }
            for at in (0..6).chain(12..18) {
                assert!(!recent.is_again(&frame(&|f| f[at] ^= 2)), "byte {at}");
            }
            assert!(!recent.is_again(&frame(&|_| {})[..17]));
            let long = [&frame(&|_| {})[..], &[0; 1455]].concat();
            assert!(recent.is_again(&long[..1514]) && !recent.is_again(&long));
        }
        check::<false>(frame);
        check::<true>(frame);
        // Behind an EtherType there is payload only.
        let mut recent = Recent::<false>::new(&plan());
        let plain = frame(&|f| f[12] = 8);
        recent.keep(&plain);
        assert!(recent.is_again(&frame(&|f| (f[12], f[14], f[17]) = (8, 7, 7))));
    }

    proptest! {
        #[test]
        fn what_is_like_the_last_frame_has_its_verdict(frames in prop::collection::vec(frame(), 1..60)) {
            let plan = plan();
            for from in PartitionId::all().take(3) {
                let mut sending = Recent::<false>::new(&plan);
                let mut arriving = Recent::<true>::new(&plan);
                // What was kept, and its verdict.
                let (mut sent_last, mut arrived_last) = (None, None);
                for (frame, len) in &frames {
                    let frame = &[&frame[..], &[0; 1500]].concat()[..*len];
                    let verdict = (
                        plan.from_partition(from, frame, *len),
                        plan.from_wire(frame, *len),
                    );
                    prop_assert!(!sending.is_again(frame) || Some(verdict.0) == sent_last);
                    prop_assert!(!arriving.is_again(frame) || Some(verdict.1) == arrived_last);
                    if len > &17 && len < &1515 {
                        sending.keep(frame);
                        arriving.keep(frame);
                        prop_assert!(sending.is_again(frame));
                        prop_assert_eq!(arriving.is_again(frame), frame[0] & 1 == 0);
                        sent_last = Some(verdict.0);
                        if frame[0] & 1 == 0 {
                            arrived_last = Some(verdict.1);
                        }
                    }
                }
            }
        }
    }
}
