//! Both ends of a lane together: frames arrive whole, once and in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use lockgate_lane::{
    CoreEnds, CoreMemory, Geometry, Header, JudgedFrame, Lane, Meta, PartitionEnds,
    PartitionMemory, PushError, RxConsumer, RxHash,
};
use lockgate_shm::{Blocks, Memory};
use proptest::prelude::*;

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

/// Both sides of a lane.
fn lane() -> (CoreEnds, PartitionEnds) {
    let Lane { core, partition } = Lane::in_heap(SMALL).unwrap();
    (core, partition)
}

/// Frame number `n`: its length and every byte follow from the number.
fn frame(n: u32) -> Vec<u8> {
    let len = 14 + n.wrapping_mul(2_654_435_761) as usize % 179;
    (0..len).map(|i| (n as usize * 31 + i) as u8).collect()
}

fn meta(n: u32) -> Meta {
    Meta {
        queue: n as u16 & 3,
        hash: n.is_multiple_of(3).then_some(RxHash { value: !n, kind: 2 }),
        stamp_ns: u64::from(n) << 20,
    }
}

/// Sends frame number `n` by receive ring `ring`; false if the ring is full.
fn send_rx(core: &mut CoreEnds, ring: usize, n: u32) -> bool {
    core.rx[ring].push(&frame(n), meta(n)).is_ok()
}

/// Sends frame number `n` by the transmit ring; false if it is full.
fn send_tx(partition: &mut PartitionEnds, n: u32) -> bool {
    partition.tx.push(&frame(n), Meta::default()).is_ok()
}

fn assert_next_rx(consumer: &mut RxConsumer, n: u32) {
    let expected = frame(n);
    let found = consumer.peek().expect("a frame waits");
    assert_eq!((found.meta(), found.len()), (meta(n), expected.len()));
    let mut buffer = [0; 300];
    assert_eq!(found.read(&mut buffer).as_deref(), Some(&expected[..]));
    let some = expected.len().min(buffer.len() >> (n & 3));
    let mut copy = vec![0; some];
    assert!(found.copy_to(&mut copy));
    assert_eq!(copy, expected[..some]);
    consumer.advance(1);
}

fn next_tx(core: &mut CoreEnds) -> Option<Vec<u8>> {
    let found = core.tx.peek()?;
    let mut frame = vec![0; found.len()];
    assert!(found.copy_to(&mut frame));
    core.tx.advance(1);
    Some(frame)
}

#[test]
fn frames_travel_whole_and_each_ring_on_its_own() {
    let (mut core, mut partition) = lane();
    for (ring, n) in [(0, 1), (1, 2), (0, 3)] {
        assert!(send_rx(&mut core, ring, n));
    }
    core.rx.iter_mut().for_each(|producer| producer.publish());
    assert_next_rx(&mut partition.rx[0], 1);
    assert_next_rx(&mut partition.rx[0], 3);
    assert_next_rx(&mut partition.rx[1], 2);
    assert!(partition.rx.iter_mut().all(|ring| ring.peek().is_none()));
    assert!(send_tx(&mut partition, 4));
    partition.tx.publish();
    assert_eq!(next_tx(&mut core), Some(frame(4)));
    assert_eq!(next_tx(&mut core), None);
}

#[test]
fn nothing_is_seen_before_it_is_published_nor_free_before_it_is_released() {
    let (mut core, mut partition) = lane();
    assert!(send_rx(&mut core, 0, 1));
    assert_eq!(partition.rx[0].look(), Ok(0));
    core.rx[0].publish();
    assert_eq!(partition.rx[0].look(), Ok(1));
    partition.rx[0].advance(1);
    assert_eq!(core.rx[0].look(), Ok(7));
    partition.rx[0].release();
    assert_eq!(core.rx[0].look(), Ok(8));

    partition.tx.push(&[1; 60], Meta::default()).unwrap();
    assert_eq!(core.tx.look(), Ok(0));
    partition.tx.publish();
    assert_eq!(core.tx.look(), Ok(1));
    core.tx.advance(1);
    assert_eq!(partition.tx.look(), Ok(7));
    core.tx.release();
    assert_eq!(partition.tx.look(), Ok(8));
}

