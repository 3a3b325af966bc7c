//! The seam between the drivers and whatever carries a card to them.
//!
//! A card is five things: registers ([`Bar`]), an IOMMU domain with the DMA memory in it
//! ([`Iommu`]), the PCI function itself ([`Function`]), time ([`Clock`]) and its identity. VFIO
//! (`lockgate-host`), the software models (`lockgate-nicmodel`) and the tests' QEMU harness each
//! provide them, and one driver serves all three.
//!
//! None of these traits is `unsafe`. All that a card can be told to reach is [`Memory`], of which
//! nobody holds a reference to a byte: a domain that maps the wrong memory, frees it too soon or
//! maps it twice makes wrong values and never undefined behaviour (`docs/safety.md`).
//!
//! Not here: what any register means (`lockgate-regs`) and how memory is found and pinned
//! (`lockgate-host`).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use lockgate_shm::Memory;

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
/// Writes reach the card in program order, after every earlier store to DMA memory and every
/// earlier copy out of it. An access outside the BAR reads all ones and writes nothing.
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
    /// Finds at least `bytes` bytes of zeroed memory, whole pages, and lets the card reach them.
    ///
    /// # Errors
    /// [`BusError::NoMemory`] when there is no such memory, [`BusError::PinLimit`] when this
    /// process may not lock it, [`BusError::Other`] when the domain refuses it.
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError>;
}

/// Memory that a card reaches for as long as this value lives.
///
/// Whoever makes one sees to it that dropping `guard` takes the card's reach away, and that
/// memory from which that fails is never freed: it is the IOMMU, not the good behaviour of a
/// card, that keeps a late DMA out of memory that belongs to somebody else by then.
pub struct DmaMemory {
    /// Where the card sees the first byte.
    pub iova: Iova,
    /// Ends the card's reach when it is dropped, before the memory is: fields drop in this order.
    pub guard: Box<dyn Send + Sync>,
    /// The memory.
    pub memory: Arc<Memory>,
}

/// The PCI function as such, beside its registers.
pub trait Function: Send + Sync {
    /// Resets the function (FLR or what its bus offers); registers return to
    /// their power-on values and DMA stops.
    ///
    /// # Errors
    /// [`BusError::Unsupported`] when there is no way to reset the function; the bus' own.
    fn reset(&self) -> Result<(), BusError>;

    /// Lets the function start DMA, or forbids it (PCI COMMAND bit 2).
    ///
    /// # Errors
    /// The bus' own, when configuration space cannot be written.
    fn set_bus_master(&self, on: bool) -> Result<(), BusError>;
}

/// Time, for whoever waits for a card.
pub trait Clock: Send + Sync {
    /// Time since a moment that stays the same while the clock lives; it never goes back.
    fn now(&self) -> Duration;

    /// Returns once at least `time` has passed.
    fn sleep(&self, time: Duration);
}

/// Why the bus, its domain or its memory did not do what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no such memory.
    #[error("out of memory")]
    NoMemory,
    /// This process may not lock as much memory.
    #[error("the limit on locked memory is reached")]
    PinLimit,
    /// The bus knows no such thing.
    #[error("the bus has no way to do it")]
    Unsupported,
    /// What the bus or the operating system said.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

impl BusError {
    /// An error of the bus or the operating system.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
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

/// One card, ready to be driven. It is one value and not to be copied:
/// [`open`](crate::open) consumes it, and its driver alone has it from then on.
pub struct Card {
    /// Which card it is.
    pub id: DeviceId,
    /// Its registers.
    pub bar: Arc<dyn Bar>,
    /// Its IOMMU domain.
    pub iommu: Arc<dyn Iommu>,
    /// Its PCI function.
    pub function: Arc<dyn Function>,
    /// The clock by which its driver waits.
    pub clock: Arc<dyn Clock>,
}
