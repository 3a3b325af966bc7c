//! The seam between the drivers and whatever carries a card to them.
//!
//! A card is four things: registers ([`Bar`]), an IOMMU domain that holds its
//! DMA memory ([`Iommu`]), the PCI function itself ([`Function`]) and its
//! identity. VFIO, the software model and the tests' QEMU harness each provide
//! them, and one driver serves all three.
//!
//! Not here: what any register means (`lockgate-regs`) and how memory is found
//! and pinned ([`crate::sys`]).

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::sys::Pages;

/// An address as the NIC sees it: an I/O virtual address of its IOMMU domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(u64);

impl Iova {
    /// The address `raw`, in bytes.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The address in bytes, as a descriptor or base register takes it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The register BAR of one function: 32-bit words at byte offsets.
///
/// Writes reach the card in program order, after every earlier store to DMA
/// memory. An access outside the BAR reads all ones and writes nothing.
pub trait Bar: Send + Sync {
    /// Reads the register at byte `offset`.
    fn read(&self, offset: u32) -> u32;

    /// Writes the register at byte `offset`; the write may be posted.
    fn write(&self, offset: u32, value: u32);

    /// Returns once every earlier write has reached the card.
    fn flush(&self);
}

/// The IOMMU domain of one function.
pub trait Iommu: Send + Sync {
    /// Finds `bytes` of zeroed memory that [`Iommu::map`] can map: ordinary
    /// pages of this process, unless the domain has memory of its own.
    ///
    /// # Errors
    /// The operating system's, when there is no memory.
    fn allocate(&self, bytes: usize) -> io::Result<Pages> {
        Pages::new(bytes)
    }

    /// Makes `pages` reachable by the NIC and says where it sees them.
    ///
    /// # Errors
    /// The operating system's, when the pages cannot be pinned or mapped.
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova>;

    /// Ends what [`Iommu::map`] began: on success the NIC reaches none of the
    /// `bytes` at `iova` any more.
    ///
    /// # Errors
    /// The operating system's; the pages may then still be reachable.
    fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()>;
}

/// The PCI function as such, beside its registers.
pub trait Function: Send + Sync {
    /// Resets the function (FLR or what its bus offers); registers return to
    /// their power-on values and DMA stops.
    ///
    /// # Errors
    /// The operating system's, when there is no way to reset the function.
    fn reset(&self) -> io::Result<()>;

    /// Lets the function start DMA, or forbids it (PCI COMMAND bit 2).
    ///
    /// # Errors
    /// The operating system's, when configuration space cannot be written.
    fn set_bus_master(&self, on: bool) -> io::Result<()>;
}

/// PCI vendor and device numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceId {
    /// Vendor; 0x8086 is Intel.
    pub vendor: u16,
    /// Device, as the vendor numbers it.
    pub device: u16,
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

/// One card, ready to be driven.
#[derive(Clone)]
pub struct Card {
    /// Which card it is.
    pub id: DeviceId,
    /// Its registers.
    pub bar: Arc<dyn Bar>,
    /// Its IOMMU domain.
    pub iommu: Arc<dyn Iommu>,
    /// Its PCI function.
    pub function: Arc<dyn Function>,
}
