//! Memory that two processes share: every unsafe line of lanes.
//!
//! Three facts carry the safety of this module and its parts. Offsets are checked
//! against the mapping when an index or a ring is made, and slot numbers are masked,
//! so no address leaves its mapping. Both files are sealed against shrinking before
//! anything trusts their size, so no address inside is without memory. And what the
//! other side may write at any moment is touched by atomics and by [`racing`] copies
//! alone, never through a reference to plain bytes.
//!
//! Not here: what the bytes mean.

mod racing;
mod slots;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::layout::{Geometry, LINE};

pub(crate) use slots::{OpenSlots, OwnSlots, Slots, TrustedSlots};

/// Seals of `up`: neither its size nor its seals change any more.
pub(crate) const UP_SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Seals of `down`: besides, nobody can write to it or map it writable any more.
pub(crate) const DOWN_SEALS: SealFlags = UP_SEALS.union(SealFlags::FUTURE_WRITE);

/// An address inside a mapping that its holder keeps alive.
#[derive(Debug, Clone, Copy)]
struct Place(NonNull<u8>);

// SAFETY: a place is a number; the types that hold one say who may access it.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

/// A whole file, mapped until drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: Place,
    len: usize,
    writable: bool,
}

impl Mapping {
    /// Maps the first `len` bytes of `file` for reading.
    pub(crate) fn read_only(file: impl AsFd, len: usize) -> io::Result<Arc<Self>> {
        Self::new(file, len, false)
    }

    /// Maps the first `len` bytes of `file` for reading and writing.
    pub(crate) fn writable(file: impl AsFd, len: usize) -> io::Result<Arc<Self>> {
        Self::new(file, len, true)
    }

    fn new(file: impl AsFd, len: usize, writable: bool) -> io::Result<Arc<Self>> {
        let protection = match writable {
            true => ProtFlags::READ | ProtFlags::WRITE,
            false => ProtFlags::READ,
        };
        // Populated, so that no frame waits for a page fault.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: without a wish for an address the kernel picks one that is unused.
        let base = unsafe { mmap(ptr::null_mut(), len, protection, flags, file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Arc::new(Self { base: Place(base), len, writable }))
    }

    /// The address of the `len` bytes at `offset`, which must lie in the mapping and
    /// begin on a line.
    fn place(&self, offset: usize, len: usize) -> Place {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len), "outside the lane");
        assert!(offset.is_multiple_of(LINE), "not on a line");
        // SAFETY: `offset` is within the mapping, as the assertion above made sure.
        Place(unsafe { self.base.0.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of `mmap`; whoever holds a place in
        // the mapping holds an `Arc` of it too, so nobody does.
        // An error could only mean that nothing was mapped.
        let _ = unsafe { munmap(self.base.0.as_ptr().cast(), self.len) };
    }
}

/// A shared index that the other side moves.
#[derive(Debug)]
pub(crate) struct TheirIndex {
    word: Place,
    _memory: Arc<Mapping>,
}

impl TheirIndex {
    pub(crate) fn new(memory: &Arc<Mapping>, offset: usize) -> Self {
        Self { word: memory.place(offset, LINE), _memory: memory.clone() }
    }

    /// Reads it; what the other side wrote before it moved the index is visible then.
    pub(crate) fn load(&self) -> u32 {
        self.atomic().load(Acquire)
    }

    fn atomic(&self) -> &AtomicU32 {
        // SAFETY: an aligned word of the mapping that `_memory` keeps; this process
        // touches it by atomics alone, and those may share it with any other.
        unsafe { self.word.0.cast().as_ref() }
    }
}

/// A shared index that this side moves.
#[derive(Debug)]
pub(crate) struct OurIndex(TheirIndex);

impl OurIndex {
    pub(crate) fn new(memory: &Arc<Mapping>, offset: usize) -> Self {
        assert!(memory.writable, "an index that cannot be written");
        Self(TheirIndex::new(memory, offset))
    }

