//! The rings themselves in every order that the memory model allows, up to a bound
//! (`cargo xtask loom`).
//!
//! Two slots and four frames, so that each slot is used twice. A frame is two words of bytes
//! and a time stamp that all carry its number: what is torn, stale or twice shows. The hostile
//! peers write words of their region whenever they like.
#![cfg(loom)]

use std::sync::Arc;

use lockgate_lane::{
    Closed, Consumer, CoreEnds, CoreMemory, Direction, Geometry, Header, Lane, Meta, PartitionEnds,
    PartitionMemory, Producer, PushError, Ring,
};
use lockgate_shm::{Blocks, Memory, Words};
use loom::thread;

const GEOMETRY: Geometry = Geometry {
    rings: 1,
    slots: 2,
    frame_bytes: 64,
};
const FRAMES: u64 = 4;

/// Offsets in `up` of a lane of this geometry.
const TRANSMIT_PRODUCED: usize = 128;
const RECEIVE_CONSUMED: usize = 256;
const FIRST_META: usize = 4096;
const FIRST_FRAME: usize = 4096 + 64;

/// Checks every order with up to `preemptions` of them.
fn check(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

fn frame(number: u64) -> [u8; 16] {
    let word = number.to_ne_bytes();
    core::array::from_fn(|at| word[at % 8])
}

/// Pushes frames 1 to [`FRAMES`], `burst` to a publication.
fn produce<D: Direction>(mut producer: Producer<D>, burst: u64) {
    let mut next = 1;
    while next <= FRAMES {
        let meta = Meta {
            stamp_ns: next,
            ..Meta::default()
        };
        match producer.push(&frame(next), meta) {
            Ok(()) if next % burst == 0 || next == FRAMES => {
                producer.publish();
                next += 1;
            }
            Ok(()) => next += 1,
            Err(error) => {
                assert_eq!(error, PushError::Full);
                producer.publish();
                thread::yield_now();
            }
        }
        assert_eq!(producer.closed(), None, "the other side is honest");
    }
}

/// Takes frames 1 to [`FRAMES`], `burst` to a release.
fn consume<D: Direction>(mut consumer: Consumer<D>, burst: u64) {
    let mut next = 1;
    while next <= FRAMES {
        let Some(waiting) = consumer.peek() else {
            assert_eq!(consumer.closed(), None, "the other side is honest");
            consumer.release();
            thread::yield_now();
            continue;
        };
        let mut bytes = [0; 64];
        let found = waiting.read(&mut bytes).map(|bytes| &*bytes);
        assert_eq!(found, Some(&frame(next)[..]), "frame {next}");
        assert_eq!(waiting.meta().stamp_ns, next);
        consumer.advance(1);
        if next % burst == 0 {
            consumer.release();
        }
        next += 1;
    }
    assert!(consumer.peek().is_none(), "nothing comes twice");
}

#[test]
fn receive_ring_delivers_every_frame_once_whole_and_in_order() {
    for burst in [1, 2] {
        check(3, move || {
            let Lane {
                mut core,
                mut partition,
            } = Lane::in_heap(GEOMETRY).unwrap();
            let (producer, consumer) = (core.rx.remove(0), partition.rx.remove(0));
            let producing = thread::spawn(move || produce(producer, burst));
            consume(consumer, burst);
            producing.join().unwrap();
        });
    }
}

#[test]
fn transmit_ring_delivers_every_frame_once_whole_and_in_order() {
    check(3, || {
        let Lane { core, partition } = Lane::in_heap(GEOMETRY).unwrap();
        let consuming = thread::spawn(move || consume(core.tx, 1));
        produce(partition.tx, 2);
        consuming.join().unwrap();
    });
}

/// A lane, all of whose memory the test can write.
struct Open {
    core: CoreEnds,
    up: Arc<Memory>,
}

impl Open {
    fn new() -> Self {
        let down = Arc::new(Memory::zeroed(GEOMETRY.down_bytes()));
        let up = Arc::new(Memory::zeroed(GEOMETRY.up_bytes()));
        let header = Header {
            geometry: GEOMETRY,
            generation: 1,
        };
        let memory = CoreMemory {
            down: Arc::clone(&down),
            up: Arc::new(up.read_only()),
        };
        let core = CoreEnds::create(header, memory).unwrap();
        let memory = PartitionMemory {
            down: Arc::new(down.read_only()),
            up: Arc::clone(&up),
        };
        PartitionEnds::attach(memory).expect("the partition would have had its turn");
        Self { core, up }
    }

    /// Whatever of `up` a hostile partition writes here.
    fn peer(&self) -> Peer {
        Peer {
            produced: Words::new(&self.up, TRANSMIT_PRODUCED, 1).unwrap(),
            consumed: Words::new(&self.up, RECEIVE_CONSUMED, 1).unwrap(),
            meta: Words::new(&self.up, FIRST_META, 4).unwrap(),
            frames: Blocks::new(&self.up, FIRST_FRAME, 2, 64, 64).unwrap(),
        }
    }
}

struct Peer {
    produced: Words,
    consumed: Words,
    meta: Words,
    frames: Blocks,
}

/// Takes what the ring offers, three looks long: whatever that is, it fits its slot.
fn take_anything(consumer: &mut Consumer<lockgate_lane::Tx>) -> Option<Closed> {
    for _ in 0..3 {
        let looked = consumer.look();
        assert!(looked.is_err() || looked.is_ok_and(|waiting| waiting <= 2));
        while let Some(frame) = consumer.frame(0) {
            assert!(looked.is_ok(), "a closed lane gives no frame");
            let mut bytes = [0xee; 72];
            let len = frame.len();
            assert!(len <= 64);
            assert_eq!(frame.read(&mut bytes).map(|bytes| bytes.len()), Some(len));
            assert!(bytes[len..].iter().all(|&byte| byte == 0xee));
            frame.meta();
            consumer.advance(1);
        }
        consumer.release();
        if let Err(closed) = looked {
            assert_eq!(consumer.look(), Err(closed), "for good");
        }
    }
    consumer.closed()
}

#[test]
fn a_peer_that_writes_anything_at_any_time_gets_its_own_garbage_or_a_closed_lane() {
    // Where the index goes: on as it may, back, too far, and round the end.
    for moves in [[1, 2], [2, 1], [2, 9], [u64::MAX, 2]] {
        check(3, move || {
            let mut open = Open::new();
            let peer = open.peer();
            let hostile = thread::spawn(move || {
                peer.produced.store_release(0, moves[0]);
                peer.meta.store(0, u64::MAX);
                peer.frames.get(0).copy_from(&[0xff; 8]);
                peer.produced.store(0, moves[1]);
                peer.meta.store(2, 65);
            });
            let closed = take_anything(&mut open.core.tx);
            hostile.join().unwrap();
            if let Some(closed) = closed {
                assert_eq!(closed.ring, Ring::Transmit);
                assert!(moves.contains(&closed.to));
            }
        });
    }
}

#[test]
fn a_peer_that_claims_to_have_read_anything_frees_no_slot_that_it_was_not_shown() {
    for moves in [[1, 2], [2, 0], [3, 1], [u64::MAX, 0]] {
        check(3, move || {
            let mut open = Open::new();
            let peer = open.peer();
            let hostile = thread::spawn(move || {
                peer.consumed.store(0, moves[0]);
                peer.consumed.store_release(0, moves[1]);
            });
            let producer = &mut open.core.rx[0];
            let (mut pushed, mut shown) = (0, 0);
            for _ in 0..3 {
                let looked = producer.look();
                assert!(looked.is_err() || looked.is_ok_and(|free| free <= 2));
                while producer.push(&[1; 8], Meta::default()).is_ok() {
                    assert!(looked.is_ok(), "a closed lane takes no frame");
                    pushed += 1;
                    assert!(pushed <= shown + 2, "no slot before it was given back");
                }
                producer.publish();
                shown = pushed;
            }
            hostile.join().unwrap();
        });
    }
}

/// Two workers each have an end of the lane; both are out of order.
#[test]
fn ends_on_two_threads_close_for_one_reason_that_is_whole() {
    check(3, || {
        let mut open = Open::new();
        let peer = open.peer();
        peer.produced.store(0, 100);
        peer.consumed.store(0, 200);
        let mut producer = open.core.rx.remove(0);
        let other = thread::spawn(move || {
            let first = producer.look().unwrap_err();
            producer.publish();
            (first, producer.look().unwrap_err())
        });
        let first = open.core.tx.look().unwrap_err();
        let (theirs, _) = other.join().unwrap();
        let last = open.core.tx.look().unwrap_err();
        for closed in [first, theirs, last] {
            let expected = match closed.ring {
                Ring::Receive => (200, 0),
                Ring::Transmit => (100, 2),
            };
            assert_eq!(
                (closed.to, closed.limit, closed.from),
                (expected.0, expected.1, 0)
            );
        }
        assert_eq!(open.core.rx.len(), 0);
        assert_eq!(open.core.tx.closed(), Some(last), "for good");
    });
}
