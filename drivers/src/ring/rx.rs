//! Receive queues.
//!
//! Every slot is armed (the card may write its buffer) but those of the burst that is being
//! looked at, which [`RxBurst::release`] arms again. Whatever a card wrote into a descriptor is
//! untrusted and is loaded once: what does not describe exactly one sound frame in exactly one
//! buffer is a bad descriptor, counted and left out.
//!
//! Not here: whose frame it is (`lockgate-vmdq`).

use core::{mem, slice};

use lockgate_regs::descriptor::{RxInfo, RxStatus};
use lockgate_rss::HashKind;
use lockgate_shm::{Block, BlockRun};

use super::{Ring, RxPlace};

/// The most frames of one burst.
pub const MAX_BURST: usize = 64;

/// Free receive buffers of which the card hears with one doorbell, half of the smallest ring:
/// it is a write across the bus, and to a virtual card it costs more than all else of a frame.
/// (DPDK has the same threshold under this name.)
pub const RX_FREE_THRESH: usize = 32;

/// Status of a descriptor that is done and holds a whole frame.
const SOUND: u64 = RxStatus::new()
    .with_done(true)
    .with_end_of_packet(true)
    .into_bits();

/// The kind of hash for each code in a descriptor. Kinds that involve IPv6 extension headers
/// count as none: cards are told not to look at those.
const KINDS: [Option<HashKind>; 16] = {
    let mut kinds = [None; 16];
    let mut at = 0;
    while at < HashKind::ALL.len() {
        let kind = HashKind::ALL[at];
        kinds[kind.code() as usize] = Some(kind);
        at += 1;
    }
    kinds
};

/// A hash that the card computed, with whatever key it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxHash {
    /// The Toeplitz hash.
    pub value: u32,
    /// Which fields it covers.
    pub kind: HashKind,
}

/// A received frame.
#[derive(Debug, Clone, Copy)]
pub struct RxFrame<'b> {
    /// Its bytes without check sequence: at least 1, and no more than the buffer has.
    pub length: usize,
    /// Its hash, if the card gave one that a policy can name.
    pub hash: Option<RxHash>,
    /// The buffer that begins with it. A card that does not keep to the rules may write it at any
    /// time: decide on copies alone.
    pub buffer: Block<'b>,
}

impl RxFrame<'_> {
    /// Copies the frame into `into`, or as much of it as there is room for; says how many bytes.
    #[inline(always)]
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let room = into.len().min(self.length);
        self.buffer.copy_to(&mut into[..room])
    }
}

/// What one descriptor said, loaded once.
#[derive(Debug, Clone, Copy)]
struct Received {
    length: usize,
    /// Its first half.
    info: u64,
}

impl Received {
    const NOTHING: Self = Self { length: 0, info: 0 };

    /// The frame that it tells of, which is in `buffer`.
    #[inline(always)]
    fn frame(self, buffer: Block<'_>) -> RxFrame<'_> {
        let kind = KINDS[(self.info & 0xF) as usize];
        let hash = |kind| RxHash {
            value: RxInfo::from(self.info).hash(),
            kind,
        };
        RxFrame {
            length: self.length,
            hash: kind.map(hash),
            buffer,
        }
    }
}

/// Descriptors that describe no frame to be used, by what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BadDescriptors {
    /// No byte, or more than a buffer holds.
    pub length: u64,
    /// A piece of a frame that spans buffers, which no frame that the card was told to take does.
    pub spanning: u64,
    /// The card reported an error of the frame.
    pub error: u64,
}

impl BadDescriptors {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.length + self.spanning + self.error
    }
}

/// One receive queue.
pub struct RxQueue {
    ring: Ring,
    /// The bits of a status that are as in [`SOUND`] where it tells of a frame to be used.
    sound_mask: u64,
    pool: u8,
    queue: u8,
    /// The next slot to be looked at; all before it are armed again.
    next: usize,
    /// What `next` was at the last doorbell.
    published: usize,
    /// Whether the slot before `next` began a frame that it did not end.
    in_fragment: bool,
    bad: BadDescriptors,
    /// What the descriptors of the present burst said.
    received: [Received; MAX_BURST],
}

