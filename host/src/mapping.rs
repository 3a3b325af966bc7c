//! A mapping of this process, from creation until drop.
//!
//! The rule: it never moves, no child process inherits it, and every address in it is found by
//! [`Mapping::at`], which checks. No reference to its bytes ever exists.
//!
//! Not here: what is mapped, and who may write it meanwhile ([`crate::dma`], [`crate::mmio`]).

use std::io;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags};

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Whole pages, readable; writable too unless made otherwise.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the value, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: shared, it gives nothing but addresses.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Fresh memory: `bytes` zeros, populated, rounded up to pages of `page` bytes, which
    /// `flags` ask for.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than the address space; else the operating system's.
    pub(crate) fn anonymous(bytes: usize, page: usize, flags: MapFlags) -> io::Result<Self> {
        let whole = bytes
            .checked_next_multiple_of(page)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE | flags;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that Rust
        // knows of.
        let base = unsafe { rustix::mm::mmap_anonymous(null_mut(), whole, READ_WRITE, flags) }?;
        Self::adopt(base.cast(), whole)
    }

    /// The `bytes` bytes of `file` from `offset` on, shared with everyone who maps them.
    ///
    /// # Errors
    /// The operating system's; `InvalidInput` for 0 bytes or an `offset` within a page.
    pub(crate) fn shared(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let flags = MapFlags::SHARED;
        // SAFETY: as in `anonymous`.
        let base = unsafe { rustix::mm::mmap(null_mut(), bytes, READ_WRITE, flags, file, offset) }?;
        Self::adopt(base.cast(), bytes)
    }

    /// The first `bytes` bytes of `file`, populated so that no access waits for a page, shared
    /// with everyone who maps them, and with no more rights than `protection` gives.
    ///
    /// # Errors
    /// The operating system's: `PermissionDenied` for a right that the file's seals exclude;
    /// `InvalidInput` for 0 bytes.
    pub(crate) fn populated(
        file: impl AsFd,
        bytes: usize,
        protection: ProtFlags,
    ) -> io::Result<Self> {
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: as in `anonymous`.
        let base = unsafe { rustix::mm::mmap(null_mut(), bytes, protection, flags, file, 0) }?;
        Self::adopt(base.cast(), bytes)
    }

    /// Takes over a fresh mapping, and with it the duty to end it.
    fn adopt(base: *mut u8, bytes: usize) -> io::Result<Self> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self { base, bytes };
        // A forked child would share what only the core may reach and, by copy on write, could
        // take a pinned page away from this process.
        // SAFETY: the range is exactly the mapping just made.
        unsafe { rustix::mm::madvise(base.as_ptr().cast(), bytes, Advice::LinuxDontFork) }?;
        Ok(mapping)
    }

    /// Where it begins.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// The address of a `T` at byte `offset`, if it is inside and aligned.
    pub(crate) fn at<T>(&self, offset: usize) -> Option<NonNull<T>> {
        if offset.checked_add(size_of::<T>())? > self.bytes {
            return None;
        }
        // SAFETY: `offset <= bytes`, so the address is inside or just behind the end.
        let place = unsafe { self.base.add(offset) }.cast::<T>();
        place.is_aligned().then_some(place)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and nothing that borrows from the value is
        // left. Failure would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
