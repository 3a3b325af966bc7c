//! Both rings against plain queues, under random operations.

use std::collections::VecDeque;
use std::string::ToString;
use std::vec::Vec;

use lockgate_regs::descriptor::{RxStatus, TxData};

use super::*;
use crate::fake::FakeCard;

const SLOTS: usize = 64;

/// Marsaglia's xorshift: the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A ring of `slots` with buffers of `buffer_bytes` that `card` was told of.
pub(super) fn ring(card: &FakeCard, slots: u16, buffer_bytes: usize) -> Ring {
    let layout = RingLayout::new(slots, buffer_bytes).unwrap();
    let ring = Ring::new(&Adapter::new(card.card(0x10C9)), layout, 0xC000).unwrap();
    let base = FakeCard::IOVA;
    let told = [
        (0xC000, base as u32),
        (0xC004, (base >> 32) as u32),
        (0xC008, 16 * u32::from(slots)),
        (0xC010, 0),
        (0xC018, 0),
    ];
    assert_eq!(card.take_writes(), told);
    ring
}

/// Plays the card: writes a frame into the buffer that a descriptor names, and the descriptor
/// back.
pub(super) fn write_back(card: &FakeCard, slot: usize, frame: &[u8], [info, status]: [u64; 2]) {
    let memory = card.memory();
    let buffer = FIRST_BUFFER + (slot * BUFFER) % (64 * BUFFER);
    assert!(memory.write(buffer, frame));
    assert!(memory.store_u64(slot * 16, info));
    assert!(memory.store_u64(slot * 16 + 8, status));
}

/// Where the first of the 2 KiB buffers of a ring of 64 is in its memory.
const FIRST_BUFFER: usize = 4096;
const BUFFER: usize = 2048;

#[test]
fn descriptors_and_buffers_are_where_the_card_was_told() {
    let card = FakeCard::new();
    let ring = ring(&card, 64, BUFFER);
    let memory = card.memory();
    for slot in 0..64 {
        ring.post(slot + 64, slot as u64 + 1);
        assert!(ring.buffer(slot).copy_from(&[slot as u8; BUFFER]));
    }
    for slot in 0..64 {
        assert_eq!(memory.load_u64(slot * 16 + 8), Some(slot as u64 + 1));
        let at = memory.load_u64(slot * 16).unwrap() - FakeCard::IOVA;
        assert_eq!(at as usize, FIRST_BUFFER + slot * BUFFER);
        let mut bytes = [0; BUFFER];
        assert!(memory.read(at as usize, &mut bytes));
        assert_eq!(bytes, [slot as u8; BUFFER]);
    }
}

#[test]
fn rings_of_sizes_that_no_card_takes_are_refused() {
    for slots in [0, 1, 32, 63, 96, 8192] {
        let refused = RingLayout::new(slots, 2048);
        assert!(matches!(refused, Err(Error::RingSize { .. })), "{slots}");
    }
    assert!(RingLayout::new(64, 2048).is_ok() && RingLayout::new(4096, 2048).is_ok());
}

#[test]
fn memory_that_is_too_short_is_refused() {
    let card = FakeCard::new();
    card.map_less(4096);
    let layout = RingLayout::new(64, 2048).unwrap();
    let refused = Ring::new(&Adapter::new(card.card(0x10C9)), layout, 0xC000);
    assert!(matches!(refused, Err(Error::MapMemory { .. })));
}

#[test]
fn a_limit_on_locked_memory_is_told_apart_from_other_failures() {
    let limit = Error::of_memory(4096, BusError::PinLimit);
    assert!(matches!(limit, Error::PinMemory { bytes: 4096, .. }));
    assert!(limit.to_string().contains("ulimit -l"));
    let other = Error::of_memory(4096, BusError::other("no"));
    assert!(matches!(other, Error::MapMemory { bytes: 4096, .. }));
    let none = Error::of_memory(4096, BusError::NoMemory);
    assert!(matches!(none, Error::NoMemory { bytes: 4096, .. }));
}

#[test]
fn a_receive_ring_gives_each_frame_once_and_in_order_whatever_comes() {
    let card = FakeCard::new();
    let place = RxPlace {
        base: 0xC000,
        pool: 0,
        queue: 0,
    };
    let mut queue = RxQueue::new(ring(&card, SLOTS as u16, 1024), 0, place);
    queue.post_initial();
    let memory = card.memory();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    // The NIC's head and tail; frames it wrote and that were not yet given back.
    let (mut head, mut tail) = (0, 0);
    let mut written: VecDeque<u64> = VecDeque::new();
    for number in 0..50_000_u64 {
        tail = card.doorbells().last().map_or(tail, |&tail| tail as usize);
        match random.below(3) {
            0 if head != tail => {
                let buffer = memory.load_u64(head * 16).unwrap() - FakeCard::IOVA;
                assert!(memory.store_u64(buffer as usize, number));
                let status = RxStatus::new().with_done(true).with_end_of_packet(true);
                memory.store_u64(head * 16 + 8, status.with_length(8).into());
                head = (head + 1) % SLOTS;
                written.push_back(number);
            }
            _ => {
                let limit = random.below(SLOTS);
                let leave = random.below(SLOTS);
                let burst = queue.burst(limit);
                let frames: Vec<_> = burst
                    .iter()
                    .map(|frame| {
                        let mut bytes = [0; 8];
                        assert_eq!(frame.copy_to(&mut bytes), 8);
                        u64::from_ne_bytes(bytes)
                    })
                    .collect();
                assert!(frames.iter().eq(written.iter().take(frames.len())));
                let taken = leave.min(frames.len());
                burst.release(leave);
                written.drain(..taken);
            }
        }
    }
}

#[test]
fn a_transmit_ring_sends_each_frame_once_and_lends_no_buffer_in_flight() {
    let card = FakeCard::new();
    let send = |length| TxData::new().with_end_of_packet(true).with_length(length);
    let mut queue = TxQueue::new(ring(&card, SLOTS as u16, 1024), send, 0);
    let memory = card.memory();
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    let (mut head, mut tail) = (0, 0);
    let mut pushed: VecDeque<u64> = VecDeque::new();
    for number in 0..50_000_u64 {
        tail = card.doorbells().last().map_or(tail, |&tail| tail as usize);
        match random.below(4) {
            0 | 1 => {
                let room = queue.free();
                let mut frame = [0; 60];
                frame[..8].copy_from_slice(&number.to_ne_bytes());
                let done = queue.push(&frame);
                assert_eq!(done, room > 0);
                pushed.extend(done.then_some(number));
            }
            2 => queue.flush(),
            _ => {
                // The NIC sends some of what it was given.
                for _ in 0..random.below(SLOTS) {
                    if head == tail {
                        break;
                    }
                    let buffer = memory.load_u64(head * 16).unwrap() - FakeCard::IOVA;
                    assert_eq!(memory.load_u64(buffer as usize), pushed.pop_front());
                    let data = TxData::from(memory.load_u64(head * 16 + 8).unwrap());
                    assert!(!data.done());
                    if data.report_status() {
                        memory.store_u64(head * 16 + 8, data.with_done(true).into());
                    }
                    head = (head + 1) % SLOTS;
                }
            }
        }
        assert!(queue.pending() >= pushed.len());
    }
}
