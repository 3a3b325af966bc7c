//! Receive queues.
//!
//! Every slot is armed (the NIC may write its buffer) but the one that is being handed
//! over by [`RxQueue::receive`], which arms it again before it looks at the next. Whatever
//! a NIC wrote into a descriptor is untrusted: what does not describe exactly one sound
//! frame in exactly one buffer is a bad descriptor, counted and left out.
//!
//! Not here: whose frame it is (`lockgate-vmdq`).

use lockgate_regs::descriptor::{RxInfo, RxStatus};

use super::{Ring, Run, Slot, TOGETHER};

/// Status of a descriptor that is done and holds a whole frame.
const SOUND: u64 = RxStatus::new()
    .with_done(true)
    .with_end_of_packet(true)
    .into_bits();

/// Received frames in a row of which the card says the same, but for the hash: all are of
/// one length and hashed alike. What is asked of that is asked once.
pub struct Train<'q> {
    /// From the first of them to the end of the ring.
    run: Run<'q>,
    /// As in [`RxQueue`].
    mask: u64,
    /// The second half of all their descriptors, and half of the first.
    status: u64,
    kind: u32,
    /// Bytes of each frame.
    pub length: usize,
    /// The code of the kind of their hashes, if they have any. Kinds that involve IPv6
    /// extension headers count as none: cards are told not to look at those.
    pub hash_code: Option<u8>,
}

impl Train<'_> {
    /// Goes on with the train that begins with the next frame, if one comes next.
    pub fn renew(&mut self) -> bool {
        let [info, status] = self.run.get(0).map_or([0; 2], Slot::words);
        let length = RxStatus::from(status).length().into();
        let whole = status & self.mask == SOUND && (1..=self.run.buffer_bytes).contains(&length);
        if whole {
            let code = info as u8 & 0xF;
            self.hash_code = (KINDS & 1 << code != 0).then_some(code);
            (self.status, self.kind, self.length) = (status, info as u32, length);
        }
        whole
    }

    /// Hands up to `limit` frames to `take`, oldest first, each with its number in the train
    /// and its hash, which means something if there is a code, and gives the buffer of each
    /// back to the NIC; says how many. Where `take` says false the frame stays the next one.
    #[inline(always)]
    pub fn each(&mut self, limit: usize, mut take: impl FnMut(usize, &[u8], u32) -> bool) -> usize {
        let (status, kind, length) = (self.status, self.kind, self.length);
        let run = self.run.reborrow();
        let mut i = 0;
        while i < limit.min(run.left)
            && let Some(slot) = run.get(i)
            && let [info, found] = slot.words()
            && found == status
            && info as u32 == kind
            && take(i, run.buffer(i, length), RxInfo::from(info).hash())
        {
            slot.put(0);
            i += 1;
        }
        self.run.advance(i);
        i
    }
}

/// A bit for the code of each kind of hash ([`HashKind`](lockgate_rss::HashKind)).
const KINDS: u32 = 0b1_1010_1110;

/// One receive queue.
pub struct RxQueue {
    ring: Ring,
    /// The bits of a status that are as in [`SOUND`] where it tells of a frame to be used.
    mask: u64,
    pool: u8,
    queue: u8,
    /// The next slot to be written by the NIC, or to be looked at.
    next: usize,
    /// What `next` was at the last doorbell.
    announced: usize,
    /// Whether the slot before `next` began a frame that it did not end.
    open: bool,
    /// Bad descriptors that nobody has asked for yet.
    bad: u64,
}

impl RxQueue {
    /// Queue `queue` of pool `pool`, its slots all armed; silent until
    /// [`RxQueue::begin`]. Frames with one of `fatal_errors` are refused.
    pub(crate) fn new(ring: Ring, fatal_errors: u16, (pool, queue): (u8, u8)) -> Self {
        (0..=ring.room()).for_each(|slot| ring.slot(slot).put(0));
        let mask = SOUND | u64::from(RxStatus::new().with_errors(fatal_errors));
        Self {
            ring,
            mask,
            pool,
            queue,
            next: 0,
            announced: 0,
            open: false,
            bad: 0,
        }
    }

    /// Rings the first doorbell; the card's queue must be enabled by then.
    pub(crate) fn begin(&self) {
        self.ring.ring_doorbell(self.ring.room());
    }

    /// Its pool: the index of its partition in the plan.
    pub fn pool(&self) -> u8 {
        self.pool
    }

    /// Its number within the pool.
    pub fn queue(&self) -> u8 {
        self.queue
    }