#[test]
fn full_ring_takes_no_frame_and_loses_none() {
    let (mut core, mut partition) = lane();
    for n in 0..8 {
        assert!(send_rx(&mut core, 0, n));
        assert!(send_tx(&mut partition, n));
    }
    assert_eq!(core.rx[0].look(), Ok(0));
    assert!(!send_rx(&mut core, 0, 8));
    assert!(!send_tx(&mut partition, 8));
    core.rx[0].publish();
    partition.tx.publish();
    for n in 0..8 {
        assert_next_rx(&mut partition.rx[0], n);
        assert_eq!(next_tx(&mut core), Some(frame(n)));
    }
    assert!(partition.rx[0].peek().is_none());
    assert_eq!(next_tx(&mut core), None);
    assert!(!send_rx(&mut core, 0, 8));
    assert!(!send_tx(&mut partition, 8));
}

#[test]
fn frame_longer_than_a_slot_is_not_sent() {
    let (mut core, mut partition) = lane();
    let plain = Meta::default();
    let too_long = Err(PushError::TooLong);
    assert_eq!(core.rx[0].push(&[1; 193], plain), too_long);
    assert_eq!(partition.tx.push(&[1; 193], plain), too_long);
    assert_eq!(partition.tx.push(&[1; 192], plain), Ok(()));
    partition.tx.publish();
    assert_eq!(next_tx(&mut core), Some(vec![1; 192]));
    assert_eq!(next_tx(&mut core), None);
}

#[test]
fn frame_goes_from_a_block_to_a_slot_and_from_slot_to_slot() {
    let (mut core, mut partition) = lane();
    let memory = Arc::new(Memory::zeroed(4096));
    let blocks = Blocks::new(&memory, 0, 2, 128, 128).unwrap();
    let bytes: Vec<u8> = (0..128).collect();
    assert!(blocks.get(0).copy_from(&bytes));
    assert_eq!(
        partition.tx.push_block(blocks.get(0), 129, meta(1)),
        Err(PushError::TooLong)
    );
    partition
        .tx
        .push_block(blocks.get(0), 100, meta(1))
        .unwrap();
    partition.tx.publish();
    let waiting = core.tx.peek().unwrap();
    let pushed = core.rx[0].push_block(waiting.block(), waiting.len(), meta(3));
    assert_eq!(pushed, Ok(()));
    core.rx[0].publish();
    let mut buffer = [0; 192];
    let found = partition.rx[0].peek().unwrap();
    assert_eq!((found.len(), found.meta()), (100, meta(3)));
    assert_eq!(found.read(&mut buffer).as_deref(), Some(&bytes[..100]));
}

/// The lengths about each edge: of the head, of the least frame, of a slot.
#[test]
fn a_judged_frame_is_its_head_then_its_block_then_zeros() {
    let (mut core, mut partition) = lane();
    let memory = Arc::new(Memory::zeroed(4096));
    let blocks = Blocks::new(&memory, 0, 2, 192, 192).unwrap();
    let judged: Vec<u8> = (1..=192).collect();
    assert!(blocks.get(0).copy_from(&judged));
    let head = blocks.get(0).head();
    // Its writer changes the head after it was judged.
    assert!(blocks.get(0).copy_from(&[0xee; 32]));
    for (len, padded, expected) in [
        (14, 60, 60),
        (31, 60, 60),
        (32, 60, 60),
        (33, 60, 60),
        (60, 60, 60),
        (61, 60, 61),
        (192, 60, 192),
        (0, 0, 0),
    ] {
        // What was in the slot before must not be seen.
        core.rx[0].push(&[0xdd; 192], Meta::default()).unwrap();
        core.rx[0].publish();
        partition.rx[0].waiting();
        partition.rx[0].advance(1);
        partition.rx[0].release();
        for _ in 0..7 {
            core.rx[0].push(&[0xdd; 192], Meta::default()).unwrap();
        }
        core.rx[0].publish();
        assert_eq!(partition.rx[0].look(), Ok(7));
        partition.rx[0].advance(7);
        partition.rx[0].release();
        let frame = JudgedFrame {
            head,
            body: blocks.get(0),
            len,
            padded,
        };
        core.rx[0].push_judged(frame, meta(5)).unwrap();
        core.rx[0].publish();
        let found = partition.rx[0].peek().unwrap();
        assert_eq!((found.len(), found.meta()), (expected, meta(5)));
        let mut buffer = [0; 192];
        let found = found.read(&mut buffer).unwrap();
        assert_eq!(found[..len], judged[..len], "{len} bytes");
        assert!(found[len..].iter().all(|&byte| byte == 0), "{len} bytes");
        partition.rx[0].advance(1);
        partition.rx[0].release();
    }
    for (len, padded) in [(193, 0), (60, 193)] {
        let frame = JudgedFrame {
            head,
            body: blocks.get(0),
            len,
            padded,
        };
        let pushed = core.rx[0].push_judged(frame, meta(5));
        assert_eq!(pushed, Err(PushError::TooLong));
    }
    core.rx[0].publish();
    assert!(partition.rx[0].peek().is_none());
}

