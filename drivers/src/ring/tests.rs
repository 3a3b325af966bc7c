//! Both rings against plain queues, under random operations.

use std::collections::VecDeque;
use std::sync::Arc;

use lockgate_regs::descriptor::{RxStatus, TxData};

use super::fake::{Fake, ring};
use super::*;

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

#[test]
fn a_receive_ring_gives_each_frame_once_and_in_order_whatever_comes() {
    let fake = Arc::new(Fake::default());
    let mut queue = RxQueue::new(ring(&fake, SLOTS as u16, 1024), 0, (0, 0));
    queue.begin();
    let pages = fake.pages();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    // The NIC's head and tail; frames it wrote and that were not yet given back.
    let (mut head, mut tail) = (0, 0);
    let mut written: VecDeque<u64> = VecDeque::new();
    for number in 0..50_000_u64 {
        tail = fake.doorbells().last().map_or(tail, |&tail| tail as usize);
        match random.below(3) {
            0 if head != tail => {
                let buffer = pages.load_u64(head * 16).unwrap() - Fake::IOVA;
                assert!(pages.store_u64(buffer as usize, number));
                let status = RxStatus::new().with_done(true).with_end_of_packet(true);
                pages.store_u64(head * 16 + 8, status.with_length(8).into());
                head = (head + 1) % SLOTS;
                written.push_back(number);
            }
            _ => {
                let limit = random.below(SLOTS);
                let leave = random.below(SLOTS);
                let mut taken = 0;
                let count = queue.frames(limit, |frame| {
                    assert_eq!(frame, written[taken].to_ne_bytes());
                    taken += usize::from(taken < leave);
                    taken < leave
                });
                // The last of them was looked at and left.
                taken = taken.min(count);
                written.drain(..taken);
            }
        }
    }
}

#[test]
fn a_transmit_ring_sends_each_frame_once_and_lends_no_buffer_in_flight() {
    let fake = Arc::new(Fake::default());
    let send = |length| TxData::new().with_end_of_packet(true).with_length(length);
    let mut queue = TxQueue::new(ring(&fake, SLOTS as u16, 1024), send, 0);
    let pages = fake.pages();
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    let (mut head, mut tail) = (0, 0);
    let mut pushed: VecDeque<u64> = VecDeque::new();
    for number in 0..50_000_u64 {
        tail = fake.doorbells().last().map_or(tail, |&tail| tail as usize);
        match random.below(4) {
            0 | 1 => {
                let room = queue.free();
                let done = queue.push(60, |buffer| {
                    buffer[..8].copy_from_slice(&number.to_ne_bytes());
                    true
                });
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
                    let buffer = pages.load_u64(head * 16).unwrap() - Fake::IOVA;
                    assert_eq!(pages.load_u64(buffer as usize), pushed.pop_front());
                    let data = TxData::from(pages.load_u64(head * 16 + 8).unwrap());
                    assert!(!data.done());
                    if data.report_status() {
                        pages.store_u64(head * 16 + 8, data.with_done(true).into());
                    }
                    head = (head + 1) % SLOTS;
                }
            }
        }
        assert!(queue.pending() >= pushed.len());
    }
}