    /// Where an earlier holder of this side left it.
    pub(crate) fn load(&self) -> u32 {
        self.0.load()
    }

    /// Moves it, after everything that was read or written before.
    pub(crate) fn store(&self, value: u32) {
        self.0.atomic().store(value, Release);
    }
}

/// The file `down` as the core holds it: the only writable mapping there can be.
#[derive(Debug)]
pub(crate) struct Down {
    memory: Arc<Mapping>,
    /// Everything before this offset has been given away.
    given: usize,
}

impl Down {
    /// Makes `down`: `len` bytes that begin with `image`, sealed once it is mapped.
    pub(crate) fn create(name: &str, len: usize, image: &[u8]) -> io::Result<(OwnedFd, Self)> {
        let file = file_with(name, len, image)?;
        let memory = Mapping::writable(&file, len)?;
        fcntl_add_seals(&file, DOWN_SEALS)?;
        Ok((file, Self { memory, given: 0 }))
    }

    /// The index at `offset`, for the core to move.
    pub(crate) fn index(&self, offset: usize) -> OurIndex {
        OurIndex::new(&self.memory, offset)
    }

    /// The ring at `offset`, behind all that were given away before.
    pub(crate) fn slots(&mut self, offset: usize, geometry: Geometry) -> OwnSlots {
        assert!(offset >= self.given, "a ring given away twice");
        self.given = offset + geometry.ring_bytes();
        OwnSlots::new(Slots::new(&self.memory, offset, geometry))
    }
}

/// Makes `up`: `len` zeros, sealed, and mapped for reading.
pub(crate) fn create_up(name: &str, len: usize) -> io::Result<(OwnedFd, Arc<Mapping>)> {
    let file = file_with(name, len, &[])?;
    fcntl_add_seals(&file, UP_SEALS)?;
    let memory = Mapping::read_only(&file, len)?;
    Ok((file, memory))
}

fn file_with(name: &str, len: usize, image: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create(name, MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC)?;
    ftruncate(&file, len as u64)?;
    match rustix::io::pwrite(&file, image, 0)? == image.len() {
        true => Ok(file),
        false => Err(io::ErrorKind::WriteZero.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::io::Errno;
    use rustix::mm::{MprotectFlags, mprotect};

    use super::*;

    const SMALL: Geometry = Geometry { rings: 1, slots: 4, frame_bytes: 128 };

    /// The permissions of every mapping of the file `name` in this process.
    fn permissions(name: &str) -> Vec<String> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let lines = maps.lines().filter(|line| line.contains(name));
        let fields = lines.filter_map(|line| line.split_whitespace().nth(1));
        fields.map(str::to_owned).collect()
    }

    #[test]
    fn down_cannot_be_mapped_writable_by_whoever_gets_the_file() {
        let (file, _down) = Down::create("sealed-down", 8192, &[]).unwrap();
        let refused = Mapping::writable(&file, 8192).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(Errno::PERM.raw_os_error()));
        let reader = Mapping::read_only(&file, 8192).unwrap();
        let writable = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the mapping is the test's own and nothing refers into it.
        let raised = unsafe { mprotect(reader.base.0.as_ptr().cast(), 8192, writable) };
        assert_eq!(raised, Err(Errno::ACCESS));
    }

    #[test]
    fn core_maps_up_for_reading_only() {
        let (_file, _up) = create_up("read-only-up", 8192).unwrap();
        assert_eq!(permissions("memfd:read-only-up"), ["r--s"]);
    }

    #[test]
    #[should_panic(expected = "a ring given away twice")]
    fn ring_has_one_owner() {
        let (_file, mut down) = Down::create("twice", SMALL.down_bytes(), &[]).unwrap();
        let _first = down.slots(SMALL.ring(0), SMALL);
        down.slots(SMALL.ring(0), SMALL);
    }
}
