//! What a partition can do to the core through `up`: nothing.
//!
//! The partition is played by plain writes to its region, at the offsets of the layout.

use std::sync::Arc;
use std::thread;

use lockgate_lane::{
    Closed, CoreEnds, CoreMemory, Geometry, Header, LaneError, Meta, PartitionEnds,
    PartitionMemory, PushError, Ring,
};
use lockgate_shm::Memory;
use proptest::prelude::*;

/// Offsets in `up` of a lane of this geometry.
const TRANSMIT_PRODUCED: usize = 128;
const RECEIVE_CONSUMED: [usize; 2] = [256, 384];
const FIRST_META: usize = 4096;
const UP_BYTES: usize = 8192;

/// Offset in `down`.
const TRANSMIT_CONSUMED: usize = 128;

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

/// The core's ends, and all memory of the lane.
struct Rig {
    core: CoreEnds,
    down: Arc<Memory>,
    up: Arc<Memory>,
}

impl Rig {
    fn new() -> Self {
        let down = Arc::new(Memory::zeroed(SMALL.down_bytes()));
        let up = Arc::new(Memory::zeroed(SMALL.up_bytes()));
        let header = Header {
            geometry: SMALL,
            generation: 7,
        };
        let memory = CoreMemory {
            down: Arc::clone(&down),
            up: Arc::new(up.read_only()),
        };
        Self {
            core: CoreEnds::create(header, memory).unwrap(),
            down,
            up,
        }
    }

    /// Honest ends of the partition over the same memory.
    fn attach(&self) -> PartitionEnds {
        let memory = PartitionMemory {
            down: Arc::new(self.down.read_only()),
            up: Arc::clone(&self.up),
        };
        PartitionEnds::attach(memory).unwrap()
    }

    /// Overwrites `up` at `offset`, as its partition may.
    fn forge(&self, offset: usize, bytes: &[u8]) {
        assert!(self.up.write(offset, bytes));
    }

    fn forge_index(&self, offset: usize, value: u64) {
        assert!(self.up.store_u64(offset, value));
    }

    fn push(&mut self, ring: usize) -> Result<(), PushError> {
        self.core.rx[ring].push(&[1; 192], Meta::default())
    }
}

fn garbage(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 56) as u8
    });
    bytes.take(len).collect()
}

/// Does everything the core does with a lane and returns how many frames came.
fn use_every_end(core: &mut CoreEnds, rounds: usize) -> usize {
    let mut frames = 0;
    for _ in 0..rounds {
        for producer in &mut core.rx {
            let closed = producer.look().is_err();
            let pushed = producer.push(&[0xcc; 192], Meta::default()).is_ok();
            assert!(!(closed && pushed), "a closed lane takes no frame");
            producer.publish();
        }
        let closed = core.tx.look().is_err();
        while let Some(frame) = core.tx.frame(0) {
            assert!(!closed, "a closed lane gives no frame");
            take(&frame);
            core.tx.advance(1);
            frames += 1;
            if frames % 8 == 0 {
                break;
            }
        }
        core.tx.release();
    }
    frames
}

/// Copies a frame every way there is: never more bytes than a slot has.
fn take(frame: &lockgate_lane::Frame<'_>) {
    let len = frame.len();
    assert!(len <= 192);
    let mut copy = [0xee; 512];
    assert_eq!(frame.read(&mut copy).map(|bytes| bytes.len()), Some(len));
    assert!(copy[len..].iter().all(|&byte| byte == 0xee));
    assert!(!frame.copy_to(&mut copy[..len + 1]));
    assert!(frame.copy_to(&mut copy[..len]));
    assert_eq!((frame.block().len(), frame.head().len()), (192, 4));
    frame.meta();
}

#[test]
fn length_beyond_the_slot_is_clamped() {
    let mut rig = Rig::new();
    rig.forge(FIRST_META, &[0xff; 16]);
    rig.forge_index(TRANSMIT_PRODUCED, 1);
    assert_eq!(rig.core.tx.waiting(), 1);
    let frame = rig.core.tx.frame(0).unwrap();
    assert_eq!(frame.len(), 192);
    let mut all = [0xee; 1024];
    assert!(
        !frame.copy_to(&mut all[..193]),
        "exactly as many bytes or none"
    );
    assert!(all.iter().all(|&byte| byte == 0xee));
    assert_eq!(frame.read(&mut all).map(|bytes| bytes.len()), Some(192));
    assert!(frame.read(&mut all[..191]).is_none());
}

