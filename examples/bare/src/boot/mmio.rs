//! A device's registers in the address space.
//!
//! One load or store of 32 bits a register access, never merged nor split; every earlier store
//! to memory reaches memory before a register write reaches the card, since x86-64 lets no store
//! overtake an earlier one and the compiler is kept from it by a fence.

use core::sync::atomic::{Ordering, fence};

/// Where `entry.s` maps devices: uncached, and never memory of the image.
const DEVICES: u64 = 0x8000_0000;
const END: u64 = 0x1_0000_0000;

/// The registers of one function.
#[derive(Debug)]
pub(crate) struct Registers {
    base: usize,
    bytes: u32,
}

impl Registers {
    /// `bytes` bytes of registers at `base`, a multiple of 4; `None` unless they lie among the
    /// addresses from 2 to 4 GiB that are mapped for devices.
    pub(crate) fn at(base: u64, bytes: u32) -> Option<Self> {
        let inside = base >= DEVICES && base.checked_add(bytes.into())? <= END;
        let lawful = inside && base.is_multiple_of(4) && bytes >= 4;
        lawful.then_some(Self {
            base: base as usize,
            bytes,
        })
    }

    /// Reads the register at byte `offset`; all ones outside or if `offset` is not aligned.
    pub(crate) fn read(&self, offset: u32) -> u32 {
        match self.place(offset) {
            // SAFETY: among the addresses of devices, of which there are no references, and
            // aligned; any bits are a u32.
            Some(place) => unsafe { place.read_volatile() },
            None => u32::MAX,
        }
    }

    /// Writes the register at byte `offset`; nothing outside or if `offset` is not aligned.
    pub(crate) fn write(&self, offset: u32, value: u32) {
        fence(Ordering::Release);
        if let Some(place) = self.place(offset) {
            // SAFETY: as in `read`. What a card does to memory is its IOMMU's matter.
            unsafe { place.write_volatile(value) }
        }
    }

    fn place(&self, offset: u32) -> Option<*mut u32> {
        let inside = offset.is_multiple_of(4) && offset <= self.bytes - 4;
        inside.then(|| core::ptr::with_exposed_provenance_mut(self.base + offset as usize))
    }
}
