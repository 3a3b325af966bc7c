//! An exact-match flow cache: where frames went that differ in nothing that a verdict asks.
//!
//! The rule: a verdict depends on the bytes that are compared here and on nothing else, as long
//! as the length is between the bounds that an entry has, so what is alike in them has one
//! verdict. Only [`FlowCache::learn`] fills an entry, with a verdict of the plan: one on frames
//! from the wire only if they all go to one place, so that frames for nobody evict no flow of
//! others; one on frames of a partition, whose cache is its own, whatever it is. Entries are of
//! one epoch: [`FlowCache::enter`] forgets those of
//! any other.
//!
//! Direct-mapped: two flows that share a place evict each other, which costs time and nothing
//! else. Not here: the verdicts ([`Plan`]).

use core::marker::PhantomData;

use crate::frame::{HEADER, TAG, TPID};
use crate::prelude::*;
use crate::{FrameStart, MAX_PARTITIONS, PartitionId, Plan, Reason, SendVerdict, WireVerdict};

/// Flows that a cache remembers: a power of two.
const ENTRIES: usize = 128;

/// Bytes that a frame must have to be compared: those that are asked for.
const SHORTEST: usize = HEADER + TAG;

/// Spreads addresses that count up in any one octet over the places, none twice: 64 of them
/// over 128 places. Every low part of it is near 0.62 of its range, as the golden ratio's
/// inverse is.
const SPREAD: u64 = 0x9e9e_9e9e_9e9e_9e9d;

/// The one place that a frame goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop(u8);

impl NextHop {
    /// The wire.
    pub const WIRE: Self = Self(MAX_PARTITIONS as u8);

    /// Not known, or not one place.
    pub const UNKNOWN: Self = Self(u8::MAX);

    /// The lane of `partition`.
    pub const fn partition(partition: PartitionId) -> Self {
        Self(partition.index() as u8)
    }

    /// The partition that it is, if it is one.
    #[inline(always)]
    pub const fn to_partition(self) -> Option<PartitionId> {
        PartitionId::new(self.0 as usize)
    }

    /// The verdict of frames that are known to go there: [`NextHop::UNKNOWN`] is none, and
    /// sends nothing anywhere.
    pub fn verdict(self) -> SendVerdict {
        SendVerdict::Send {
            to: self.to_partition().into_iter().collect(),
            wire: self == Self::WIRE,
        }
    }
}

/// Which bytes count of the frames that a cache is for: [`FromWire`] or [`FromPartition`].
pub trait Origin: sealed::Sealed + Copy {
    /// Bits of the first eight bytes that are dropped from the low end after they are moved to
    /// the high end: two octets of the source, where that does not count.
    const DROPPED: u32;
    /// Of bytes 8 to 15 those of the source that count.
    const SOURCE: u64;
}

/// Frames from the wire: the source does not count.
#[derive(Debug, Clone, Copy)]
pub enum FromWire {}

/// Frames of one partition: the source counts, which must be its own.
#[derive(Debug, Clone, Copy)]
pub enum FromPartition {}

impl Origin for FromWire {
    const DROPPED: u32 = 16;
    const SOURCE: u64 = 0;
}

impl Origin for FromPartition {
    const DROPPED: u32 = 0;
    const SOURCE: u64 = 0xffff_ffff;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FromWire {}
    impl Sealed for super::FromPartition {}
}

/// What is compared, as numbers whose lowest byte is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// Bytes 0 to 7 without what was dropped: the destination, and two octets of the source.
    addresses: u64,
    /// Bytes 8 to 15: four octets of the source, the EtherType or TPID, the tag's control.
    rest: u64,
    /// Bytes 16 and 17: the EtherType behind a tag.
    inner: u64,
}

/// Of bytes 12 to 15: the EtherType of a frame without a tag.
const UNTAGGED: u64 = 0x0000_ffff_0000_0000;

/// Of bytes 16 to 23: the EtherType behind a tag.
const INNER: u64 = 0xffff;

/// The same of a frame with a tag: TPID and VID, without priority and drop eligibility.
const TAGGED: u64 = 0xff0f_ffff_0000_0000;

