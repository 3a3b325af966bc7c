//! Receive queues.
//!
//! Every slot is either armed (the NIC may write its buffer) or shown (the caller
//! may read it), in ring order: only [`RxQueue::poll`] and [`RxQueue::rearm`] move
//! that line. Whatever a NIC wrote into a descriptor is untrusted: what does not
//! describe exactly one frame in exactly one buffer is a [`BadDescriptor`].
//!
//! Not here: whose frame it is (`lockgate-vmdq`).

use std::sync::atomic::Ordering::Relaxed;

use lockgate_regs::descriptor::{RssType, RxInfo, RxStatus};
use lockgate_rss::{Hash, HashKind};

use super::Ring;

/// Buffers that are given back with one doorbell: half of the smallest ring. A doorbell is
/// a write across the bus, and to a virtual card it costs more than all else of a frame.
const TOGETHER: usize = 32;

/// A receive descriptor that does not describe one frame in one buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum BadDescriptor {
    #[error("the descriptor has not been shown")]
    NotShown,
    #[error("the length is zero or beyond the buffer")]
    Length,
    #[error("the frame spans buffers")]
    Spanning,
    #[error("the card reports an error in the frame")]
    Error,
}

/// A received frame, in the buffer that the NIC wrote it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxFrame<'q> {
    /// The bytes from the destination address on, without FCS.
    pub bytes: &'q [u8],
    /// The hash that the card computed, if it did.
    pub hash: Option<Hash>,
}

/// One receive queue.
#[derive(Debug)]
pub struct RxQueue {
    ring: Ring,
    /// Error bits ([`RxStatus::errors`]) of frames that must not be used.
    fatal_errors: u16,
    pool: u8,
    queue: u8,
    /// The oldest slot that is not armed, or is the next to be written.
    oldest: usize,
    /// How many slots from there on are shown.
    shown: usize,
    /// What `oldest` was at the last doorbell.
    announced: usize,
    /// Whether the slot before `oldest` began a frame that it did not end.
    open: bool,
}

impl RxQueue {
    /// Queue `queue` of pool `pool`, its slots all armed; silent until
    /// [`RxQueue::begin`]. Frames with one of `fatal_errors` are refused.
    pub(crate) fn new(ring: Ring, fatal_errors: u16, (pool, queue): (u8, u8)) -> Self {
        (0..=ring.room()).for_each(|slot| ring.put(slot, 0));
        Self { ring, fatal_errors, pool, queue, oldest: 0, shown: 0, announced: 0, open: false }
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

    /// Looks for completed descriptors until `limit` are shown; says how many are,
    /// counted from the oldest not rearmed.
    #[inline]
    pub fn poll(&mut self, limit: usize) -> usize {
        let limit = limit.min(self.ring.room());
        while self.shown < limit && self.status(self.shown).done() {
            self.ring.memory.prefetch(self.oldest + self.shown);
            self.shown += 1;
        }
        self.shown
    }

    /// The frame in shown descriptor `index`, 0 being the oldest.
    ///
    /// # Errors
    /// [`BadDescriptor`]: count it and go on, it is rearmed like any other.
    #[inline]
    pub fn frame(&self, index: usize) -> Result<RxFrame<'_>, BadDescriptor> {
        if index >= self.shown {
            return Err(BadDescriptor::NotShown);
        }
        let status = self.status(index);
        let memory = &self.ring.memory;
        match usize::from(status.length()) {
            _ if !status.end_of_packet() || self.continues(index) => Err(BadDescriptor::Spanning),
            0 => Err(BadDescriptor::Length),
            length if length > memory.buffer_bytes() => Err(BadDescriptor::Length),
            _ if status.errors() & self.fatal_errors != 0 => Err(BadDescriptor::Error),
            length => {
                let slot = self.oldest + index;
                let [info, _] = memory.descriptor(slot);
                let hash = hash(RxInfo::from(info.load(Relaxed)));
                Ok(RxFrame { bytes: memory.buffer(slot, length), hash })
            }
        }
    }

    /// Gives the oldest `count` shown descriptors back to the NIC, which hears of them
    /// [`TOGETHER`] at a time.
    #[inline]
    pub fn rearm(&mut self, count: usize) {
        let count = count.min(self.shown);
        self.open = self.continues(count);
        (self.oldest..self.oldest + count).for_each(|slot| self.ring.put(slot, 0));
        self.oldest += count;
        self.shown -= count;
        if self.oldest - self.announced >= TOGETHER {
            self.announced = self.oldest;
            self.ring.ring_doorbell(self.oldest + self.ring.room());
        }
    }

    /// Whether a frame that began before descriptor `index` goes on there.
    #[inline]
    fn continues(&self, index: usize) -> bool {
        index.checked_sub(1).map_or(self.open, |before| !self.status(before).end_of_packet())
    }

    /// What descriptor `index` says, counted as for [`RxQueue::frame`].
    #[inline]
    fn status(&self, index: usize) -> RxStatus {
        self.ring.status(self.oldest + index).into()
    }
}

