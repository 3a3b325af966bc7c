//! Transmit queues.
//!
//! A slot is free, pushed (filled, not announced) or the NIC's. The last
//! descriptor of each burst asks for a report (RS), and only that report, seen
//! with `Acquire`, frees the burst's slots; so a buffer in flight is never lent,
//! and the NIC writes one descriptor per burst back.
//!
//! Not here: whether a frame may be sent (`lockgate-vmdq`, the worker).

use std::collections::VecDeque;

use lockgate_regs::descriptor::TxData;

use super::{Ring, Run};

/// Bytes of the shortest frame that a card can pad (82576 datasheet, chapter 7).
const SHORTEST: usize = 17;

/// One transmit queue.
pub struct TxQueue {
    ring: Ring,
    /// The descriptor that sends a frame of no bytes, and what each byte adds to it.
    command: u64,
    per_byte: u64,
    pool: u8,
    /// For each burst in flight the slot after its last, which reports.
    bursts: VecDeque<usize>,
    /// The oldest slot in flight, and the first that cannot be pushed.
    oldest: usize,
    end: usize,
    /// The slot after the last in flight; those from there to `next` are pushed.
    announced: usize,
    /// The next slot to push.
    next: usize,
}

impl TxQueue {
    /// An empty queue of `pool`; `send` says what a family's descriptors say.
    pub(crate) fn new(ring: Ring, send: fn(u16) -> TxData, pool: u8) -> Self {
        // There are never more bursts than slots, so this allocates once.
        let bursts = VecDeque::with_capacity(ring.room());
        let command = u64::from(send(0));
        // Lengths are the only fields that differ.
        let per_byte = u64::from(send(1)) - command;
        let end = ring.room();
        Self {
            ring,
            command,
            per_byte,
            pool,
            bursts,
            oldest: 0,
            end,
            announced: 0,
            next: 0,
        }
    }

    /// Its pool: the index of its partition in the plan.
    pub fn pool(&self) -> u8 {
        self.pool
    }

    /// Frames pushed or in flight, after a look.
    pub fn pending(&mut self) -> usize {
        self.free();
        self.next - self.oldest
    }

    /// Takes back the buffers of completed bursts; says how many frames can be
    /// pushed now.
    pub fn free(&mut self) -> usize {
        while let Some(&end) = self.bursts.front()
            && TxData::from(self.ring.slot(end - 1).words()[1]).done()
        {
            self.bursts.pop_front();
            self.oldest = end;
        }
        self.end = self.oldest + self.ring.room();
        self.end - self.next
    }

    /// Queues one frame: [`TxSlots::push`].
    pub fn push(&mut self, len: usize, fill: impl FnOnce(&mut [u8]) -> bool) -> bool {
        self.slots(|slots| slots.push(0, len, fill).into()) > 0
    }

    /// Lends free slots to `with`, as far as they lie in a row and are known of
    /// ([`TxQueue::free`] looks), which says how many it pushed; so says this. They leave with
    /// the next [`TxQueue::flush`].
    #[inline(always)]
    pub fn slots(&mut self, with: impl FnOnce(&mut TxSlots<'_>) -> usize) -> usize {
        let (command, per_byte) = (self.command, self.per_byte);
        let run = self.ring.run(self.next, self.end - self.next);
        let (free, mut slots) = (
            run.left,
            TxSlots {
                run,
                command,
                per_byte,
            },
        );
        let used = with(&mut slots).min(free);
        self.next += used;
        used
    }

    /// Hands what was pushed to the NIC, with one doorbell.
    pub fn flush(&mut self) {
        if self.announced == self.next {
            return;
        }
        let last = self.ring.slot(self.next - 1);
        last.put(
            TxData::from(last.words()[1])
                .with_report_status(true)
                .into(),
        );
        self.bursts.push_back(self.next);
        self.announced = self.next;
        self.ring.ring_doorbell(self.next);
    }
}

/// Free slots in a row.
pub struct TxSlots<'q> {
    run: Run<'q>,
    command: u64,
    per_byte: u64,
}

impl TxSlots<'_> {
    /// Puts a frame of `len` bytes that `fill` writes into number `i`, from 0, if it says true
    /// after that. False, with nothing put there, if not; also, without asking it, where `len`
    /// is no length of a frame that a buffer holds, or there is no such slot.
    #[inline(always)]
    pub fn push(&mut self, i: usize, len: usize, fill: impl FnOnce(&mut [u8]) -> bool) -> bool {
        let Some(slot) = self.run.get(i).filter(|_| len >= SHORTEST) else {
            return false;
        };
        let filled = self.run.buffer_mut(i).get_mut(..len).is_some_and(fill);
        if filled {
            slot.put(self.command + self.per_byte * len as u64);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fake::{Fake, ring};
    use super::*;

    fn queue(fake: &Arc<Fake>) -> TxQueue {
        let send = |length: u16| {
            let data = TxData::new().with_end_of_packet(true).with_insert_fcs(true);
            data.with_length(length).with_payload_length(length.into())
        };
        TxQueue::new(ring(fake, 64, 2048), send, 2)
    }

    fn push(queue: &mut TxQueue, number: u32) -> bool {
        queue.push(60, |buffer| {
            buffer[..4].copy_from_slice(&number.to_le_bytes());
            true
        })
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
                assert_eq!(
                    queue.free(),
                    63 - burst,
                    "nothing is back before the report"
                );
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
        assert!(queue.free() == 0 && !push(&mut queue, 63));
        for slot in 10..63 {
            send(&fake, slot);
        }
        assert_eq!(queue.free(), 0, "the oldest burst is still out");
        for slot in 0..10 {
            send(&fake, slot);
        }
        assert!(!push(&mut queue, 63), "nobody has looked yet");
        assert_eq!(queue.free(), 63);
        assert!(push(&mut queue, 63));
    }

    #[test]
    fn a_length_that_is_no_frame_is_not_queued() {
        let fake = Arc::new(Fake::default());
        let mut queue = queue(&fake);
        for len in [0, 16, 2049, 1 << 16, usize::MAX] {
            assert!(!queue.push(len, |_| true));
        }
        assert_eq!(queue.pending(), 0);
        queue.flush();
        assert_eq!(fake.doorbells(), []);
        assert!(queue.push(17, |_| true) && queue.push(2048, |_| true));
        assert!(!queue.push(60, |_| false), "a frame that is not wanted");
        assert_eq!(queue.pending(), 2);
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
