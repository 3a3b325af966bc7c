//! What a partition can do to the core through `up`: nothing.
//!
//! The partition is played by plain writes to the file, at the offsets of the layout.

use std::io;
use std::thread;

use lockgate_lane::{Closed, Endpoint, Geometry, Lane, Meta};
use proptest::prelude::*;
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::io::{Errno, pread, pwrite};

/// Offsets in `up` of a lane of this geometry.
const TRANSMIT_FILLED: usize = 128;
const RECEIVE_EMPTIED: [usize; 2] = [256, 384];
const FIRST_META: usize = 4096;
const UP_BYTES: usize = 8192;

/// Offset in `down`.
const TRANSMIT_EMPTIED: u64 = 128;

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

fn lane() -> Lane {
    Lane::create("test", SMALL).unwrap()
}

/// Overwrites `up` at `offset`, as its partition may.
fn forge(lane: &Lane, offset: usize, bytes: &[u8]) {
    assert_eq!(
        pwrite(&lane.files.up, bytes, offset as u64),
        Ok(bytes.len())
    );
}

fn forge_index(lane: &Lane, offset: usize, value: u32) {
    forge(lane, offset, &value.to_ne_bytes());
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
fn use_every_end(lane: &mut Lane, rounds: usize) -> usize {
    let mut frames = 0;
    for _ in 0..rounds {
        for writer in &mut lane.down {
            let closed = writer.free().is_err();
            if writer.put(&[0xcc; 192], Meta::default().pack()) {
                assert!(!closed, "a closed ring takes no frame");
            }
            writer.publish();
        }
        let closed = lane.up.available().is_err();
        while let Some(frame) = lane.up.head() {
            assert!(!closed, "a closed ring gives no frame");
            assert!(frame <= 192);
            let mut copy = [0; 512];
            assert_eq!(lane.up.copy(&mut copy), 192);
            lane.up.consume();
            frames += 1;
            if frames % 8 == 0 {
                break;
            }
        }
        lane.up.release();
    }
    frames
}

#[test]
fn partition_can_neither_resize_nor_reseal_nor_write_what_it_must_not() {
    let lane = lane();
    for file in [&lane.files.down, &lane.files.up] {
        assert_eq!(ftruncate(file, 4096), Err(Errno::PERM));
        assert_eq!(ftruncate(file, 1 << 20), Err(Errno::PERM));
        assert_eq!(fcntl_add_seals(file, SealFlags::WRITE), Err(Errno::PERM));
    }
    assert_eq!(pwrite(&lane.files.down, &[1], 0), Err(Errno::PERM));
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert_eq!(fallocate(&lane.files.down, hole, 0, 4096), Err(Errno::PERM));
}

#[test]
fn hole_punched_into_up_reads_as_zeros() {
    let mut lane = lane();
    let mut endpoint = Endpoint::attach(&lane.files).unwrap();
    assert!(endpoint.up.push(&[7; 60]));
    endpoint.up.publish();
    assert_eq!(lane.up.available(), Ok(1));
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&lane.files.up, hole, 0, UP_BYTES as u64).unwrap();
    let frame = lane.up.head().unwrap();
    assert_eq!(frame, 0);
}

