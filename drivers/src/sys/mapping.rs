//! A piece of address space that belongs to one value, from `mmap` to `munmap`.
//!
//! The rule: it never moves while the value lives, and every address in it is
//! found by [`Mapping::at`], which checks.
//!
//! Not here: what is reached there, and how ([`super::Pages`], [`super::Mmio`]).

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags};

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// A mapping, readable and writable.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    bytes: NonZeroUsize,
}

// SAFETY: the mapping belongs to the value, not to a thread.
unsafe impl Send for Mapping {}

// SAFETY: shared, it gives nothing but addresses.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` bytes of `file` from `offset` on, shared.
    pub(super) fn of_file(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let bytes = NonZeroUsize::new(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::SHARED;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps
        // nothing that Rust knows of.
        let base =
            unsafe { rustix::mm::mmap(null_mut(), bytes.get(), READ_WRITE, flags, file, offset) }?;
        Self::adopt(base.cast(), bytes)
    }

    /// Maps `bytes` bytes of zeroed memory that this process alone has.
    pub(super) fn anonymous(bytes: NonZeroUsize, flags: MapFlags) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE | flags;
        // SAFETY: as in `of_file`.
        let base =
            unsafe { rustix::mm::mmap_anonymous(null_mut(), bytes.get(), READ_WRITE, flags) }?;
        Self::adopt(base.cast(), bytes)
    }

    /// Takes over a fresh mapping, and with it the duty to end it.
    fn adopt(base: *mut u8, bytes: NonZeroUsize) -> io::Result<Self> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self { base, bytes };
        // A forked child would share what only the core may reach and, by copy on
        // write, could take a pinned page away from this process.
        let advice = Advice::LinuxDontFork;
        // SAFETY: the range is exactly the mapping just made.
        unsafe { rustix::mm::madvise(mapping.base.as_ptr().cast(), mapping.len(), advice) }?;
        Ok(mapping)
    }

    /// Bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.get()
    }

    /// The address of the `bytes` bytes at `offset`, if they are inside.
    #[inline]
    pub(super) fn at(&self, offset: usize, bytes: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(bytes)? > self.len() {
            return None;
        }
        // SAFETY: `offset <= len`, so the address is inside or just behind the end.
        Some(unsafe { self.base.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and nothing that borrows from
        // its owner is left. Failure would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len()) };
    }
}