impl Key {
    #[inline(always)]
    fn of<O: Origin>(start: &FrameStart) -> Self {
        let [first, second, third, _] = start.words.map(u64::from_le);
        Self {
            addresses: first << O::DROPPED,
            rest: second,
            inner: third & INNER,
        }
    }

    /// Whether it has a tag.
    fn is_tagged(&self) -> bool {
        self.rest >> 32 & 0xffff == u64::from(TPID.swap_bytes())
    }
}

/// Frames that go one way for sure, as long as their cache is in the same epoch: whoever moves
/// a burst compares each frame with the flow of the one before first.
#[derive(Debug, Clone, Copy)]
pub struct Flow<O: Origin> {
    /// Masked.
    key: Key,
    /// What counts of [`Key::rest`].
    rest_mask: u64,
    /// What counts of [`Key::inner`].
    inner_mask: u64,
    /// The longest frame of its verdict in bytes, less [`SHORTEST`].
    span: usize,
    hop: NextHop,
    /// What sends them there, or anywhere else.
    verdict: SendVerdict,
    origin: PhantomData<O>,
}

impl<O: Origin> Flow<O> {
    /// One that no frame is of; it goes to [`NextHop::UNKNOWN`].
    pub const NONE: Self = Self {
        key: Key {
            addresses: 0,
            rest: 1,
            inner: 0,
        },
        rest_mask: 0,
        inner_mask: 0,
        span: 0,
        hop: NextHop::UNKNOWN,
        verdict: SendVerdict::Refuse(Reason::UnknownMac),
        origin: PhantomData,
    };

    /// Where its frames go.
    #[inline(always)]
    pub fn hop(&self) -> NextHop {
        self.hop
    }

    /// Whether the frame is one of them.
    #[inline(always)]
    pub fn covers(&self, start: &FrameStart) -> bool {
        let key = Key::of::<O>(start);
        // One branch for all that differs, since hardly ever anything does.
        let differs = (self.key.addresses ^ key.addresses)
            | (self.key.rest ^ key.rest & self.rest_mask)
            | (self.key.inner ^ key.inner & self.inner_mask);
        differs == 0 && start.len.wrapping_sub(SHORTEST) <= self.span
    }
}

/// The flows of one origin, in one epoch.
#[derive(Debug, Clone)]
pub struct FlowCache<O: Origin> {
    epoch: u64,
    entries: Box<[Flow<O>; ENTRIES]>,
}

impl<O: Origin> FlowCache<O> {
    /// One that knows nothing, of `epoch`.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            entries: Box::new([Flow::NONE; ENTRIES]),
        }
    }

    /// Forgets everything unless it was learnt in `epoch`.
    pub fn enter(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.entries.fill(Flow::NONE);
        }
    }

    /// Where the frame goes, if a frame with the same verdict was learnt.
    #[inline(always)]
    pub fn look_up(&self, start: &FrameStart) -> NextHop {
        self.find(start).hop
    }

    /// The flow of the frame, if one with the same verdict was learnt; else [`Flow::NONE`].
    #[inline(always)]
    pub fn find(&self, start: &FrameStart) -> &Flow<O> {
        let flow = self.near(start);
        if flow.covers(start) {
            flow
        } else {
            &Flow::NONE
        }
    }

    /// The only flow that may be the frame's.
    #[inline(always)]
    fn near(&self, start: &FrameStart) -> &Flow<O> {
        &self.entries[place(Key::of::<O>(start).addresses)]
    }

    /// Remembers the verdict of `plan` on frames like this one.
    fn keep(&mut self, plan: &Plan, start: &FrameStart, verdict: SendVerdict) {
        let mut key = Key::of::<O>(start);
        let limits = plan.limits();
        let (kind, inner_mask, longest) = if key.is_tagged() {
            (TAGGED, INNER, limits.longest_tagged())
        } else {
            (UNTAGGED, 0, limits.longest_untagged())
        };
        if !(SHORTEST..=longest).contains(&start.len) {
            return;
        }
        let rest_mask = kind | O::SOURCE;
        key.rest &= rest_mask;
        key.inner &= inner_mask;
        self.entries[place(key.addresses)] = Flow {
            key,
            rest_mask,
            inner_mask,
            span: longest - SHORTEST,
            hop: verdict.hop(),
            verdict,
            origin: PhantomData,
        };
    }
}