impl RxQueue {
    /// A queue with its slots all armed; silent until [`RxQueue::post_initial`]. Frames with one
    /// of `fatal_errors` are refused.
    pub(crate) fn new(ring: Ring, fatal_errors: u16, place: RxPlace) -> Self {
        ring.arm(0, ring.slots());
        let errors = RxStatus::new().with_errors(fatal_errors);
        Self {
            ring,
            sound_mask: SOUND | u64::from(errors),
            pool: place.pool,
            queue: place.queue,
            next: 0,
            published: 0,
            in_fragment: false,
            bad: BadDescriptors::default(),
            received: [Received::NOTHING; MAX_BURST],
        }
    }

    /// Rings the first doorbell; the card's queue must be enabled by then.
    pub(crate) fn post_initial(&self) {
        self.ring.ring_doorbell(self.ring.capacity());
    }

    /// Its pool: the index of its partition in the plan.
    pub fn pool(&self) -> u8 {
        self.pool
    }

    /// Its number within the pool.
    pub fn queue(&self) -> u8 {
        self.queue
    }

    /// Whether the card has written the next descriptor: one load. The next
    /// [`RxQueue::burst`] then has frames, unless all that it finds is bad.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        RxStatus::from(self.ring.status(self.next)).done()
    }

    /// The next received frames in order, up to `limit` and [`MAX_BURST`]; fewer, perhaps none,
    /// when the card has no more or a bad descriptor comes between. Bad ones in front are counted
    /// and given back, no more than `limit` of them.
    ///
    /// The frames stay the next ones until [`RxBurst::release`].
    #[inline]
    pub fn burst(&mut self, limit: usize) -> RxBurst<'_> {
        let limit = limit.min(MAX_BURST);
        let mut count = self.take_in(limit);
        if count == 0 && limit > 0 && self.is_ready() && self.owned() > 0 {
            self.skip_bad(limit);
            count = self.take_in(limit);
        }
        RxBurst { queue: self, count }
    }

    /// Slots from `next` on that the card was given. The one that it was not given is never
    /// looked at, whatever it says.
    #[inline(always)]
    fn owned(&self) -> usize {
        self.published + self.ring.capacity() - self.next
    }

    /// Loads up to `limit` descriptors as long as they are sound; says how many.
    #[inline(always)]
    fn take_in(&mut self, limit: usize) -> usize {
        if self.in_fragment {
            return 0;
        }
        let limit = limit.min(self.owned());
        let before_wrap = self.ring.before_wrap(self.next);
        let count = self.take_in_row(0, limit);
        if count == before_wrap && count < limit {
            self.take_in_row(count, limit)
        } else {
            count
        }
    }

    /// [`RxQueue::take_in`] with `count` loaded already, to the end of the ring at most.
    #[inline(always)]
    fn take_in_row(&mut self, mut count: usize, limit: usize) -> usize {
        let (sound_mask, buffer_bytes) = (self.sound_mask, self.ring.buffer_bytes());
        let (first, most) = (self.next.wrapping_add(count), limit - count);
        let descriptors = self.ring.descriptors.pairs(first, most);
        for (descriptor, received) in descriptors.zip(&mut self.received[count..]) {
            // Acquire: whatever the card wrote before the second half, the first and the buffer,
            // is seen by later loads.
            let status = descriptor.second_acquire();
            let length = usize::from(RxStatus::from(status).length());
            // A length of 0 wraps and is too long.
            let fits = length.wrapping_sub(1) < buffer_bytes;
            if status & sound_mask != SOUND || !fits {
                break;
            }
            *received = Received {
                length,
                info: descriptor.first(),
            };
            count += 1;
        }
        count
    }

    /// Counts bad descriptors, and gives their buffers back, until a sound one comes; `limit` at
    /// most.
    #[cold]
    fn skip_bad(&mut self, limit: usize) {
        for _ in 0..limit.min(self.owned()) {
            let status = self.ring.status(self.next);
            let Some(counter) = self.fault(status) else {
                break;
            };
            *counter += 1;
            self.in_fragment = !RxStatus::from(status).end_of_packet();
            self.ring.post(self.next, 0);
            self.next += 1;
        }
        self.publish();
    }

    /// The counter for what is wrong with a descriptor; `None` if it is sound, or not done.
    fn fault(&mut self, status: u64) -> Option<&mut u64> {
        let told = RxStatus::from(status);
        let sound_length = (1..=self.ring.buffer_bytes()).contains(&told.length().into());
        if !told.done() {
            None
        } else if self.in_fragment || !told.end_of_packet() {
            Some(&mut self.bad.spanning)
        } else if status & self.sound_mask != SOUND {
            Some(&mut self.bad.error)
        } else if !sound_length {
            Some(&mut self.bad.length)
        } else {
            None
        }
    }

    /// Tells the card of free buffers when there are enough.
    #[inline(always)]
    fn publish(&mut self) {
        if self.next - self.published >= RX_FREE_THRESH {
            self.published = self.next;
            self.ring.ring_doorbell(self.next + self.ring.capacity());
        }
    }

    /// Bad descriptors since the last call.
    pub fn take_bad(&mut self) -> BadDescriptors {
        mem::take(&mut self.bad)
    }
}