#[test]
fn geometry_that_cannot_be_is_an_error() {
    let error = Lane::create("test", Geometry { slots: 3, ..SMALL }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(Lane::create("nul\0", SMALL).is_err());
}

#[test]
fn length_beyond_the_slot_is_clamped() {
    let mut lane = lane();
    forge(&lane, FIRST_META, &[0xff; 16]);
    forge_index(&lane, TRANSMIT_FILLED, 1);
    assert_eq!(lane.up.available(), Ok(1));
    let frame = lane.up.head().unwrap();
    assert_eq!(frame, 192);
    let mut all = [0; 1024];
    assert_eq!(lane.up.copy(&mut all), 192);
}

#[test]
fn fill_index_of_transmit_may_fill_the_ring_and_not_one_slot_more() {
    let mut lane = lane();
    forge_index(&lane, TRANSMIT_FILLED, 8);
    assert_eq!(lane.up.available(), Ok(8));
    lane.up.consume();
    forge_index(&lane, TRANSMIT_FILLED, 9);
    let closed = Closed {
        ring: "transmit",
        from: 8,
        to: 9,
        limit: 0,
    };
    assert_eq!(lane.up.available(), Err(closed));
    forge_index(&lane, TRANSMIT_FILLED, 8);
    assert_eq!(lane.up.available(), Err(closed));
    assert!(lane.up.head().is_none());
}

#[test]
fn fill_index_of_transmit_may_not_go_back() {
    let mut lane = lane();
    forge_index(&lane, TRANSMIT_FILLED, 3);
    assert_eq!(lane.up.available(), Ok(3));
    forge_index(&lane, TRANSMIT_FILLED, 2);
    assert!(lane.up.available().is_err());
}

#[test]
fn partition_may_not_claim_to_have_read_what_it_was_not_given() {
    for (wrong, word) in [(3, 3), (2, u32::MAX)] {
        let mut lane = lane();
        let emptied = RECEIVE_EMPTIED[1];
        for _ in 0..2 {
            assert!(lane.down[1].put(&[1; 192], Meta::default().pack()));
        }
        lane.down[1].publish();
        assert!(lane.down[1].put(&[1; 192], Meta::default().pack()));
        forge_index(&lane, emptied, 2);
        if wrong == 3 {
            assert_eq!(lane.down[1].free(), Ok(7));
        }
        forge_index(&lane, emptied, word);
        let closed = lane.down[1].free().unwrap_err();
        assert_eq!(closed.ring, "receive");
        assert_eq!(closed.to, word);
        assert!(!lane.down[1].put(&[1; 192], Meta::default().pack()));
        assert_eq!(lane.down[0].free(), Ok(8));
    }
}

#[test]
fn closing_says_which_index_moved_and_what_to_do() {
    let mut lane = lane();
    forge_index(&lane, TRANSMIT_FILLED, 1000);
    assert_eq!(
        lane.up.available().unwrap_err().to_string(),
        "the other side moved its index of the transmit ring from 0 to 1000, \
         at most 8 was possible: restart the partition's endpoint with a new lane"
    );
}

/// The index stays plausible, so that the lane stays open and the core keeps reading.
#[test]
fn core_survives_a_partition_that_scribbles_while_it_reads() {
    let mut lane = lane();
    let [down, up] = [&lane.files.down, &lane.files.up].map(|file| file.try_clone().unwrap());
    thread::scope(|scope| {
        let core = scope.spawn(move || {
            let mut frames = 0;
            while frames < 50_000 {
                frames += use_every_end(&mut lane, 1);
                assert!(lane.up.available().is_ok());
            }
        });
        let mut seed = 0;
        while !core.is_finished() {
            seed += 1;
            let noise = garbage(seed, 256);
            pwrite(&up, &noise, FIRST_META as u64 + seed % 16 * 128).unwrap();
            let mut index = [0; 4];
            pread(&down, &mut index, TRANSMIT_EMPTIED).unwrap();
            let filled = u32::from_ne_bytes(index).wrapping_add(8);
            pwrite(&up, &filled.to_ne_bytes(), TRANSMIT_FILLED as u64).unwrap();
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
        let mut lane = lane();
        forge(&lane, 0, &garbage(seed, UP_BYTES));
        if small {
            let offsets = [TRANSMIT_FILLED].into_iter().chain(RECEIVE_EMPTIED);
            for (offset, value) in offsets.zip(indices) {
                forge_index(&lane, offset, u32::from(value & 15));
            }
        }
        use_every_end(&mut lane, 20);
    }

    #[test]
    fn single_wrong_word_never_harms_a_lane_in_use(
        before in 0..12_usize,
        place in prop_oneof![0..UP_BYTES / 8, (1..4_usize).prop_map(|index| 16 * index)],
        word in prop_oneof![any::<u64>(), 0..32_u64],
    ) {
        let mut lane = lane();
        let mut endpoint = Endpoint::attach(&lane.files).unwrap();
        for _ in 0..before {
            endpoint.up.push(&[1; 60]);
            endpoint.up.publish();
            use_every_end(&mut lane, 1);
        }
        forge(&lane, 8 * place, &word.to_ne_bytes());
        use_every_end(&mut lane, 20);
    }
}