#[test]
fn no_two_slots_share_a_byte() {
    let (mut core, mut partition) = lane();
    for slot in 0..8_u8 {
        for (ring, producer) in core.rx.iter_mut().enumerate() {
            let bytes = [1 + 8 * ring as u8 + slot; 192];
            producer.push(&bytes, meta(bytes[0].into())).unwrap();
        }
        partition.tx.push(&[100 + slot; 192], meta(0)).unwrap();
    }
    core.rx.iter_mut().for_each(|producer| producer.publish());
    partition.tx.publish();
    let mut buffer = [0; 192];
    for slot in 0..8_u8 {
        for (ring, consumer) in partition.rx.iter_mut().enumerate() {
            let number = 1 + 8 * ring as u8 + slot;
            let found = consumer.peek().unwrap();
            assert_eq!(found.meta(), meta(number.into()));
            assert_eq!(found.read(&mut buffer).as_deref(), Some(&[number; 192][..]));
            consumer.advance(1);
        }
        assert_eq!(next_tx(&mut core), Some(vec![100 + slot; 192]));
    }
}

#[test]
fn second_endpoint_goes_on_where_the_first_stopped() {
    let down = Arc::new(Memory::zeroed(SMALL.down_bytes()));
    let up = Arc::new(Memory::zeroed(SMALL.up_bytes()));
    let header = Header {
        geometry: SMALL,
        generation: 1,
    };
    let memory = CoreMemory {
        down: Arc::clone(&down),
        up: Arc::new(up.read_only()),
    };
    let mut core = CoreEnds::create(header, memory).unwrap();
    let attach = || {
        let memory = PartitionMemory {
            down: Arc::new(down.read_only()),
            up: Arc::clone(&up),
        };
        PartitionEnds::attach(memory).unwrap()
    };
    let mut first = attach();
    for n in 0..5 {
        assert!(send_rx(&mut core, 0, n));
        assert!(send_tx(&mut first, n));
    }
    core.rx[0].publish();
    first.tx.publish();
    assert_next_rx(&mut first.rx[0], 0);
    first.rx[0].release();
    assert_next_rx(&mut first.rx[0], 1);
    drop(first);
    let mut second = attach();
    assert_next_rx(&mut second.rx[0], 1);
    assert_eq!(second.tx.look(), Ok(3));
    assert!(send_tx(&mut second, 5));
    second.tx.publish();
    for n in 0..6 {
        assert_eq!(next_tx(&mut core), Some(frame(n)));
    }
}

/// Stops the other thread too when the one that holds it panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(thread::panicking(), Relaxed);
    }
}

/// One side of the lane, as the exchange below sees it.
trait Side {
    fn send(&mut self, n: u32) -> bool;
    /// Takes the next frame, if there is one, which must be number `n`.
    fn receive(&mut self, n: u32) -> bool;
    fn end_burst(&mut self);
}

impl Side for CoreEnds {
    fn send(&mut self, n: u32) -> bool {
        send_rx(self, 1, n)
    }

    fn receive(&mut self, n: u32) -> bool {
        next_tx(self).is_some_and(|found| {
            assert_eq!(found, frame(n));
            true
        })
    }

    fn end_burst(&mut self) {
        self.rx[1].publish();
        self.tx.release();
    }
}

impl Side for PartitionEnds {
    fn send(&mut self, n: u32) -> bool {
        send_tx(self, n)
    }

    fn receive(&mut self, n: u32) -> bool {
        let waits = self.rx[1].waiting() > 0;
        if waits {
            assert_next_rx(&mut self.rx[1], n);
        }
        waits
    }

