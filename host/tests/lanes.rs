//! Lanes in files: what the kernel keeps a partition from doing, and what it may do.

use lockgate_host::memfd::{self, NewLane};
use lockgate_lane::{Geometry, Header, Meta};
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::io::{Errno, pwrite};

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

fn lane() -> NewLane {
    let header = Header {
        geometry: SMALL,
        generation: 1,
    };
    memfd::create("test", header).unwrap()
}

#[test]
fn partition_can_neither_resize_nor_reseal_nor_write_what_it_must_not() {
    let files = lane().files;
    for file in [&files.down, &files.up] {
        assert_eq!(ftruncate(file, 4096), Err(Errno::PERM));
        assert_eq!(ftruncate(file, 1 << 20), Err(Errno::PERM));
        assert_eq!(fcntl_add_seals(file, SealFlags::WRITE), Err(Errno::PERM));
    }
    assert_eq!(pwrite(&files.down, &[1], 0), Err(Errno::PERM));
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert_eq!(fallocate(&files.down, hole, 0, 4096), Err(Errno::PERM));
}

#[test]
fn hole_punched_into_up_reads_as_zeros() {
    let NewLane {
        mut ends, files, ..
    } = lane();
    let again = files.try_clone().unwrap();
    let mut partition = memfd::attach(files).unwrap().ends;
    partition.tx.push(&[7; 60], Meta::default()).unwrap();
    partition.tx.publish();
    assert_eq!(ends.tx.look(), Ok(1));
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&again.up, hole, 0, SMALL.up_bytes() as u64).unwrap();
    assert_eq!(ends.tx.frame(0).unwrap().len(), 0);
}

#[test]
fn frames_go_both_ways_through_the_files() {
    let NewLane {
        mut ends, files, ..
    } = lane();
    let mut partition = memfd::attach(files).unwrap().ends;
    for ring in 0..2 {
        ends.rx[ring]
            .push(&[1 + ring as u8; 100], Meta::default())
            .unwrap();
        ends.rx[ring].publish();
    }
    let mut buffer = [0; 192];
    for ring in &mut partition.rx {
        let frame = ring.peek().unwrap();
        let bytes = frame.read(&mut buffer).unwrap();
        partition.tx.push(bytes, Meta::default()).unwrap();
    }
    partition.tx.publish();
    assert_eq!(ends.tx.waiting(), 2);
    for (i, byte) in [1, 2].into_iter().enumerate() {
        let frame = ends.tx.frame(i).unwrap();
        assert_eq!(frame.read(&mut buffer).as_deref(), Some(&[byte; 100][..]));
    }
}
