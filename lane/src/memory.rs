//! Memory that two processes share: every unsafe line of lanes.
//!
//! Three facts carry the safety of this module. Offsets are checked against the
//! mapping when an index or a ring is made, and slot numbers are masked, so no
//! address leaves its mapping. Both files are sealed against shrinking before
//! anything trusts their size, so no address inside is without memory. And what the
//! other side may write at any moment is touched by atomics and by [`move_16`]
//! alone, never through a reference to plain bytes.
//!
//! Not here: what the bytes mean.

#[cfg(target_arch = "x86_64")]
use std::arch::asm;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::layout::{Geometry, LINE, META_BYTES};

/// Seals of `up`: neither its size nor its seals change any more.
pub(crate) const UP_SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

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
        Ok(Arc::new(Self {
            base: Place(base),
            len,
            writable,
        }))
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
        Self {
            word: memory.place(offset, LINE),
            _memory: memory.clone(),
        }
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

/// The slots of one ring, which the other side may write at any moment.
#[derive(Debug)]
pub(crate) struct Slots {
    metas: Place,
    frames: Place,
    mask: u32,
    stride: usize,
    frame_bytes: usize,
    memory: Arc<Mapping>,
}

impl Slots {
    /// The ring at `offset` of `memory`.
    pub(crate) fn new(memory: &Arc<Mapping>, offset: usize, geometry: Geometry) -> Self {
        let frames = offset + geometry.frames();
        let slots = geometry.slots as usize;
        assert!(slots.is_power_of_two(), "{slots} slots cannot be masked");
        Self {
            metas: memory.place(offset, slots * META_BYTES),
            frames: memory.place(frames, slots * geometry.stride()),
            mask: geometry.slots - 1,
            stride: geometry.stride(),
            frame_bytes: geometry.frame_bytes as usize,
            memory: memory.clone(),
        }
    }

    /// The longest frame that a slot holds, in bytes.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// The metadata of slot `index` (modulo the ring), each word read once.
    pub(crate) fn meta(&self, index: u32) -> [u64; 2] {
        self.words(index).each_ref().map(|word| word.load(Relaxed))
    }

    /// Copies from byte `from` of a frame, as much of `into` as lies in the slot;
    /// returns that many bytes.
    pub(crate) fn copy_out(&self, index: u32, from: usize, into: &mut [u8]) -> usize {
        let from = from.min(self.frame_bytes);
        let len = into.len().min(self.frame_bytes - from);
        // SAFETY: `from` is within the slot.
        let source = unsafe { self.frame(index).add(from) };
        // SAFETY: `len` bytes are left in the slot and fit `into`, which is ours alone.
        unsafe { racing_copy(source, into.as_mut_ptr(), len) };
        len
    }

    fn slot(&self, index: u32) -> usize {
        (index & self.mask) as usize
    }

    fn words(&self, index: u32) -> &[AtomicU64; 2] {
        let offset = self.slot(index) * META_BYTES;
        // SAFETY: `new` checked that the metadata of all slots lies in the mapping.
        let place = unsafe { self.metas.0.add(offset) };
        // SAFETY: mapped for as long as `self.memory` lives and 16-byte aligned;
        // atomics may share memory with another process that writes it.
        unsafe { place.cast().as_ref() }
    }

    fn frame(&self, index: u32) -> *mut u8 {
        let offset = self.slot(index) * self.stride;
        // SAFETY: `new` checked that the frames of all slots lie in the mapping.
        unsafe { self.frames.0.add(offset) }.as_ptr()
    }
}

/// The slots of a ring that this side fills and the other side might write as well.
#[derive(Debug)]
pub(crate) struct OpenSlots(Slots);

impl OpenSlots {
    pub(crate) fn new(slots: Slots) -> Self {
        assert!(slots.memory.writable, "slots that cannot be written");
        Self(slots)
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.0.frame_bytes
    }

    /// Fills slot `index` (modulo the ring) with `frame`, cut to the slot's size.
    pub(crate) fn fill(&mut self, index: u32, frame: &[u8], meta: [u64; 2]) {
        let len = frame.len().min(self.0.frame_bytes);
        // SAFETY: `len` bytes lie in `frame` and in the slot, whose mapping `new`
        // found writable.
        unsafe { racing_copy(frame.as_ptr(), self.0.frame(index), len) };
        for (word, value) in self.0.words(index).iter().zip(meta) {
            word.store(value, Relaxed);
        }
    }
}