/// Frames of a burst whose buffers lie in a row ([`RxBurst::frames_in_row`]).
#[derive(Debug)]
pub struct RxFrames<'b> {
    received: slice::Iter<'b, Received>,
    buffers: BlockRun<'b>,
}

impl<'b> Iterator for RxFrames<'b> {
    type Item = RxFrame<'b>;

    #[inline(always)]
    fn next(&mut self) -> Option<RxFrame<'b>> {
        let (buffer, received) = (self.buffers.next()?, self.received.next()?);
        Some(received.frame(buffer))
    }
}

/// Received frames. Dropping it gives no buffer back: its frames come again.
#[must_use = "frames stay where they are until they are released"]
pub struct RxBurst<'q> {
    queue: &'q mut RxQueue,
    count: usize,
}

impl RxBurst<'_> {
    /// How many frames it has.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Frame number `index`, from 0; `None` beyond the last.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<RxFrame<'_>> {
        self.frames_in_row(index, 1).next()
    }

    /// The frames from number `first` on, in order: `most` of them, or as many as lie in a row.
    #[inline(always)]
    pub fn frames_in_row(&self, first: usize, most: usize) -> RxFrames<'_> {
        let burst = self.queue.received.get(..self.count).unwrap_or_default();
        let received = burst.get(first..).unwrap_or_default();
        let most = most.min(received.len());
        RxFrames {
            received: received.iter(),
            buffers: self
                .queue
                .ring
                .buffers
                .run(self.queue.next.wrapping_add(first), most),
        }
    }

    /// All frames, oldest first.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = RxFrame<'_>> {
        (0..self.count).filter_map(|index| self.get(index))
    }

    /// Gives the buffers of the first `count` frames back to the card, or of all if there are
    /// fewer; the others stay the next ones. The card hears of free buffers
    /// [`RX_FREE_THRESH`] at a time.
    #[inline(always)]
    pub fn release(self, count: usize) {
        let queue = self.queue;
        let end = queue.next + count.min(self.count);
        queue.ring.arm(queue.next, end - queue.next);
        queue.next = end;
        queue.publish();
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use lockgate_regs::descriptor::RssType;

    use super::*;
    use crate::fake::FakeCard;
    use crate::ring::tests::{ring, write_back};

    const RXE: u16 = 1 << 11;

    fn place() -> RxPlace {
        RxPlace {
            base: 0xC000,
            pool: 3,
            queue: 1,
        }
    }

    fn queue(card: &FakeCard) -> RxQueue {
        let queue = RxQueue::new(ring(card, 64, 2048), RXE, place());
        queue.post_initial();
        assert_eq!(card.doorbells(), [63]);
        assert_eq!((queue.pool(), queue.queue()), (3, 1));
        queue
    }

    fn good(length: u16) -> RxStatus {
        RxStatus::new()
            .with_done(true)
            .with_end_of_packet(true)
            .with_length(length)
    }

    /// Plays the card: writes a frame and its descriptor back.
    fn complete(card: &FakeCard, slot: usize, frame: &[u8], status: RxStatus) {
        assert_eq!(
            card.memory().load_u64(slot * 16 + 8),
            Some(0),
            "the descriptor is armed"
        );
        let info = RxInfo::new()
            .with_rss_type(RssType::UdpV4)
            .with_hash(0xabcd);
        write_back(card, slot, frame, [info.into(), status.into()]);
    }

    /// The frames of one burst, all released, and the bad descriptors so far.
    fn take(queue: &mut RxQueue, limit: usize) -> (Vec<Vec<u8>>, u64) {
        let burst = queue.burst(limit);
        let frames: Vec<_> = burst.iter().map(|frame| bytes(&frame)).collect();
        burst.release(usize::MAX);
        (frames, queue.take_bad().total())
    }

    fn bytes(frame: &RxFrame<'_>) -> Vec<u8> {
        let mut bytes = vec![0; frame.length];
        assert_eq!(frame.copy_to(&mut bytes), frame.length);
        bytes
    }

    #[test]
    fn hashes_of_the_kinds_that_a_policy_names_are_believed_and_no_others() {
        for (code, believed) in KINDS.into_iter().enumerate() {
            let kind = HashKind::ALL
                .into_iter()
                .find(|kind| usize::from(kind.code()) == code);
            assert_eq!(believed, kind, "code {code}");
        }
        let codes = HashKind::ALL.map(HashKind::code).map(RssType::from_bits);
        use RssType::{Ipv4, Ipv6, TcpV4, TcpV6, UdpV4, UdpV6};
        assert_eq!(codes, [Ipv4, TcpV4, UdpV4, Ipv6, TcpV6, UdpV6]);
    }

    #[test]
    fn frames_come_in_order_over_many_laps_and_the_card_hears_of_buffers_in_thirty_twos() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        let (mut released, mut told) = (0, 0);
        for round in 0..40_u8 {
            for frame in 0..5 {
                let slot = (usize::from(round) * 5 + frame) % 64;
                complete(&card, slot, &[round, frame as u8, 7], good(3));
            }
            let mut number = 0;
            let mut due = Vec::new();
            for (limit, count) in [(2, 2), (64, 3)] {
                let burst = queue.burst(limit);
                assert_eq!(burst.len(), count, "up to {limit}");
                for frame in burst.iter() {
                    let hash = RxHash {
                        value: 0xabcd,
                        kind: HashKind::Ipv4Udp,
                    };
                    assert_eq!(frame.hash, Some(hash));
                    assert_eq!(bytes(&frame), [round, number, 7]);
                    number += 1;
                }
                burst.release(count);
                released += count;
                if released - told >= RX_FREE_THRESH {
                    told = released;
                    due.push((released as u32 + 63) % 64);
                }
            }
            assert_eq!(card.doorbells(), due);
        }
        assert!(told > 150);
    }

    #[test]
    fn each_frame_has_its_own_length_and_hash() {
        use RssType::{None as Unhashed, TcpV6, UdpV4};
        let card = FakeCard::new();
        let mut queue = queue(&card);
        let frames = [(60, UdpV4), (61, UdpV4), (61, Unhashed), (60, TcpV6)];
        for (slot, (length, kind)) in frames.into_iter().enumerate() {
            let info = RxInfo::new().with_rss_type(kind).with_hash(slot as u32);
            let words = [info.into(), good(length).into()];
            write_back(&card, slot, &[7; 61], words);
        }
        let burst = queue.burst(64);
        let said: Vec<_> = burst.iter().map(|f| (f.length, f.hash)).collect();
        let hash = |value, kind| Some(RxHash { value, kind });
        let expected = [
            (60, hash(0, HashKind::Ipv4Udp)),
            (61, hash(1, HashKind::Ipv4Udp)),
            (61, None),
            (60, hash(3, HashKind::Ipv6Tcp)),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_frame_that_is_not_released_stays_the_next_one() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for slot in 0..3 {
            complete(&card, slot, &[slot as u8], good(1));
        }
        for number in 0..2 {
            let burst = queue.burst(64);
            let seen: Vec<_> = burst.iter().map(|frame| bytes(&frame)[0]).collect();
            assert_eq!(seen, Vec::from_iter(number..3));
            burst.release(1);
        }
        let burst = queue.burst(64);
        assert_eq!(burst.len(), 1);
        drop(burst);
        assert_eq!(take(&mut queue, 64), (vec![vec![2]], 0));
    }

    #[test]
    fn a_descriptor_that_changes_after_it_was_looked_at_changes_nothing() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        complete(&card, 0, &[1; 60], good(60));
        let burst = queue.burst(64);
        write_back(&card, 0, &[], [0, good(2048).into()]);
        assert_eq!(burst.get(0).map(|frame| frame.length), Some(60));
        assert!(burst.get(1).is_none());
    }

    #[test]
    fn what_was_copied_stays_when_the_card_writes_the_buffer_again() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        complete(&card, 0, &[0x11; 60], good(60));
        // Whoever made the mapping may keep its memory, and write it whenever it likes.
        let memory = card.memory();
        let burst = queue.burst(1);
        let frame = burst.get(0).unwrap();
        let [mut before, mut after] = [[0; 60]; 2];
        assert_eq!(frame.copy_to(&mut before), 60);
        assert!(memory.write(4096 + 20, &[0x99]));
        assert_eq!(frame.copy_to(&mut after), 60);
        assert_eq!((before[20], after[20]), (0x11, 0x99));
    }

    #[test]
    fn an_impossible_length_is_refused_and_the_queue_goes_on() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        complete(&card, 0, &[], good(0));
        complete(&card, 1, &[], good(2049));
        complete(&card, 2, &[1; 2048], good(2048));
        assert_eq!(take(&mut queue, 64), (vec![vec![1; 2048]], 2));
    }

    #[test]
    fn no_piece_of_a_frame_that_spans_buffers_is_shown_as_a_frame() {
        for split in [1, 2, 3, 64] {
            let card = FakeCard::new();
            let mut queue = queue(&card);
            let piece = good(2048).with_end_of_packet(false);
            complete(&card, 0, &[], piece);
            complete(&card, 1, &[], piece);
            complete(&card, 2, &[], good(100));
            complete(&card, 3, &[9; 100], good(100));
            let (mut taken, mut bad) = take(&mut queue, split);
            for _ in 0..3 {
                let rest = take(&mut queue, split);
                taken.extend(rest.0);
                bad += rest.1;
            }
            assert_eq!((taken, bad), (vec![vec![9; 100]], 3), "by {split}");
        }
    }

    #[test]
    fn a_frame_with_a_receive_error_is_refused_but_not_one_with_a_bad_checksum() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        complete(&card, 0, &[1; 60], good(60).with_errors(RXE));
        complete(&card, 1, &[1; 60], good(60).with_errors(0x600));
        assert_eq!(take(&mut queue, 64), (vec![vec![1; 60]], 1));
    }

    #[test]
    fn bad_descriptors_are_counted_by_what_is_wrong_with_them_wherever_they_come() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        let statuses = [
            good(60),
            good(0),
            good(60),
            good(60).with_errors(RXE),
            good(60).with_end_of_packet(false),
            good(60),
            good(60),
        ];
        for (slot, status) in statuses.into_iter().enumerate() {
            complete(&card, slot, &[1; 60], status);
        }
        let mut frames = 0;
        for _ in 0..4 {
            let burst = queue.burst(64);
            frames += burst.len();
            burst.release(64);
        }
        assert_eq!(frames, 3);
        let expected = BadDescriptors {
            length: 1,
            spanning: 2,
            error: 1,
        };
        assert_eq!(queue.take_bad(), expected);
        assert_eq!(queue.take_bad().total(), 0);
    }

    #[test]
    fn a_card_that_completes_everything_at_once_cannot_make_the_queue_overrun() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for slot in 0..64 {
            complete(&card, slot, &[1; 60], good(60));
        }
        assert_eq!(take(&mut queue, usize::MAX).0.len(), 63);
        assert_eq!(
            take(&mut queue, usize::MAX).0.len(),
            1,
            "the one that was not the card's"
        );
    }
}
