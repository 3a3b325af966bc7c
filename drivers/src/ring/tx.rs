//! Transmit queues.
//!
//! A slot is free, pushed (filled, not announced) or the card's. The last descriptor of each
//! burst asks for a report (RS), and only that report frees the burst's slots; so a buffer in
//! flight is never lent, and the card writes one descriptor per burst back. A slot sends the
//! bytes that were copied into it since it was lent and not one more, however long its buffer is
//! and whatever it held before.
//!
//! Not here: whether a frame may be sent (`lockgate-vmdq`, the worker).

use alloc::collections::VecDeque;

use lockgate_regs::descriptor::TxData;
use lockgate_shm::{Access, Block, JudgedFrame, SlotRun};
use lockgate_vmdq::FrameLimits;

use super::Ring;

/// One transmit queue.
pub struct TxQueue {
    ring: Ring,
    /// The descriptor that sends a frame of no bytes, and what each byte adds to it.
    command: u64,
    per_byte: u64,
    pool: u8,
    /// For each burst in flight the slot after its last, which reports.
    reports: VecDeque<usize>,
    /// The oldest slot in flight.
    head: usize,
    /// The first slot that cannot be pushed, as far as is known.
    end: usize,
    /// The slot after the last in flight; those from there to `next` are pushed.
    published: usize,
    /// The next slot to push.
    next: usize,
}

impl TxQueue {
    /// An empty queue of `pool`; `send` says what a family's descriptors say.
    pub(crate) fn new(ring: Ring, send: fn(u16) -> TxData, pool: u8) -> Self {
        // There are never more bursts than slots, so this allocates once.
        let reports = VecDeque::with_capacity(ring.capacity());
        let command = u64::from(send(0));
        // Lengths are the only fields that differ.
        let per_byte = u64::from(send(1)) - command;
        let end = ring.capacity();
        Self {
            ring,
            command,
            per_byte,
            pool,
            reports,
            head: 0,
            end,
            published: 0,
            next: 0,
        }
    }

    /// Its pool: the index of its partition in the plan.
    pub fn pool(&self) -> u8 {
        self.pool
    }

    /// Takes back the buffers of completed bursts; says how many frames can be pushed now. The
    /// only call that looks at what the card has done.
    pub fn free(&mut self) -> usize {
        while let Some(&end) = self.reports.front()
            && TxData::from(self.ring.status(end - 1)).done()
        {
            self.reports.pop_front();
            self.head = end;
        }
        self.end = self.head + self.ring.capacity();
        self.end - self.next
    }

    /// Frames pushed or in flight, after a look.
    pub fn pending(&mut self) -> usize {
        self.free();
        self.next - self.head
    }

    /// How many frames were committed since the start.
    pub fn pushed(&self) -> usize {
        self.next
    }

    /// Whether the card has sent the first `pushed` of them, after a look.
    pub fn is_sent(&mut self, pushed: usize) -> bool {
        self.free();
        self.head >= pushed
    }

    /// The next free slot that is known of ([`TxQueue::free`] looks); `None` without one.
    #[inline(always)]
    pub fn reserve(&mut self) -> Option<TxSlot<'_>> {
        (self.next < self.end).then_some(TxSlot {
            queue: self,
            filled: 0,
        })
    }

    /// The next free slots that are known of, to be filled in one go: `most` of them, or as many
    /// as lie in a row.
    #[inline(always)]
    pub fn slots_in_row(&mut self, most: usize) -> TxSlots<'_> {
        let most = most.min(self.end - self.next);
        TxSlots {
            slots: self
                .ring
                .buffers
                .run(self.next, most)
                .beside(self.ring.descriptors.pairs(self.next, most)),
            address: self.ring.address(self.next),
            buffer_bytes: self.ring.buffer_bytes(),
            command: self.command,
            per_byte: self.per_byte,
            queued: 0,
            next: &mut self.next,
        }
    }

    /// Queues one frame: reserves, copies and commits. `false`, and nothing queued, without a free
    /// slot or where its length is none of a frame that a buffer holds.
    pub fn push(&mut self, frame: &[u8]) -> bool {
        self.reserve()
            .is_some_and(|mut slot| slot.copy_from(frame) && slot.commit())
    }

    /// Hands what was committed to the card, with one doorbell, if it is anything.
    pub fn flush(&mut self) {
        if self.published == self.next {
            return;
        }
        let last = self.next - 1;
        let command = TxData::from(self.ring.status(last)).with_report_status(true);
        self.ring.post(last, command.into());
        self.reports.push_back(self.next);
        self.published = self.next;
        self.ring.ring_doorbell(self.next);
    }
}

