//! Memory that two processes share: every unsafe line of lanes.
//!
//! Three facts carry the safety of this module and its parts. Offsets are checked
//! against the mapping when a view of a ring is made, and slot numbers are masked,
//! so no address leaves its mapping. Both files are sealed against shrinking before
//! anything trusts their size, so no address inside is without memory. And what the
//! other side may write at any moment is touched by atomics and by [`racing`] copies
//! alone, never through a reference to plain bytes.
//!
//! Not here: what the bytes mean.

mod racing;
mod slots;
mod view;

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::{Errno, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::core::LaneFiles;
use crate::layout::{DOWN, EMPTIES, FILLS, Geometry, LINE, UP};

pub use slots::Slots;
pub(crate) use view::View;

/// Seals of `up`: neither its size nor its seals change any more.
pub(crate) const UP_SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// Seals of `down`: besides, nobody can write to it or map it writable any more.
pub(crate) const DOWN_SEALS: SealFlags = UP_SEALS.union(SealFlags::FUTURE_WRITE);

const WRITABLE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// A whole file, mapped until drop.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is an address, the same in every thread; the views that are made
// of one say who may access it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of `file`.
    fn new(file: impl AsFd, len: usize, protection: ProtFlags) -> Result<Self> {
        // Populated, so that no frame waits for a page fault.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: without a wish for an address the kernel picks one that is unused.
        let base = unsafe { mmap(ptr::null_mut(), len, protection, flags, file, 0) }?;
        Ok(Self {
            base: NonNull::new(base.cast()).ok_or(Errno::FAULT)?,
            len,
        })
    }

    /// The address of the `len` bytes at `offset`, which must lie in the mapping and
    /// begin on a line.
    fn place(&self, offset: usize, len: usize) -> NonNull<u8> {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len), "outside the lane");
        assert!(offset.is_multiple_of(LINE), "not on a line");
        // SAFETY: `offset` is within the mapping, as the assertion above made sure.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of `mmap`; whoever holds a place in
        // the mapping keeps the mapping too, so nobody does.
        // An error could only mean that nothing was mapped.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Both files of a lane, as one side maps them.
#[derive(Debug)]
struct Memory {
    /// The file that this side writes.
    ours: Mapping,
    theirs: Mapping,
    geometry: Geometry,
}

/// One side's views of all rings: of those in `down` and of the one in `up`.
type Views<const IN_DOWN: bool, const IN_UP: bool> = (Vec<View<IN_DOWN, DOWN>>, View<IN_UP, UP>);

/// Makes the files of a lane, zeros behind a header, and gives the core's views.
///
/// The mapping of `down` is the only writable one that there can ever be.
pub(crate) fn create(name: &str, geometry: Geometry) -> Result<(LaneFiles, Views<FILLS, EMPTIES>)> {
    let down = file(&format!("lockgate-{name}-down"), geometry.down_bytes())?;
    let up = file(&format!("lockgate-{name}-up"), geometry.up_bytes())?;
    rustix::io::pwrite(&down, geometry.header().as_flattened(), 0)?;
    let ours = Mapping::new(&down, geometry.down_bytes(), WRITABLE)?;
    fcntl_add_seals(&down, DOWN_SEALS)?;
    fcntl_add_seals(&up, UP_SEALS)?;
    let theirs = Mapping::new(&up, geometry.up_bytes(), ProtFlags::READ)?;
    Ok((
        LaneFiles { down, up },
        views(Memory {
            ours,
            theirs,
            geometry,
        }),
    ))
}

fn file(name: &str, len: usize) -> Result<OwnedFd> {
    let file = memfd_create(name, MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC)?;
    ftruncate(&file, len as u64)?;
    Ok(file)
}

/// The endpoint's views of files that have both the seals and the sizes for `geometry`.
pub(crate) fn attach(files: &LaneFiles, geometry: Geometry) -> Result<Views<EMPTIES, FILLS>> {
    let theirs = Mapping::new(&files.down, geometry.down_bytes(), ProtFlags::READ)?;
    let ours = Mapping::new(&files.up, geometry.up_bytes(), WRITABLE)?;
    Ok(views(Memory {
        ours,
        theirs,
        geometry,
    }))
}

/// One view of each ring.
fn views<const IN_DOWN: bool, const IN_UP: bool>(memory: Memory) -> Views<IN_DOWN, IN_UP> {
    let memory = Arc::new(memory);
    let down = (0..memory.geometry.rings)
        .map(|ring| View::new(&memory, ring))
        .collect();
    (down, View::new(&memory, 0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::mm::{MprotectFlags, mprotect};

    use super::*;

    const SMALL: Geometry = Geometry {
        rings: 2,
        slots: 4,
        frame_bytes: 128,
    };

    /// The permissions of every mapping of the file `name` in this process.
    fn permissions(name: &str) -> Vec<String> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let lines = maps.lines().filter(|line| line.contains(name));
        let fields = lines.filter_map(|line| line.split_whitespace().nth(1));
        fields.map(str::to_owned).collect()
    }

    #[test]
    fn down_cannot_be_mapped_writable_by_whoever_gets_the_file() {
        let (files, _views) = create("sealed", SMALL).unwrap();
        let len = SMALL.down_bytes();
        assert_eq!(
            Mapping::new(&files.down, len, WRITABLE).unwrap_err(),
            Errno::PERM
        );
        let reader = Mapping::new(&files.down, len, ProtFlags::READ).unwrap();
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the mapping is the test's own and nothing refers into it.
        let raised = unsafe { mprotect(reader.base.as_ptr().cast(), len, writable) };
        assert_eq!(raised, Err(Errno::ACCESS));
    }

    #[test]
    fn core_maps_up_for_reading_only() {
        let (_files, _views) = create("read-only", SMALL).unwrap();
        assert_eq!(permissions("memfd:lockgate-read-only-up"), ["r--s"]);
        assert_eq!(permissions("memfd:lockgate-read-only-down"), ["rw-s"]);
    }

    #[test]
    fn endpoint_maps_down_for_reading_only() {
        let (files, views) = create("attached", SMALL).unwrap();
        drop(views);
        let _views = attach(&files, SMALL).unwrap();
        assert_eq!(permissions("memfd:lockgate-attached-up"), ["rw-s"]);
        assert_eq!(permissions("memfd:lockgate-attached-down"), ["r--s"]);
    }

    #[test]
    #[should_panic(expected = "outside the lane")]
    fn place_that_reaches_beyond_its_mapping_is_our_own_bug() {
        let file = file("short", 8192).unwrap();
        let mapping = Mapping::new(&file, 8192, ProtFlags::READ).unwrap();
        mapping.place(8128, 64);
        mapping.place(8128, 65);
    }

    #[test]
    #[should_panic(expected = "outside the lane")]
    fn ring_that_reaches_beyond_its_mapping_is_our_own_bug() {
        let geometry = Geometry {
            slots: 8,
            frame_bytes: 1024,
            ..SMALL
        };
        let (files, _views) = create("short", SMALL).unwrap();
        let ours = Mapping::new(&files.up, SMALL.up_bytes(), WRITABLE).unwrap();
        let theirs = Mapping::new(&files.down, SMALL.down_bytes(), ProtFlags::READ).unwrap();
        View::<FILLS, UP>::new(
            &Arc::new(Memory {
                ours,
                theirs,
                geometry,
            }),
            0,
        );
    }
}