impl FlowCache<FromWire> {
    /// The plan's verdict on a frame from the wire, remembered if one partition gets it.
    pub fn learn(&mut self, plan: &Plan, start: &FrameStart) -> WireVerdict {
        let verdict = plan.from_wire(&start.bytes(), start.len);
        if let WireVerdict::Deliver(to) = verdict
            && let (Some(partition), 1) = (to.first(), to.len())
        {
            self.keep(plan, start, NextHop::partition(partition).verdict());
        }
        verdict
    }
}

impl FlowCache<FromPartition> {
    /// The plan's verdict on a frame of partition `from`, whose cache this is: remembered, or
    /// asked for and remembered then.
    pub fn judge(&mut self, plan: &Plan, from: PartitionId, start: &FrameStart) -> SendVerdict {
        let flow = self.near(start);
        if flow.covers(start) {
            return flow.verdict;
        }
        let verdict = plan.from_partition(from, &start.bytes(), start.len);
        self.keep(plan, start, verdict);
        verdict
    }
}

impl SendVerdict {
    /// The one place that it sends a frame to, if it is one.
    fn hop(self) -> NextHop {
        match self {
            Self::Send { to, wire: true } if to.is_empty() => NextHop::WIRE,
            Self::Send { to, wire: false } if to.len() == 1 => {
                to.first().map_or(NextHop::UNKNOWN, NextHop::partition)
            }
            _ => NextHop::UNKNOWN,
        }
    }
}