/// Free slots of a transmit queue in a row, which are filled in order
/// ([`TxQueue::slots_in_row`]). What was put into them is not queued before
/// [`TxSlots::commit`].
#[must_use = "nothing is queued until it is committed"]
pub struct TxSlots<'q> {
    slots: SlotRun<'q>,
    /// Where the card sees the next buffer.
    address: u64,
    buffer_bytes: usize,
    command: u64,
    per_byte: u64,
    queued: usize,
    next: &'q mut usize,
}

impl<'q> TxSlots<'q> {
    /// How many are left.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.slots.len()
    }

    /// Puts `frame` into the next of them and gives that buffer, which begins with the frame.
    /// `None`, and nothing put, if none is left, the frame is longer than a buffer or its own
    /// block, or shorter than [`FrameLimits::SHORTEST_FOR_CARD`].
    #[inline(always)]
    pub fn put<A: Access>(&mut self, frame: &JudgedFrame<'_, A>) -> Option<Block<'q>> {
        let slot = self.slots.peek()?;
        let length = frame.padded.max(frame.len);
        if length < FrameLimits::SHORTEST_FOR_CARD || !frame.copy_into(slot.block) {
            return None;
        }
        let command = self.command + self.per_byte * length as u64;
        slot.words.store(self.address, command);
        // Only now, so that no buffer leaves that was not written.
        self.slots.next();
        self.address = self.address.wrapping_add(self.buffer_bytes as u64);
        self.queued += 1;
        Some(slot.block)
    }

    /// Queues what was put into them; it leaves with the next [`TxQueue::flush`]. Says how many
    /// frames.
    #[inline(always)]
    pub fn commit(self) -> usize {
        *self.next += self.queued;
        self.queued
    }
}

/// A free slot of a transmit queue, to be filled. Dropping it abandons it: nothing is sent, and
/// the next [`TxQueue::reserve`] lends the same one.
#[must_use = "a slot sends nothing until it is committed"]
pub struct TxSlot<'q> {
    queue: &'q mut TxQueue,
    /// Bytes copied into its buffer, from the beginning on.
    filled: usize,
}