#[test]
fn length_does_not_change_in_a_view_that_has_been_taken() {
    let mut rig = Rig::new();
    rig.forge(FIRST_META, &60_u64.to_ne_bytes());
    rig.forge_index(TRANSMIT_PRODUCED, 1);
    let frame = rig.core.tx.peek().unwrap();
    assert!(rig.up.write(FIRST_META, &190_u64.to_ne_bytes()));
    assert_eq!(frame.len(), 60);
    let mut copy = [0; 61];
    assert!(!frame.copy_to(&mut copy));
}

#[test]
fn no_frame_is_seen_beyond_those_that_wait() {
    let mut rig = Rig::new();
    rig.forge_index(TRANSMIT_PRODUCED, 3);
    assert_eq!(rig.core.tx.waiting(), 3);
    assert!(rig.core.tx.frame(2).is_some() && rig.core.tx.frame(3).is_none());
    assert!(rig.core.tx.frame(usize::MAX).is_none());
    rig.core.tx.advance(2);
    assert!(rig.core.tx.frame(0).is_some() && rig.core.tx.frame(1).is_none());
    rig.core.tx.advance(usize::MAX);
    rig.core.tx.release();
    assert_eq!(rig.down.load_u64(TRANSMIT_CONSUMED), Some(3));
}

#[test]
fn transmit_producer_index_may_fill_the_ring_and_not_one_slot_more() {
    let mut rig = Rig::new();
    rig.forge_index(TRANSMIT_PRODUCED, 8);
    assert_eq!(rig.core.tx.look(), Ok(8));
    rig.core.tx.advance(1);
    rig.forge_index(TRANSMIT_PRODUCED, 9);
    let closed = Closed {
        ring: Ring::Transmit,
        from: 8,
        to: 9,
        limit: 0,
    };
    assert_eq!(rig.core.tx.look(), Err(closed));
    rig.forge_index(TRANSMIT_PRODUCED, 8);
    assert_eq!(rig.core.tx.look(), Err(closed));
    assert_eq!(rig.core.tx.closed(), Some(closed));
    assert!(rig.core.tx.waiting() == 0 && rig.core.tx.frame(0).is_none());
    rig.core.tx.release();
    let shown = rig.down.load_u64(TRANSMIT_CONSUMED);
    assert_eq!(shown, Some(0), "a closed ring shows nothing more");
}

#[test]
fn transmit_producer_index_may_not_go_back() {
    let mut rig = Rig::new();
    rig.forge_index(TRANSMIT_PRODUCED, 3);
    assert_eq!(rig.core.tx.look(), Ok(3));
    rig.forge_index(TRANSMIT_PRODUCED, 2);
    assert!(rig.core.tx.look().is_err());
}

#[test]
fn partition_may_not_claim_to_have_read_what_it_was_not_given() {
    for (good, wrong) in [(Some(7), 3), (None, u64::MAX)] {
        let mut rig = Rig::new();
        rig.push(1).unwrap();
        rig.push(1).unwrap();
        rig.core.rx[1].publish();
        rig.push(1).unwrap();
        rig.forge_index(RECEIVE_CONSUMED[1], 2);
        if let Some(free) = good {
            assert_eq!(rig.core.rx[1].look(), Ok(free));
        }
        rig.forge_index(RECEIVE_CONSUMED[1], wrong);
        let closed = rig.core.rx[1].look().unwrap_err();
        assert_eq!((closed.ring, closed.to), (Ring::Receive, wrong));
        assert_eq!(rig.push(1), Err(PushError::Full));
    }
}

#[test]
fn one_end_that_is_out_of_order_closes_all_of_the_lane() {
    let orders: [fn(&mut Rig) -> Closed; 2] = [
        |rig| {
            rig.forge_index(TRANSMIT_PRODUCED, 1000);
            rig.core.tx.look().unwrap_err()
        },
        |rig| {
            rig.forge_index(RECEIVE_CONSUMED[0], 1000);
            rig.core.rx[0].look().unwrap_err()
        },
    ];
    for break_it in orders {
        let mut rig = Rig::new();
        rig.forge_index(TRANSMIT_PRODUCED, 2);
        assert_eq!(rig.core.tx.waiting(), 2);
        rig.core.tx.advance(1);
        rig.push(1).unwrap();
        let closed = break_it(&mut rig);
        for producer in &mut rig.core.rx {
            producer.publish();
            assert_eq!(producer.look(), Err(closed));
            assert_eq!((producer.free(1), producer.closed()), (0, Some(closed)));
            let pushed = producer.push(&[1; 60], Meta::default());
            assert_eq!(pushed, Err(PushError::Full));
        }
        rig.core.tx.release();
        assert_eq!(rig.core.tx.look(), Err(closed));
        assert!(rig.core.tx.peek().is_none());
        // Neither the frame nor the free slot was shown.
        for offset in [TRANSMIT_CONSUMED, 256, 384] {
            assert_eq!(rig.down.load_u64(offset), Some(0), "index at {offset}");
        }
    }
}

