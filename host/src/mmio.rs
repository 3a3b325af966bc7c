//! Register access to a mapped BAR.
//!
//! The rule: one load or store of 32 bits per register access, never merged, never split, and
//! every earlier store to DMA memory reaches memory before a register write reaches the card.
//! Doorbells are such writes, so this file alone decides their order.
//!
//! Not here: what a register means.

use std::arch::asm;
use std::io;
use std::os::fd::AsFd;

use lockgate_drivers::device::Bar;

use crate::mapping::Mapping;

/// A BAR mapped into this process.
pub(crate) struct Mmio(Mapping);

impl Mmio {
    /// Maps `bytes` bytes of `file` from `offset` on as registers.
    ///
    /// # Errors
    /// `Unsupported` on processors for which the order of doorbells is not argued here; else
    /// the operating system's.
    pub(crate) fn map(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Mapping::shared(file, offset, bytes).map(Self)
    }
}

impl Bar for Mmio {
    fn read(&self, offset: u32) -> u32 {
        let Some(register) = self.0.at::<u32>(offset as usize) else {
            return u32::MAX;
        };
        // SAFETY: inside the mapping and aligned (`at`); any bits are a u32. No Rust reference
        // to device memory ever exists.
        unsafe { register.read_volatile() }
    }

    fn write(&self, offset: u32, value: u32) {
        let Some(register) = self.0.at::<u32>(offset as usize) else {
            return;
        };
        // x86-64 lets no store overtake an earlier one, and registers are mapped uncached, so
        // keeping the compiler from it is all that is needed. A fence orders atomics among each
        // other and says nothing of volatile stores, so an empty instruction that may touch any
        // memory stands between: nothing moves across it.
        // SAFETY: no instruction.
        unsafe { asm!("", options(nostack, preserves_flags)) }
        // SAFETY: as in `read`.
        unsafe { register.write_volatile(value) }
    }

    fn flush(&self) {
        // A read pushes posted writes ahead of it. The first register of every supported family
        // is CTRL, and reading CTRL changes nothing.
        self.read(0);
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
        for offset in [4096, 0xffa, 0xffd, u32::MAX] {
            bar.write(offset, 0);
            assert_eq!(bar.read(offset), u32::MAX);
        }
        assert!(Mmio::map(&file(4096), 0, 0).is_err());
    }
}