/// The place of a flow by its addresses.
#[inline(always)]
fn place(addresses: u64) -> usize {
    (addresses.wrapping_mul(SPREAD) >> (u64::BITS - ENTRIES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::sample::{self, flow, segment};
    use crate::{PartitionSpec, Segment, Wire};

    /// One on the untagged segment, two on VLAN 5 of which the second only sends.
    fn plan() -> Plan {
        let on = |number: u8, segment: Segment, wire| PartitionSpec {
            segments: alloc::vec![segment],
            wire,
            ..sample::partition(number)
        };
        let partitions = alloc::vec![
            on(0, Segment::UNTAGGED, Wire::Both),
            on(1, segment(5), Wire::Both),
            on(2, segment(5), Wire::Out),
        ];
        sample::plan(partitions, alloc::vec![flow(1, 2)])
    }

    fn partition(number: usize) -> PartitionId {
        PartitionId::new(number).unwrap()
    }

    /// A frame of `len` bytes that begins with `bytes`.
    fn start(bytes: &[u8], len: usize) -> FrameStart {
        let mut all = [0; 32];
        all[..bytes.len()].copy_from_slice(bytes);
        FrameStart::new(all, len)
    }

    /// Frames that differ in little.
    fn frame() -> impl Strategy<Value = FrameStart> {
        let bytes = |of: &'static [u8]| prop::sample::select(of);
        let types = [[0x08, 0], [0x81, 0], [0x88, 0x08], [0x88, 0xa8]];
        let types = prop::sample::select(types.to_vec());
        let lengths = [13, 14, 17, 18, 60, 1514, 1515, 1518, 1519];
        (
            (
                bytes(&[0, 1, 2]),
                bytes(&[1, 2, 3, 9]),
                bytes(&[1, 2, 3]),
                types.clone(),
            ),
            (bytes(&[0, 0x10, 0xf0]), bytes(&[0, 5, 6])),
            types,
            prop::sample::select(lengths.to_vec()),
        )
            .prop_map(|((group, dst, src, outer), (priority, vid), inner, len)| {
                let mut frame = [0; 20];
                (frame[0], frame[5], frame[6], frame[11]) = (2 | group & 1, dst, 2, src);
                frame[12..14].copy_from_slice(&outer);
                (frame[14], frame[15]) = (priority, vid);
                frame[16..18].copy_from_slice(&inner);
                start(&frame, len)
            })
    }

    /// Checks which bytes of a frame to partition b on VLAN 5 count.
    fn count<O: Origin>(learn: impl Fn(&mut FlowCache<O>, &FrameStart), source_counts: bool) {
        let frame = |change: &dyn Fn(&mut [u8; 60])| {
            let mut frame = [0; 60];
            frame[..18].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9, 0x81, 0, 0, 5, 8, 0]);
            if source_counts {
                frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 2]);
            }
            change(&mut frame);
            start(&frame[..32], 60)
        };
        let mut cache = FlowCache::<O>::new(1);
        let knows =
            |cache: &FlowCache<O>, start: &FrameStart| cache.look_up(start) != NextHop::UNKNOWN;
        assert!(!knows(&cache, &frame(&|_| {})) && !knows(&cache, &start(&[], 60)));
        learn(&mut cache, &frame(&|_| {}));
        assert!(knows(&cache, &frame(&|_| {})));
        assert!(knows(&cache, &frame(&|f| f[14] = 0xe0)), "priority");
        assert!(knows(&cache, &frame(&|f| f[18] = 1)), "payload");
        for at in 6..12 {
            let other = frame(&|f| f[at] ^= 2);
            assert_eq!(knows(&cache, &other), !source_counts, "source");
        }
        for at in (0..6).chain(12..18) {
            assert!(!knows(&cache, &frame(&|f| f[at] ^= 2)), "byte {at}");
        }
        for (len, known) in [(17, false), (18, true), (1518, true), (1519, false)] {
            let other = FrameStart {
                len,
                ..frame(&|_| {})
            };
            assert_eq!(knows(&cache, &other), known, "{len} bytes");
        }
        cache.enter(1);
        assert!(knows(&cache, &frame(&|_| {})));
        cache.enter(2);
        assert!(!knows(&cache, &frame(&|_| {})), "of another epoch");
    }

    #[test]
    fn what_does_not_count_may_differ_and_nothing_else() {
        let plan = plan();
        let learn = |cache: &mut FlowCache<FromWire>, frame: &_| {
            cache.learn(&plan, frame);
        };
        count(learn, false);
        let b = partition(1);
        let learn = |cache: &mut FlowCache<FromPartition>, frame: &_| {
            cache.judge(&plan, b, frame);
        };
        count(learn, true);
    }

    #[test]
    fn behind_the_type_of_a_frame_without_a_tag_is_payload_only() {
        let plan = plan();
        let mut cache = FlowCache::<FromWire>::new(0);
        let mut bytes = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0, 0, 0, 0];
        cache.learn(&plan, &start(&bytes, 60));
        (bytes[14], bytes[17]) = (7, 7);
        let hop = NextHop::partition(partition(0));
        assert_eq!(cache.look_up(&start(&bytes, 60)), hop);
        assert_eq!(cache.look_up(&start(&bytes, 1514)), hop);
        assert_eq!(cache.look_up(&start(&bytes, 1515)), NextHop::UNKNOWN);
    }

    #[test]
    fn sixty_four_stations_that_count_up_in_any_octet_have_places_of_their_own() {
        for octet in 0..6 {
            let places: BTreeSet<usize> = (0..64)
                .map(|station| place(0x0102_0304_0506_0708 ^ station << (8 * octet + 16)))
                .collect();
            assert_eq!(places.len(), 64, "octet {octet}");
        }
    }

    proptest! {
        #[test]
        fn what_the_cache_knows_is_the_plans_verdict(frames in prop::collection::vec(frame(), 1..80)) {
            let plan = plan();
            for from in PartitionId::all().take(3) {
                let mut sending = FlowCache::<FromPartition>::new(0);
                let mut arriving = FlowCache::<FromWire>::new(0);
                for frame in &frames {
                    let (sent, arrived) = (sending.look_up(frame), arriving.look_up(frame));
                    let verdict = plan.from_partition(from, &frame.bytes(), frame.len);
                    if sent != NextHop::UNKNOWN {
                        prop_assert_eq!(verdict, sent.verdict());
                    }
                    prop_assert_eq!(sending.judge(&plan, from, frame), verdict, "asked");
                    prop_assert_eq!(sending.judge(&plan, from, frame), verdict, "remembered");
                    let verdict = arriving.learn(&plan, frame);
                    if arrived != NextHop::UNKNOWN {
                        let to = arrived.to_partition().into_iter().collect();
                        prop_assert_eq!(verdict, WireVerdict::Deliver(to));
                    }
                }
            }
        }
    }
}