impl TxSlot<'_> {
    /// Bytes that its buffer holds.
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        self.queue.ring.buffer_bytes()
    }

    /// Bytes of the frame so far: what [`TxSlot::commit`] sends.
    #[inline(always)]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// The buffer, to judge the frame in it: of it, the first [`TxSlot::filled`] bytes.
    #[inline(always)]
    pub fn buffer(&self) -> Block<'_> {
        self.queue.ring.buffer(self.queue.next)
    }

    /// Makes `frame` the frame; `false`, and the frame empty, if it is too long.
    #[inline(always)]
    pub fn copy_from(&mut self, frame: &[u8]) -> bool {
        let copied = self.buffer().copy_from(frame);
        self.filled = if copied { frame.len() } else { 0 };
        copied
    }

    /// Makes the first `length` bytes of `from` the frame; `false`, and the frame empty, if
    /// either side is shorter.
    #[inline(always)]
    pub fn copy_from_block<A: Access>(&mut self, from: Block<'_, A>, length: usize) -> bool {
        let copied = self.buffer().copy_from_block(from, length);
        self.filled = if copied { length } else { 0 };
        copied
    }

    /// Lengthens a shorter frame with zeros to `length` bytes, or as many as the buffer holds.
    #[inline(always)]
    pub fn pad_to(&mut self, length: usize) {
        let length = length.min(self.capacity());
        if self.filled < length {
            self.buffer().zero(self.filled, length);
            self.filled = length;
        }
    }

    /// Queues the frame; it leaves with the next [`TxQueue::flush`]. `false`, and nothing queued,
    /// where it is shorter than [`FrameLimits::SHORTEST_FOR_CARD`].
    #[inline(always)]
    pub fn commit(self) -> bool {
        let Self { queue, filled } = self;
        let sendable = filled >= FrameLimits::SHORTEST_FOR_CARD;
        if sendable {
            let command = queue.command + queue.per_byte * filled as u64;
            queue.ring.post(queue.next, command);
            queue.next += 1;
        }
        sendable
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockgate_shm::{Blocks, Memory};

    use super::*;
    use crate::fake::FakeCard;
    use crate::ring::tests::ring;

    fn queue(card: &FakeCard) -> TxQueue {
        let send = |length: u16| {
            let data = TxData::new().with_end_of_packet(true).with_insert_fcs(true);
            data.with_length(length).with_payload_length(length.into())
        };
        TxQueue::new(ring(card, 64, 2048), send, 2)
    }

    fn push(queue: &mut TxQueue, number: u32) -> bool {
        let mut frame = [0; 60];
        frame[..4].copy_from_slice(&number.to_le_bytes());
        queue.push(&frame)
    }

    fn descriptor(card: &FakeCard, slot: usize) -> TxData {
        TxData::from(card.memory().load_u64(slot * 16 + 8).unwrap())
    }

    /// Plays the card: sends what `slot` says, reporting if asked to.
    fn send(card: &FakeCard, slot: usize) -> u32 {
        let memory = card.memory();
        let data = descriptor(card, slot);
        assert!(data.end_of_packet() && data.insert_fcs() && !data.done());
        assert_eq!((data.length(), data.payload_length()), (60, 60));
        let buffer = memory.load_u64(slot * 16).unwrap() - FakeCard::IOVA;
        if data.report_status() {
            assert!(memory.store_u64(slot * 16 + 8, data.with_done(true).into()));
        }
        memory.load_u32(buffer as usize).unwrap()
    }

    #[test]
    fn bursts_leave_in_order_with_one_report_and_one_doorbell_each() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        let (mut slot, mut number) = (0, 0);
        for burst in (1..=32).cycle().take(200) {
            for _ in 0..burst {
                assert!(push(&mut queue, number));
                number += 1;
            }
            assert_eq!(card.doorbells(), []);
            queue.flush();
            queue.flush();
            assert_eq!(card.doorbells(), [(slot + burst) as u32 % 64]);
            assert_eq!(queue.pending(), burst);
            for sent in 0..burst {
                assert_eq!(
                    queue.free(),
                    63 - burst,
                    "nothing is back before the report"
                );
                let reports = descriptor(&card, slot).report_status();
                assert_eq!(reports, sent == burst - 1);
                let expected = number + sent as u32 - burst as u32;
                assert_eq!(send(&card, slot), expected);
                slot = (slot + 1) % 64;
            }
            assert_eq!(queue.free(), 63);
            assert_eq!(queue.pending(), 0);
        }
    }

    #[test]
    fn a_full_ring_lends_no_buffer_until_a_burst_is_reported() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for number in 0..63 {
            assert!(push(&mut queue, number));
            if number == 9 {
                queue.flush();
            }
        }
        queue.flush();
        assert!(queue.free() == 0 && !push(&mut queue, 63) && queue.reserve().is_none());
        for slot in 10..63 {
            send(&card, slot);
        }
        assert_eq!(queue.free(), 0, "the oldest burst is still out");
        for slot in 0..10 {
            send(&card, slot);
        }
        assert!(!push(&mut queue, 63), "nobody has looked yet");
        assert_eq!(queue.free(), 63);
        assert!(push(&mut queue, 63));
    }

    #[test]
    fn a_length_that_is_no_frame_is_not_queued() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for len in [0, 16, 2049, 1 << 16] {
            assert!(!queue.push(&std::vec![0; len]), "{len} bytes");
        }
        assert_eq!(queue.pending(), 0);
        queue.flush();
        assert_eq!(card.doorbells(), []);
        assert!(queue.push(&[0; 17]) && queue.push(&[0; 2048]));
        assert_eq!(queue.pending(), 2);
    }

    #[test]
    fn an_abandoned_slot_is_never_sent_and_is_the_next_one_again() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        assert!(push(&mut queue, 1));
        let mut refused = queue.reserve().unwrap();
        assert!(refused.copy_from(&[0xee; 60]));
        drop(refused);
        queue.flush();
        assert_eq!(card.doorbells(), [1]);
        assert!(push(&mut queue, 2));
        queue.flush();
        assert_eq!(card.doorbells(), [2]);
        assert_eq!([send(&card, 0), send(&card, 1)], [1, 2]);
        assert_eq!(queue.pending(), 0);
    }

    #[test]
    fn a_slot_sends_what_was_copied_into_it_and_nothing_that_it_held_before() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        let mut slot = queue.reserve().unwrap();
        assert!(slot.copy_from(&[0x5e; 1000]));
        drop(slot);
        let mut slot = queue.reserve().unwrap();
        assert!(!slot.copy_from(&[1; 2049]) && slot.filled() == 0);
        assert!(!slot.commit(), "nothing was copied");
        let others = Arc::new(Memory::zeroed(4096));
        let others = Blocks::new(&others, 0, 1, 64, 64).unwrap();
        let mut slot = queue.reserve().unwrap();
        assert!(!slot.copy_from_block(others.get(0), 65) && slot.filled() == 0);
        assert!(slot.copy_from_block(others.get(0), 20));
        slot.pad_to(60);
        slot.pad_to(30);
        assert_eq!(slot.filled(), 60);
        let mut bytes = [1; 61];
        assert_eq!(slot.buffer().copy_to(&mut bytes), 61);
        assert_eq!((&bytes[..60], bytes[60]), (&[0; 60][..], 0x5e));
        assert!(slot.commit());
        assert_eq!(descriptor(&card, 0).length(), 60);
    }

    #[test]
    fn after_a_lap_nothing_old_leaves_without_being_copied_again() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for number in 0..63 {
            assert!(push(&mut queue, number));
        }
        queue.flush();
        for slot in 0..63 {
            send(&card, slot);
        }
        assert_eq!((queue.free(), card.doorbells()), (63, std::vec![63]));
        for _ in 0..3 {
            let slot = queue.reserve().unwrap();
            assert!(
                !slot.commit(),
                "its buffer holds an old frame, and it sends none"
            );
        }
        queue.flush();
        assert_eq!(card.doorbells(), []);
    }

    #[test]
    fn slots_in_a_row_end_with_the_ring_and_queue_only_what_was_put_into_them() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for number in 0..60 {
            assert!(push(&mut queue, number));
        }
        queue.flush();
        (0..60).for_each(|slot| assert_eq!(send(&card, slot), slot as u32));
        assert_eq!(queue.free(), 63);
        let others = Arc::new(Memory::zeroed(4096));
        let others = Blocks::new(&others, 0, 1, 2048, 2048).unwrap();
        assert!(others.get(0).copy_from(&[7; 60]));
        let frame = |len, padded| JudgedFrame {
            head: others.get(0).head(),
            body: others.get(0),
            len,
            padded,
        };
        let mut slots = queue.slots_in_row(9);
        assert_eq!(slots.left(), 4);
        assert!(slots.put(&frame(2049, 60)).is_none() && slots.put(&frame(9, 16)).is_none());
        for _ in 0..3 {
            assert!(slots.put(&frame(20, 60)).is_some());
        }
        assert_eq!((slots.left(), slots.commit()), (1, 3));
        assert!(queue.slots_in_row(9).put(&frame(60, 60)).is_some());
        assert_eq!(queue.pending(), 3, "what is not committed is not queued");
        queue.flush();
        (60..63).for_each(|slot| assert_eq!(send(&card, slot), 0x0707_0707));
    }

    #[test]
    fn a_report_on_a_descriptor_that_was_not_asked_frees_nothing() {
        let card = FakeCard::new();
        let mut queue = queue(&card);
        for number in 0..8 {
            push(&mut queue, number);
        }
        queue.flush();
        let memory = card.memory();
        for slot in 0..7 {
            let lie = descriptor(&card, slot).with_done(true);
            memory.store_u64(slot * 16 + 8, lie.into());
        }
        assert_eq!(queue.free(), 55);
    }
}