/// The slots of a ring that nobody else can write.
#[derive(Debug)]
pub(crate) struct OwnSlots(Slots);

impl OwnSlots {
    pub(crate) fn frame_bytes(&self) -> usize {
        self.0.frame_bytes
    }

    /// The frame area of slot `index` (modulo the ring).
    pub(crate) fn frame_mut(&mut self, index: u32) -> &mut [u8] {
        // SAFETY: `Down::slots` gives each ring away once, from a mapping that is
        // writable and, since it is sealed, the only such one; the area lies in it.
        // The other process may read the bytes, which this one does not notice.
        unsafe { slice::from_raw_parts_mut(self.0.frame(index), self.0.frame_bytes) }
    }

    /// Sets the metadata of slot `index` (modulo the ring).
    pub(crate) fn set_meta(&mut self, index: u32, meta: [u64; 2]) {
        for (word, value) in self.0.words(index).iter().zip(meta) {
            word.store(value, Relaxed);
        }
    }
}

/// The slots of a ring whose writer is trusted to leave shown frames alone.
#[derive(Debug)]
pub(crate) struct TrustedSlots(Slots);

impl TrustedSlots {
    /// For rings of `down`, which only the core can write.
    pub(crate) fn new(slots: Slots) -> Self {
        Self(slots)
    }

    pub(crate) fn meta(&self, index: u32) -> [u64; 2] {
        self.0.meta(index)
    }

    /// The first `len` bytes of a frame that is published and not yet released, cut
    /// to the slot's size.
    pub(crate) fn frame(&self, index: u32, len: usize) -> &[u8] {
        let len = len.min(self.0.frame_bytes);
        // SAFETY: the area lies in the mapping, which `self` keeps. The core, its only
        // writer, does not touch a slot between publishing it and seeing it released.
        unsafe { slice::from_raw_parts(self.0.frame(index), len) }
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
        OwnSlots(Slots::new(&self.memory, offset, geometry))
    }
}

/// Makes `up`: `len` bytes that begin with `image`, sealed, and mapped for reading.
pub(crate) fn create_up(
    name: &str,
    len: usize,
    image: &[u8],
) -> io::Result<(OwnedFd, Arc<Mapping>)> {
    let file = file_with(name, len, image)?;
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

/// Copies `len` bytes of which either end may be shared with a hostile process.
///
/// The end is covered by a block that overlaps the one before; never is more than
/// `len` touched.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` bytes, and they do not
/// overlap. Another process may change the bytes meanwhile; the copy is then some
/// mixture of old and new.
#[inline]
unsafe fn racing_copy(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    while at + 64 < len {
        // SAFETY: the 64 bytes at `at` are among the `len` bytes of both sides.
        unsafe { racing_block::<64>(from, to, at) };
        at += 64;
    }
    match len {
        // SAFETY: every byte is.
        0..16 => (0..len).for_each(|at| unsafe { move_1(from, to, at) }),
        // SAFETY: `len` bytes hold the first 16 and the last 16.
        16..32 => unsafe { racing_ends::<16>(from, to, len) },
        // SAFETY: `len` bytes hold the first 32 and the last 32.
        32..=64 => unsafe { racing_ends::<32>(from, to, len) },
        // SAFETY: `len` bytes hold the last 64.
        _ => unsafe { racing_block::<64>(from, to, len - 64) },
    }
}

/// Copies the first and the last `N` of `len` bytes.
///
/// # Safety
/// As for [`racing_copy`], and `len` is at least `N`.
#[inline]
unsafe fn racing_ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: `N` bytes exist, says the caller.
    unsafe { racing_block::<N>(from, to, 0) };
    // SAFETY: as above.
    unsafe { racing_block::<N>(from, to, len - N) };
}