    fn end_burst(&mut self) {
        self.tx.publish();
        self.rx[1].release();
    }
}

/// Sends and receives in bursts of random length until all frames are through.
fn exchange(mut side: impl Side, broken: &AtomicBool) {
    const FRAMES: u32 = 100_000;
    let _alarm = Alarm(broken);
    let (mut sent, mut received) = (0, 0);
    while sent < FRAMES || received < FRAMES {
        assert!(!broken.load(Relaxed), "the other side gave up");
        for _ in 0..=(sent ^ received).wrapping_mul(0x9e37_79b1) >> 29 {
            sent += u32::from(sent < FRAMES && side.send(sent));
            received += u32::from(side.receive(received));
        }
        side.end_burst();
        thread::yield_now();
    }
}

#[test]
fn frames_between_two_threads_arrive_in_order_and_none_is_lost() {
    let (core, partition) = lane();
    let broken = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| exchange(partition, &broken));
        exchange(core, &broken);
    });
}

#[derive(Debug, Clone)]
enum Step {
    Fill(u32),
    Publish,
    Drain(u32),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..10_u32).prop_map(Step::Fill),
        Just(Step::Publish),
        (1..10_u32).prop_map(Step::Drain),
        Just(Step::Release),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// The oracle: one queue of frames filled but unseen, one of frames seen, and
    /// a count of slots drained but not given back.
    #[test]
    fn both_directions_behave_as_plain_queues(
        steps in steps(),
    ) {
        let (mut core, mut partition) = lane();
        let (mut unseen, mut seen) = (VecDeque::new(), VecDeque::new());
        let (mut n, mut held) = (0, 0);
        for step in steps {
            match step {
                Step::Fill(count) => for _ in 0..count {
                    let free = unseen.len() + seen.len() + held < 8;
                    prop_assert_eq!(send_rx(&mut core, 0, n), free);
                    prop_assert_eq!(send_tx(&mut partition, n), free);
                    if free {
                        unseen.push_back(n);
                    }
                    n += 1;
                },
                Step::Publish => {
                    core.rx[0].publish();
                    partition.tx.publish();
                    seen.append(&mut unseen);
                }
                Step::Drain(count) => for _ in 0..count {
                    let Some(n) = seen.pop_front() else {
                        prop_assert!(partition.rx[0].peek().is_none());
                        prop_assert_eq!(next_tx(&mut core), None);
                        break;
                    };
                    assert_next_rx(&mut partition.rx[0], n);
                    prop_assert_eq!(next_tx(&mut core), Some(frame(n)));
                    held += 1;
                },
                Step::Release => {
                    partition.rx[0].release();
                    core.tx.release();
                    held = 0;
                }
            }
        }
    }
}

#[test]
fn slots_in_a_row_show_only_what_was_pushed_into_them_and_end_with_the_ring() {
    let (mut core, mut partition) = lane();
    let (producer, consumer) = (&mut core.rx[0], &mut partition.rx[0]);
    let memory = Arc::new(Memory::zeroed(4096));
    let blocks = Blocks::new(&memory, 0, 1, 256, 256).unwrap();
    assert!(blocks.get(0).copy_from(&[7; 256]));
    let judged = |len| JudgedFrame {
        head: blocks.get(0).head(),
        body: blocks.get(0),
        len,
        padded: len,
    };
    for expected in [8, 3] {
        let mut slots = producer.slots_in_row(9);
        assert_eq!(slots.left(), expected);
        assert_eq!(
            slots.push_judged(judged(193), meta(1)),
            Err(PushError::TooLong)
        );
        for number in 0..expected.min(5) {
            assert!(slots.push_judged(judged(60 + number), meta(1)).is_ok());
        }
        assert_eq!(slots.commit(), expected.min(5));
        let mut lost = producer.slots_in_row(1);
        assert!(expected < 5 || lost.push_judged(judged(99), meta(1)).is_ok());
        producer.publish();
        assert_eq!(consumer.waiting(), expected.min(5));
        let lengths = consumer.frames_in_row(0, 9).map(|frame| frame.len());
        assert!(lengths.eq((60..).take(expected.min(5))));
        consumer.advance(9);
        consumer.release();
    }
}