    /// Hands up to `limit` received frames to `take`, oldest first and those together that are
    /// alike in a row, until it says false. Says how many descriptors were settled, the bad
    /// ones among them. The NIC hears of [`TOGETHER`] free buffers at a time.
    #[inline(always)]
    pub fn receive(&mut self, limit: usize, mut take: impl FnMut(&mut Train<'_>) -> bool) -> usize {
        let first = self.next;
        // The slot that the NIC does not have is not looked at, whatever it says.
        let end = first + limit.min(self.announced + self.ring.room() - first);
        let mask = self.mask;
        let (mut next, mut goes_on) = (first, true);
        // At most twice: to the end of the ring and on from its beginning.
        while goes_on && next < end {
            let run = self.ring.run(next, end - next);
            let mut train = Train {
                run,
                mask,
                status: 0,
                kind: 0,
                length: 0,
                hash_code: None,
            };
            while goes_on
                && let Some(slot) = train.run.get(0)
                && let status = RxStatus::from(slot.words()[1])
                && status.done()
            {
                let left = train.run.left;
                // None is the last piece of another.
                if !self.open && train.renew() {
                    goes_on = take(&mut train);
                } else {
                    self.open = !status.end_of_packet();
                    self.bad += 1;
                    slot.put(0);
                    train.run.advance(1);
                }
                let settled = left - train.run.left;
                next += settled;
                // A card that takes its word back must not keep us here.
                goes_on &= settled > 0;
            }
            if train.run.left > 0 {
                break;
            }
        }
        self.next = next;
        if next - self.announced >= TOGETHER {
            self.announced = next;
            self.ring.ring_doorbell(next + self.ring.room());
        }
        next - first
    }

    /// Whether the next descriptor has something to say.
    pub fn is_ready(&self) -> bool {
        RxStatus::from(self.ring.slot(self.next).words()[1]).done()
    }

    /// Bad descriptors since the last call.
    pub fn take_bad(&mut self) -> u64 {
        std::mem::take(&mut self.bad)
    }
}

#[cfg(test)]
impl RxQueue {
    /// [`RxQueue::receive`], frame by frame.
    pub(super) fn frames(&mut self, limit: usize, mut take: impl FnMut(&[u8]) -> bool) -> usize {
        self.receive(limit, |train| {
            let mut goes_on = true;
            train.each(usize::MAX, |_, frame, _| {
                goes_on = take(frame);
                goes_on
            });
            goes_on
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockgate_regs::descriptor::RssType;

    use super::super::fake::{Fake, ring};
    use super::*;
    use lockgate_rss::HashKind;

    #[test]
    fn hashes_of_the_kinds_that_a_policy_names_are_believed_and_no_others() {
        let bits = HashKind::ALL
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind.code());
        assert_eq!(KINDS, bits);
        let codes = HashKind::ALL.map(HashKind::code).map(RssType::from_bits);
        use RssType::{Ipv4, Ipv6, TcpV4, TcpV6, UdpV4, UdpV6};
        assert_eq!(codes, [Ipv4, TcpV4, UdpV4, Ipv6, TcpV6, UdpV6]);
    }

    const SLOTS: u16 = 64;
    const RXE: u16 = 1 << 11;

    fn queue(fake: &Arc<Fake>) -> RxQueue {
        RxQueue::new(ring(fake, SLOTS, 2048), RXE, (3, 1))
    }

    /// Plays the NIC: writes `frame` where descriptor `slot` points and completes it.
    fn complete(fake: &Fake, slot: usize, frame: &[u8], status: RxStatus) {
        let pages = fake.pages();
        let buffer = pages.load_u64(slot * 16).unwrap() - Fake::IOVA;
        assert_eq!(
            pages.load_u64(slot * 16 + 8),
            Some(0),
            "slot {slot} is armed"
        );
        assert!(pages.write(buffer as usize, frame));
        let info = RxInfo::new()
            .with_rss_type(RssType::UdpV4)
            .with_hash(0xabcd);
        assert!(pages.store_u64(slot * 16, info.into()));
        assert!(pages.store_u64(slot * 16 + 8, status.into()));
    }

    fn good(length: u16) -> RxStatus {
        let status = RxStatus::new().with_done(true).with_end_of_packet(true);
        status.with_length(length)
    }

    /// The frames in the next slots, up to `limit`, and how many of them are bad.
    fn take(queue: &mut RxQueue, limit: usize) -> (Vec<Vec<u8>>, u64) {
        let mut taken = Vec::new();
        let count = queue.frames(limit, |frame| {
            taken.push(frame.to_vec());
            true
        });
        let bad = queue.take_bad();
        assert_eq!(count, taken.len() + bad as usize);
        (taken, bad)
    }

    #[test]
    fn frames_come_in_order_and_buffers_go_back_with_a_doorbell_for_many() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        queue.begin();
        assert_eq!(fake.doorbells(), [63]);
        assert_eq!(take(&mut queue, 64), (vec![], 0));

        let (mut taken, mut told) = (0, 0);
        for round in 0..40_u8 {
            for frame in 0..5 {
                let slot = (usize::from(round) * 5 + frame) % 64;
                complete(&fake, slot, &[round, frame as u8, 7], good(3));
            }
            let mut frames = (0..5).map(|frame| [round, frame, 7]);
            let mut expect = |train: &mut Train<'_>| {
                assert_eq!(train.hash_code, Some(HashKind::Ipv4Udp.code()));
                assert_eq!(train.length, 3);
                train.each(usize::MAX, |_, frame, hash| {
                    assert_eq!(Some(frame), frames.next().as_ref().map(<[u8; 3]>::as_slice));
                    hash == 0xabcd
                }) > 0
            };
            let mut due = Vec::new();
            for (limit, count) in [(2, 2), (64, 3)] {
                assert_eq!(queue.receive(limit, &mut expect), count, "up to {limit}");
                taken += count;
                if taken - told >= TOGETHER {
                    told = taken;
                    due.push((taken as u32 + 63) % 64);
                }
            }
            assert_eq!(fake.doorbells(), due);
        }
        assert!(told > 150);
    }