/// Copies the `N` bytes at `offset`, a multiple of 16 in number.
///
/// # Safety
/// As for [`racing_copy`], for the bytes from `offset` to `offset + N`.
#[inline]
unsafe fn racing_block<const N: usize>(from: *const u8, to: *mut u8, offset: usize) {
    for at in (offset..offset + N).step_by(16) {
        // SAFETY: the 16 bytes at `at` are among the `N`.
        unsafe { move_16(from, to, at) };
    }
}

/// Copies the 16 bytes at `offset`.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn move_16(from: *const u8, to: *mut u8, offset: usize) {
    // SAFETY: the caller vouches for the bytes. The compiler sees neither load nor
    // store, so a concurrent write is no data race to it; to the processor it is two
    // moves that may see any mixture.
    unsafe {
        asm!(
            "movdqu {block}, [{from} + {offset}]",
            "movdqu [{to} + {offset}], {block}",
            from = in(reg) from,
            to = in(reg) to,
            offset = in(reg) offset,
            block = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies the 16 bytes at `offset`.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn move_16(from: *const u8, to: *mut u8, offset: usize) {
    // SAFETY: each byte is one of the 16.
    (offset..offset + 16).for_each(|at| unsafe { move_1(from, to, at) });
}

/// Copies the byte at `offset`.
///
/// # Safety
/// As for [`racing_copy`], for that byte.
#[inline]
unsafe fn move_1(from: *const u8, to: *mut u8, offset: usize) {
    // SAFETY: the byte exists, says the caller.
    let from = unsafe { from.add(offset) };
    // SAFETY: as above.
    let to = unsafe { to.add(offset) };
    // SAFETY: an atomic load is sound whatever another process writes; the pointer is
    // only read through.
    let byte = unsafe { AtomicU8::from_ptr(from.cast_mut()) }.load(Relaxed);
    // SAFETY: the byte may be written, and atomically is sound whoever reads it.
    unsafe { AtomicU8::from_ptr(to) }.store(byte, Relaxed);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::io::Errno;
    use rustix::mm::{MprotectFlags, mprotect};

    use super::*;

    const SMALL: Geometry = Geometry {
        rings: 1,
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
        let (_file, _up) = create_up("read-only-up", 8192, &[]).unwrap();
        assert_eq!(permissions("memfd:read-only-up"), ["r--s"]);
    }

    #[test]
    #[should_panic(expected = "outside the lane")]
    fn ring_that_reaches_beyond_its_mapping_is_our_own_bug() {
        let len = SMALL.up_bytes() - 4096;
        let (_file, up) = create_up("short-up", len, &[]).unwrap();
        Slots::new(&up, SMALL.ring(0), SMALL);
    }

    #[test]
    #[should_panic(expected = "a ring given away twice")]
    fn ring_has_one_owner() {
        let (_file, mut down) = Down::create("twice", SMALL.down_bytes(), &[]).unwrap();
        let _first = down.slots(SMALL.ring(0), SMALL);
        down.slots(SMALL.ring(0), SMALL);
    }

    #[test]
    fn copy_that_may_race_is_exact_for_every_length() {
        let from: Vec<u8> = (0..400).map(|i| (i * 7 + 1) as u8 | 1).collect();
        for len in 0..from.len() {
            let mut to = vec![0; len + 64];
            // SAFETY: both vectors hold at least `len` bytes.
            unsafe { racing_copy(from.as_ptr(), to.as_mut_ptr(), len) };
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }

    #[test]
    fn copy_out_stays_in_its_slot_whatever_is_asked() {
        let (file, up) = create_up("clamped-up", SMALL.up_bytes(), &[]).unwrap();
        let theirs = Mapping::writable(&file, SMALL.up_bytes()).unwrap();
        let slots = Slots::new(&up, SMALL.ring(0), SMALL);
        let mut filler = OpenSlots::new(Slots::new(&theirs, SMALL.ring(0), SMALL));
        for index in 0..4 {
            filler.fill(index, &[index as u8 + 1; 1000], [0; 2]);
        }
        for (from, copied) in [(0, 128), (100, 28), (128, 0), (129, 0), (usize::MAX, 0)] {
            let mut into = [0; 300];
            assert_eq!(slots.copy_out(7, from, &mut into), copied);
            assert!(into[..copied].iter().all(|&byte| byte == 4));
            assert!(into[copied..].iter().all(|&byte| byte == 0));
        }
    }
}
