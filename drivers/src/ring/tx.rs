//! Transmit queues.
//!
//! A slot is free, pushed (filled, not announced) or the NIC's. The last
//! descriptor of each burst asks for a report (RS), and only that report, seen
//! with `Acquire`, frees the burst's slots; so a buffer in flight is never lent,
//! and the NIC writes one descriptor per burst back.
//!
//! Not here: whether a frame may be sent (`lockgate-vmdq`, the worker).

use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use lockgate_regs::descriptor::TxData;

use super::{Lease, Ring};
use crate::device::{Card, Iova};
use crate::error::Error;
use crate::sys::Layout;

/// What transmit descriptors of a family say differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxFormat {
    /// What every descriptor says: one buffer, one frame, FCS by the card.
    pub(crate) command: TxData,
    /// Whether the frame's length is given a second time, as PAYLEN.
    pub(crate) payload_length: bool,
}

/// Bytes of the shortest frame that a card can pad (82576 datasheet, chapter 7).
const SHORTEST: usize = 17;

/// One transmit queue.
pub struct TxQueue {
    ring: Ring,
    format: TxFormat,
    pool: u8,
    /// For the first slot of each burst in flight: the slot that reports.
    reports: Box<[u16]>,
    /// The oldest slot in flight.
    oldest: usize,
    /// Slots in flight, from there on.
    flying: usize,
    /// Slots pushed, after those.
    pushed: usize,
}

impl TxQueue {
    /// An empty queue; `tail` is the offset of its TDT register.
    pub(crate) fn new(
        card: &Card,
        layout: Layout,
        format: TxFormat,
        pool: u8,
        tail: u32,
        lease: &Lease,
    ) -> Result<Self, Error> {
        let ring = Ring::new(card, layout, tail, lease)?;
        Ok(Self {
            reports: vec![0; ring.memory.slots()].into(),
            ring,
            format,
            pool,
            oldest: 0,
            flying: 0,
            pushed: 0,
        })
    }

    /// Where the NIC sees the first descriptor.
    pub(crate) fn base(&self) -> Iova {
        self.ring.base()
    }

    /// Its pool: the index of its partition in the plan.
    pub fn pool(&self) -> u8 {
        self.pool
    }

    /// Number of descriptors.
    pub fn slots(&self) -> usize {
        self.ring.memory.slots()
    }

    /// Frames pushed or in flight, as far as [`TxQueue::free`] has looked.
    pub fn pending(&self) -> usize {
        self.flying + self.pushed
    }

    /// Takes back the buffers of completed bursts; says how many frames can be
    /// pushed now.
    #[inline]
    pub fn free(&mut self) -> usize {
        while self.flying > 0 {
            // A slot number of our own making; `get` spares a panic path.
            let Some(&report) = self.reports.get(self.oldest) else {
                break;
            };
            let [_, status] = self.ring.descriptor(report.into());
            if !TxData::from(status.load(Acquire)).done() {
                break;
            }
            let burst = self.wrap(usize::from(report) + 1 + self.slots() - self.oldest);
            self.oldest = self.wrap(self.oldest + burst);
            self.flying -= burst.min(self.flying);
        }
        self.room()
    }

    /// The buffer of the next frame, to be filled and then pushed; `None` while
    /// the ring is full.
    #[inline]
    pub fn buffer(&mut self) -> Option<&mut [u8]> {
        if self.room() == 0 && self.free() == 0 {
            return None;
        }
        let slot = self.next();
        Some(self.ring.memory.buffer_mut(slot))
    }

    /// Queues the first `len` bytes of the next buffer as a frame, to leave with
    /// the next [`TxQueue::flush`]; false, with nothing queued, when the ring is
    /// full or `len` is no length of a frame that the buffer can hold.
    #[inline]
    pub fn push(&mut self, len: usize) -> bool {
        let fits = (SHORTEST..=self.ring.memory.buffer_bytes()).contains(&len);
        let Ok(length) = u16::try_from(len) else {
            return false;
        };
        if !fits || self.room() == 0 {
            return false;
        }
        let slot = self.next();
        let mut command = self.format.command.with_length(length);
        if self.format.payload_length {
            command.set_payload_length(length.into());
        }
        let [buffer, status] = self.ring.descriptor(slot);
        buffer.store(self.ring.buffer_iova(slot), Relaxed);
        status.store(command.into(), Relaxed);
        self.pushed += 1;
        true
    }