#[test]
fn closing_says_which_index_moved_and_what_to_do() {
    let mut rig = Rig::new();
    rig.forge_index(TRANSMIT_PRODUCED, 1000);
    assert_eq!(
        rig.core.tx.look().unwrap_err().to_string(),
        "the other side moved its index of the transmit ring from 0 to 1000, \
         at most 8 was possible: restart the partition's endpoint with a new lane"
    );
}

#[test]
fn partition_finds_a_lane_in_disorder_when_it_attaches() {
    let rig = Rig::new();
    rig.forge_index(RECEIVE_CONSUMED[0], 9);
    let memory = PartitionMemory {
        down: Arc::new(rig.down.read_only()),
        up: Arc::clone(&rig.up),
    };
    let error = PartitionEnds::attach(memory).unwrap_err();
    assert!(matches!(error, LaneError::Disorder(_)), "{error}");
}

#[test]
fn memory_that_is_too_short_or_has_no_header_is_no_lane() {
    let rig = Rig::new();
    let attach = |down: &Arc<Memory>, up: &Arc<Memory>| {
        let memory = PartitionMemory {
            down: Arc::new(down.read_only()),
            up: Arc::clone(up),
        };
        PartitionEnds::attach(memory).map(|ends| ends.generation)
    };
    let page = Arc::new(Memory::zeroed(4096));
    assert_eq!(attach(&rig.down, &rig.up), Ok(7));
    assert_eq!(attach(&rig.down, &page), Err(LaneError::TooShort));
    assert_eq!(attach(&page, &rig.up), Err(LaneError::Header));
    let mut header = [0; 32];
    assert!(rig.down.read(0, &mut header) && page.write(0, &header));
    assert_eq!(attach(&page, &rig.up), Err(LaneError::TooShort));
    let memory = CoreMemory {
        down: page,
        up: Arc::new(rig.up.read_only()),
    };
    let header = Header {
        geometry: SMALL,
        generation: 0,
    };
    let error = CoreEnds::create(header, memory).unwrap_err();
    assert_eq!(error, LaneError::TooShort);
}

/// The index stays plausible, so that the lane stays open and the core keeps reading.
#[test]
fn core_survives_a_partition_that_scribbles_while_it_reads() {
    let Rig { mut core, down, up } = Rig::new();
    thread::scope(|scope| {
        let core = scope.spawn(move || {
            let mut frames = 0;
            while frames < 50_000 {
                frames += use_every_end(&mut core, 1);
                assert!(core.tx.look().is_ok());
            }
        });
        let mut seed = 0;
        while !core.is_finished() {
            seed += 1;
            let noise = garbage(seed, 256);
            assert!(up.write(FIRST_META + seed as usize % 16 * 128, &noise));
            let consumed = down.load_u64(TRANSMIT_CONSUMED).unwrap();
            assert!(up.store_u64(TRANSMIT_PRODUCED, consumed + 8));
        }
    });
}

proptest! {
    #[test]
    fn garbage_anywhere_in_up_closes_the_lane_or_yields_clamped_frames(
        seed in any::<u64>(),
        indices in any::<[u8; 3]>(),
        small in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        rig.forge(0, &garbage(seed, UP_BYTES));
        if small {
            let offsets = [TRANSMIT_PRODUCED].into_iter().chain(RECEIVE_CONSUMED);
            for (offset, value) in offsets.zip(indices) {
                rig.forge_index(offset, u64::from(value & 15));
            }
        }
        use_every_end(&mut rig.core, 20);
    }

    #[test]
    fn single_wrong_word_never_harms_a_lane_in_use(
        before in 0..12_usize,
        place in prop_oneof![0..UP_BYTES / 8, (1..4_usize).prop_map(|index| 16 * index)],
        word in prop_oneof![any::<u64>(), 0..32_u64],
    ) {
        let mut rig = Rig::new();
        let mut partition = rig.attach();
        for _ in 0..before {
            // Full in the end, since the core takes no more than eight frames a round.
            let _ = partition.tx.push(&[1; 60], Meta::default());
            partition.tx.publish();
            use_every_end(&mut rig.core, 1);
        }
        rig.forge(8 * place, &word.to_ne_bytes());
        use_every_end(&mut rig.core, 20);
    }
}
