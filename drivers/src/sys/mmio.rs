//! Register access to a mapped BAR.
//!
//! The rule: one load or store of 32 bits per register access, never merged,
//! never split, and every earlier store to DMA memory reaches memory before a
//! register write reaches the card. Doorbells are such writes, so this file
//! alone decides their order.
//!
//! Not here: what a register means.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};

use rustix::mm::{MapFlags, ProtFlags};

use crate::device::Bar;

/// A BAR mapped into this process.
#[derive(Debug)]
pub struct Mmio {
    base: NonNull<u32>,
    bytes: NonZeroUsize,
}

// SAFETY: the mapping belongs to the value, not to a thread.
unsafe impl Send for Mmio {}

// SAFETY: accesses are single aligned volatile words of device memory, which
// the card serializes; no Rust reference to them ever exists.
unsafe impl Sync for Mmio {}

impl Mmio {
    /// Maps `bytes` bytes of `file` from `offset` on as registers.
    ///
    /// # Errors
    /// `Unsupported` on processors for which the order of doorbells is not
    /// argued here; `InvalidInput` for an empty BAR; else the operating system's.
    pub fn map(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let bytes = NonZeroUsize::new(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps
        // nothing that Rust knows of.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes.get(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                offset,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, bytes })
    }

    /// The address of the register at byte `offset`, if the BAR has it.
    fn register(&self, offset: u32) -> Option<NonNull<u32>> {
        let word = offset as usize / 4;
        if !offset.is_multiple_of(4) || word >= self.bytes.get() / 4 {
            return None;
        }
        // SAFETY: `word` is inside the mapping, as just checked.
        Some(unsafe { self.base.add(word) })
    }
}

impl Bar for Mmio {
    fn read(&self, offset: u32) -> u32 {
        let Some(register) = self.register(offset) else {
            return u32::MAX;
        };
        // SAFETY: inside the mapping and aligned (`register`); any bits are a u32.
        unsafe { register.read_volatile() }
    }

    fn write(&self, offset: u32, value: u32) {
        let Some(register) = self.register(offset) else {
            return;
        };
        // x86-64 lets no store overtake an earlier one, and registers are mapped
        // uncached, so keeping the compiler from it is all that is needed.
        fence(Ordering::Release);
        // SAFETY: inside the mapping and aligned (`register`).
        unsafe { register.write_volatile(value) }
    }

    fn flush(&self) {
        // A read pushes posted writes ahead of it. The first register of every
        // supported family is CTRL, and reading CTRL changes nothing.
        self.read(0);
    }
}

impl Drop for Mmio {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and nothing borrows from it.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: u64) -> std::os::fd::OwnedFd {
        let file = rustix::fs::memfd_create("bar", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, bytes).unwrap();
        file
    }

    #[test]
    fn a_register_is_four_little_endian_bytes_at_its_offset() {
        let file = file(4096);
        let bar = Mmio::map(&file, 0, 4096).unwrap();
        bar.write(0xffc, 0x0403_0201);
        let mut bytes = [0; 4];
        rustix::io::pread(&file, &mut bytes, 0xffc).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4]);
        assert_eq!(bar.read(0xffc), 0x0403_0201);
    }

    #[test]
    fn an_access_outside_the_bar_reads_ones_and_writes_nothing() {
        let bar = Mmio::map(&file(4096), 0, 4096).unwrap();
        for offset in [4096, 0xffd, u32::MAX] {
            bar.write(offset, 0);
            assert_eq!(bar.read(offset), u32::MAX);
        }
        assert!(Mmio::map(&file(4096), 0, 0).is_err());
    }
}