/// The hash of a descriptor. Types that involve IPv6 extension headers count as
/// none: cards are told not to look at those.
#[inline]
fn hash(info: RxInfo) -> Option<Hash> {
    let kind = match info.rss_type() {
        RssType::Ipv4 => HashKind::Ipv4,
        RssType::TcpV4 => HashKind::Ipv4Tcp,
        RssType::UdpV4 => HashKind::Ipv4Udp,
        RssType::Ipv6 => HashKind::Ipv6,
        RssType::TcpV6 => HashKind::Ipv6Tcp,
        RssType::UdpV6 => HashKind::Ipv6Udp,
        _ => return None,
    };
    Some(Hash { value: info.hash(), kind })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fake::{Fake, ring};
    use super::*;

    const SLOTS: u16 = 64;
    const RXE: u16 = 1 << 11;

    fn queue(fake: &Arc<Fake>) -> RxQueue {
        RxQueue::new(ring(fake, SLOTS, 2048), RXE, (3, 1))
    }

    /// Plays the NIC: writes `frame` where descriptor `slot` points and completes it.
    fn complete(fake: &Fake, slot: usize, frame: &[u8], status: RxStatus) {
        let pages = fake.pages();
        let buffer = pages.load_u64(slot * 16).unwrap() - Fake::IOVA;
        assert_eq!(pages.load_u64(slot * 16 + 8), Some(0), "slot {slot} is armed");
        assert!(pages.write(buffer as usize, frame));
        let info = RxInfo::new().with_rss_type(RssType::UdpV4).with_hash(0xabcd);
        assert!(pages.store_u64(slot * 16, info.into()));
        assert!(pages.store_u64(slot * 16 + 8, status.into()));
    }

    fn good(length: u16) -> RxStatus {
        let status = RxStatus::new().with_done(true).with_end_of_packet(true);
        status.with_length(length)
    }

    #[test]
    fn frames_are_shown_in_order_and_rearmed_with_a_doorbell_for_many() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        queue.begin();
        assert_eq!(fake.doorbells(), [63]);
        assert_eq!(queue.poll(64), 0);

        for round in 0..40_u8 {
            for frame in 0..5 {
                let slot = (usize::from(round) * 5 + frame) % 64;
                complete(&fake, slot, &[round, frame as u8, 7], good(3));
            }
            assert_eq!(queue.poll(2), 2, "no more than asked for");
            assert_eq!(queue.poll(64), 5);
            for frame in 0..5 {
                let shown = queue.frame(frame).unwrap();
                assert_eq!(shown.bytes, [round, frame as u8, 7]);
                let kind = HashKind::Ipv4Udp;
                assert_eq!(shown.hash, Some(Hash { value: 0xabcd, kind }));
            }
            assert_eq!(queue.frame(5), Err(BadDescriptor::NotShown));
            queue.rearm(5);
            // Seven rounds make 35 frames.
            let next = (u32::from(round) + 1) * 5;
            let due = if next % 35 == 0 { vec![(next + 63) % 64] } else { Vec::new() };
            assert_eq!(fake.doorbells(), due);
        }
    }

    #[test]
    fn an_impossible_length_is_refused_and_the_queue_goes_on() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        complete(&fake, 0, &[], good(0));
        complete(&fake, 1, &[], good(2049));
        complete(&fake, 2, &[1; 2048], good(2048));
        assert_eq!(queue.poll(64), 3);
        assert_eq!(queue.frame(0), Err(BadDescriptor::Length));
        assert_eq!(queue.frame(1), Err(BadDescriptor::Length));
        assert_eq!(queue.frame(2).unwrap().bytes, [1; 2048]);
    }

    #[test]
    fn no_piece_of_a_frame_that_spans_buffers_is_shown_as_a_frame() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        let piece = good(2048).with_end_of_packet(false);
        complete(&fake, 0, &[], piece);
        complete(&fake, 1, &[], piece);
        complete(&fake, 2, &[], good(100));
        complete(&fake, 3, &[9; 100], good(100));
        assert_eq!(queue.poll(64), 4);
        for index in 0..3 {
            assert_eq!(queue.frame(index), Err(BadDescriptor::Spanning));
        }
        assert!(queue.frame(3).is_ok());
        queue.rearm(2);
        assert_eq!(queue.frame(0), Err(BadDescriptor::Spanning), "also once split");
        assert!(queue.frame(1).is_ok());
    }

    #[test]
    fn a_frame_with_a_receive_error_is_refused_but_not_one_with_a_bad_checksum() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        complete(&fake, 0, &[1; 60], good(60).with_errors(RXE));
        complete(&fake, 1, &[1; 60], good(60).with_errors(0x600));
        assert_eq!(queue.poll(64), 2);
        assert_eq!(queue.frame(0), Err(BadDescriptor::Error));
        assert!(queue.frame(1).is_ok());
    }

    #[test]
    fn a_nic_that_completes_everything_at_once_cannot_make_the_queue_overrun() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for slot in 0..64 {
            complete(&fake, slot, &[1; 60], good(60));
        }
        assert_eq!(queue.poll(usize::MAX), 63);
        queue.rearm(usize::MAX);
        assert_eq!(queue.poll(usize::MAX), 1);
    }
}