    /// Hands what was pushed to the NIC, with one doorbell.
    #[inline]
    pub fn flush(&mut self) {
        if self.pushed == 0 {
            return;
        }
        let first = self.wrap(self.oldest + self.flying);
        let last = self.wrap(first + self.pushed - 1);
        let [_, status] = self.ring.descriptor(last);
        let command = TxData::from(status.load(Relaxed)).with_report_status(true);
        status.store(command.into(), Relaxed);
        if let Some(report) = self.reports.get_mut(first) {
            *report = last as u16;
        }
        self.flying += self.pushed;
        self.pushed = 0;
        self.ring.ring_doorbell(last + 1);
    }

    /// Slots that can be pushed; one stays back, as for the receive ring.
    #[inline]
    fn room(&self) -> usize {
        self.slots() - 1 - self.flying - self.pushed
    }

    #[inline]
    fn next(&self) -> usize {
        self.wrap(self.oldest + self.flying + self.pushed)
    }

    #[inline]
    fn wrap(&self, slot: usize) -> usize {
        slot & (self.slots() - 1)
    }
}

impl fmt::Debug for TxQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxQueue(pool {})", self.pool)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{fake::Fake, layout};
    use super::*;

    fn queue(fake: &Arc<Fake>) -> TxQueue {
        let format = TxFormat {
            command: TxData::new().with_end_of_packet(true).with_insert_fcs(true),
            payload_length: true,
        };
        let layout = layout(64, 2048).unwrap();
        TxQueue::new(&fake.card(), layout, format, 2, 0xE018, &Lease::default()).unwrap()
    }

    fn push(queue: &mut TxQueue, number: u32) -> bool {
        let Some(buffer) = queue.buffer() else {
            return false;
        };
        buffer[..4].copy_from_slice(&number.to_le_bytes());
        queue.push(60)
    }

    fn descriptor(fake: &Fake, slot: usize) -> TxData {
        TxData::from(fake.pages().load_u64(slot * 16 + 8).unwrap())
    }

    /// Plays the NIC: sends what `slot` says, reporting if asked to.
    fn send(fake: &Fake, slot: usize) -> u32 {
        let pages = fake.pages();
        let data = descriptor(fake, slot);
        assert!(data.end_of_packet() && data.insert_fcs() && !data.done());
        assert_eq!((data.length(), data.payload_length()), (60, 60));
        let buffer = pages.load_u64(slot * 16).unwrap() - Fake::IOVA;
        if data.report_status() {
            assert!(pages.store_u64(slot * 16 + 8, data.with_done(true).into()));
        }
        pages.load_u32(buffer as usize).unwrap()
    }

    #[test]
    fn bursts_leave_in_order_with_one_report_and_one_doorbell_each() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        let (mut slot, mut number) = (0, 0);
        for burst in (1..=32).cycle().take(200) {
            for _ in 0..burst {
                assert!(push(&mut queue, number));
                number += 1;
            }
            assert_eq!(fake.doorbells(), []);
            queue.flush();
            queue.flush();
            assert_eq!(fake.doorbells(), [(slot + burst) as u32 % 64]);
            assert_eq!(queue.pending(), burst);
            for sent in 0..burst {
                assert_eq!(queue.free(), 63 - burst, "nothing is back before the report");
                let reports = descriptor(&fake, slot).report_status();
                assert_eq!(reports, sent == burst - 1);
                let expected = number + sent as u32 - burst as u32;
                assert_eq!(send(&fake, slot), expected);
                slot = (slot + 1) % 64;
            }
            assert_eq!(queue.free(), 63);
            assert_eq!(queue.pending(), 0);
        }
    }

    #[test]
    fn a_full_ring_lends_no_buffer_until_a_burst_is_reported() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for number in 0..63 {
            assert!(push(&mut queue, number));
            if number == 9 {
                queue.flush();
            }
        }
        queue.flush();
        assert!(queue.buffer().is_none() && !queue.push(60));
        for slot in 10..63 {
            send(&fake, slot);
        }
        assert!(queue.buffer().is_none(), "the oldest burst is still out");
        for slot in 0..10 {
            send(&fake, slot);
        }
        assert!(queue.buffer().is_some());
        assert_eq!(queue.free(), 63);
    }

    #[test]
    fn a_length_that_is_no_frame_is_not_queued() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for len in [0, 16, 2049, 1 << 16, usize::MAX] {
            assert!(!queue.push(len));
        }
        assert_eq!(queue.pending(), 0);
        queue.flush();
        assert_eq!(fake.doorbells(), []);
        assert!(queue.push(17) && queue.push(2048));
    }

    #[test]
    fn a_report_on_a_descriptor_that_was_not_asked_frees_nothing() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for number in 0..8 {
            push(&mut queue, number);
        }
        queue.flush();
        let pages = fake.pages();
        for slot in 0..7 {
            let lie = descriptor(&fake, slot).with_done(true);
            pages.store_u64(slot * 16 + 8, lie.into());
        }
        assert_eq!(queue.free(), 55);
    }
}