    #[test]
    fn what_differs_in_length_or_kind_of_hash_is_another_train() {
        use RssType::{None as Unhashed, TcpV6, UdpV4};
        for renews in [false, true] {
            let fake = Arc::new(Fake::default());
            let mut queue = queue(&fake);
            let frames = [
                (60, UdpV4),
                (61, UdpV4),
                (61, Unhashed),
                (61, TcpV6),
                (61, TcpV6),
                (60, TcpV6),
            ];
            for (slot, (length, kind)) in frames.into_iter().enumerate() {
                complete(&fake, slot, &[7; 61], good(length));
                let info = RxInfo::new().with_rss_type(kind).with_hash(slot as u32);
                assert!(fake.pages().store_u64(slot * 16, info.into()));
            }
            let mut trains = Vec::new();
            queue.receive(64, |train| {
                loop {
                    let (length, code, mut hashes) = (train.length, train.hash_code, vec![]);
                    train.each(usize::MAX, |i, frame, hash| {
                        assert_eq!((i, frame.len()), (hashes.len(), length));
                        hashes.push(hash);
                        true
                    });
                    trains.push((length, code, hashes));
                    if !renews || !train.renew() {
                        return true;
                    }
                }
            });
            let (udp, tcp) = (
                Some(HashKind::Ipv4Udp.code()),
                Some(HashKind::Ipv6Tcp.code()),
            );
            let hashes = [vec![0], vec![1], vec![2], vec![3, 4], vec![5]];
            let expected = [(60, udp), (61, udp), (61, None), (61, tcp), (60, tcp)];
            let expected = expected.into_iter().zip(hashes);
            assert!(
                trains
                    .into_iter()
                    .eq(expected.map(|((len, code), all)| (len, code, all)))
            );
        }
    }

    #[test]
    fn a_frame_that_is_not_taken_stays_the_next_one() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        (0..3).for_each(|slot| complete(&fake, slot, &[slot as u8], good(1)));
        for number in 0..2 {
            // This one is taken, the next one is looked at and left.
            let mut seen = Vec::new();
            let count = queue.frames(64, |frame| {
                seen.push(frame[0]);
                seen.len() == 1
            });
            assert_eq!((count, seen), (1, vec![number, number + 1]));
        }
        assert_eq!(take(&mut queue, 64), (vec![vec![2]], 0));
    }

    #[test]
    fn an_impossible_length_is_refused_and_the_queue_goes_on() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        complete(&fake, 0, &[], good(0));
        complete(&fake, 1, &[], good(2049));
        complete(&fake, 2, &[1; 2048], good(2048));
        assert_eq!(take(&mut queue, 64), (vec![vec![1; 2048]], 2));
    }

    #[test]
    fn no_piece_of_a_frame_that_spans_buffers_is_shown_as_a_frame() {
        for split in [1, 2, 3, 64] {
            let fake = Arc::new(Fake::default());
            let mut queue = queue(&fake);
            let piece = good(2048).with_end_of_packet(false);
            complete(&fake, 0, &[], piece);
            complete(&fake, 1, &[], piece);
            complete(&fake, 2, &[], good(100));
            complete(&fake, 3, &[9; 100], good(100));
            let (mut taken, mut bad) = take(&mut queue, split);
            let rest = take(&mut queue, 64);
            taken.extend(rest.0);
            bad += rest.1;
            assert_eq!((taken, bad), (vec![vec![9; 100]], 3), "split after {split}");
        }
    }

    #[test]
    fn a_frame_with_a_receive_error_is_refused_but_not_one_with_a_bad_checksum() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        complete(&fake, 0, &[1; 60], good(60).with_errors(RXE));
        complete(&fake, 1, &[1; 60], good(60).with_errors(0x600));
        assert_eq!(take(&mut queue, 64), (vec![vec![1; 60]], 1));
    }

    #[test]
    fn a_nic_that_completes_everything_at_once_cannot_make_the_queue_overrun() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for slot in 0..64 {
            complete(&fake, slot, &[1; 60], good(60));
        }
        assert_eq!(take(&mut queue, usize::MAX).0.len(), 63);
        assert_eq!(
            take(&mut queue, usize::MAX).0.len(),
            1,
            "the one that was not the NIC's"
        );
    }
}
