//! Descriptor rings: one fixed buffer per descriptor, for ever.
//!
//! The rule: at any time a buffer is either the NIC's or ours, and what is ours
//! is lent as a borrow of the queue that ends before the buffer goes back. So
//! the compiler refuses to keep a frame that the NIC may overwrite, and nothing
//! on the way of a frame allocates, locks or can panic.
//!
//! The families share this code: their rings differ in the place of the tail
//! register and in a few descriptor bits. Slots are counted on and on; where one
//! lies is the count modulo the size of the ring, a power of two.
//!
//! Not here: setting a queue up in the card's registers (the families).

#[cfg(test)]
mod fake;
mod rx;
#[cfg(test)]
mod tests;
mod tx;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

pub use rx::{BadDescriptor, RxFrame, RxQueue};
pub use tx::TxQueue;

use lockgate_regs::descriptor;

use crate::device::{Bar, Card, Iova};
use crate::dma::DmaRegion;
use crate::error::Error;
use crate::sys::{Layout, RingMemory};

/// Alignment that every supported card accepts for a ring, in bytes (82576
/// datasheet, chapter 8, RDBAL: 128).
const ALIGNMENT: u64 = 128;

/// How many descriptors each ring has: powers of two from 64 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSizes {
    /// Of each receive queue.
    pub rx: u16,
    /// Of each transmit queue.
    pub tx: u16,
}

impl Default for RingSizes {
    fn default() -> Self {
        Self { rx: 512, tx: 512 }
    }
}

/// The queues of a started card. They hold the memory that the card reaches and
/// stay safe to use, though silent, when the card is stopped before they go.
#[derive(Debug)]
pub struct Queues {
    /// Receive queues, by pool, then by number within the pool.
    pub rx: Vec<RxQueue>,
    /// Transmit queues, by pool.
    pub tx: Vec<TxQueue>,
}

/// Held by every queue of one start, so that a driver can tell whether any is left.
pub(crate) type Lease = Arc<()>;

/// Memory of a ring, reachable by the NIC, and the doorbell of its queue.
pub(crate) struct Ring {
    // The NIC loses its reach before the memory goes: fields drop in this order.
    region: DmaRegion,
    pub(crate) memory: RingMemory,
    bar: Arc<dyn Bar>,
    tail: u32,
    _lease: Lease,
}

impl Ring {
    /// A ring whose descriptors are all zero; `tail` is the offset of its RDT or TDT.
    pub(crate) fn new(card: &Card, layout: Layout, tail: u32, lease: Lease) -> Result<Self, Error> {
        let bytes = layout.bytes();
        let no_memory = |source| Error::NoMemory { bytes, source };
        let pages = card.iommu.allocate(bytes).map_err(no_memory)?;
        let memory = RingMemory::new(pages, layout).map_err(no_memory)?;
        let region = DmaRegion::new(&card.iommu, memory.pages())?;
        if !region.iova().get().is_multiple_of(ALIGNMENT) {
            let source = std::io::ErrorKind::InvalidData.into();
            return Err(Error::MapMemory { bytes, source });
        }
        Ok(Self { region, memory, bar: Arc::clone(&card.bar), tail, _lease: lease })
    }

    /// Where the NIC sees the first descriptor.
    pub(crate) fn base(&self) -> Iova {
        self.region.iova()
    }

    /// Bytes of the descriptors.
    pub(crate) fn bytes(&self) -> u32 {
        (self.memory.slots() * descriptor::BYTES) as u32
    }

    /// How many slots may be the NIC's at a time. One stays back: equal head and
    /// tail would mean an empty ring.
    #[inline]
    fn room(&self) -> usize {
        self.memory.slots() - 1
    }

    /// The second half of descriptor `slot`, which the NIC writes last.
    #[inline]
    fn status(&self, slot: usize) -> u64 {
        let [_, status] = self.memory.descriptor(slot);
        status.load(Acquire)
    }

    /// Writes descriptor `slot`: its own buffer, and what to do with it.
    #[inline]
    fn put(&self, slot: usize, command: u64) {
        let [buffer, status] = self.memory.descriptor(slot);
        buffer.store(self.memory.buffer_iova(self.base(), slot).get(), Relaxed);
        status.store(command, Relaxed);
    }

    /// Tells the NIC that everything before `slot` is its own.
    #[inline]
    fn ring_doorbell(&self, slot: usize) {
        self.bar.write(self.tail, (slot & (self.memory.slots() - 1)) as u32);
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({:?})", self.memory)
    }
}

/// The layout of a ring of `slots` with buffers of `buffer_bytes` bytes.
pub(crate) fn layout(slots: u16, buffer_bytes: usize) -> Result<Layout, Error> {
    let layout = Layout::new(slots.into(), buffer_bytes);
    layout.filter(|_| (64..=4096).contains(&slots)).ok_or(Error::RingSize { slots })
}
