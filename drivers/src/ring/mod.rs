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

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

pub use rx::{RxQueue, Train};
pub use tx::{TxQueue, TxSlots};

use lockgate_regs::descriptor::{self, TxData, ring};

use crate::device::Bar;
use crate::dma::DmaRegion;
use crate::error::Error;
use crate::nic::Port;
use crate::sys::{Layout, RingMemory, Run, Slot};

/// Alignment that every supported card accepts for a ring, in bytes (82576
/// datasheet, chapter 8, RDBAL: 128).
const ALIGNMENT: u64 = 128;

/// Receive buffers that go back with one doorbell, half of the smallest ring: it is a write
/// across the bus, and to a virtual card it costs more than all else of a frame.
const TOGETHER: usize = 32;

/// How many descriptors each ring has: powers of two from 64 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSizes {
    /// Of each receive queue.
    pub rx: u16,
    /// Of each transmit queue.
    pub tx: u16,
}

/// The queues of a started card. They hold the memory that the card reaches and
/// stay safe to use, though silent, when the card is stopped before they go.
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
    /// A ring whose descriptors are all zero, and the card told of it; `at` is the offset
    /// of its RDBAL or TDBAL, which all families lay the others out from alike.
    pub(crate) fn new(port: &Port, layout: Layout, at: u32) -> Result<Self, Error> {
        let Port { card, lease, .. } = port;
        let bytes = layout.bytes();
        let no_memory = |source| Error::NoMemory { bytes, source };
        let pages = card.iommu.allocate(bytes).map_err(no_memory)?;
        let memory = RingMemory::new(pages, layout).map_err(no_memory)?;
        let region = DmaRegion::new(&card.iommu, memory.pages())?;
        if !region.iova().get().is_multiple_of(ALIGNMENT) {
            let source = std::io::ErrorKind::InvalidData.into();
            return Err(Error::MapMemory { bytes, source });
        }
        let (base, slots) = (region.iova().get(), memory.slots());
        let length = (slots * descriptor::BYTES) as u32;
        let tail = at + ring::TAIL;
        for (register, value) in [
            (at, base as u32),
            (at + ring::BASE_HIGH, (base >> 32) as u32),
            (at + ring::LENGTH, length),
            (at + ring::HEAD, 0),
            (tail, 0),
        ] {
            card.bar.write(register, value);
        }
        Ok(Self {
            region,
            memory,
            bar: Arc::clone(&card.bar),
            tail,
            _lease: lease.clone(),
        })
    }

    /// How many slots may be the NIC's at a time. One stays back: equal head and
    /// tail would mean an empty ring.
    fn room(&self) -> usize {
        self.memory.slots() - 1
    }

    /// Slot number `slot`, on and on.
    fn slot(&self, slot: usize) -> Slot<'_> {
        self.memory.slot(self.region.iova(), slot)
    }

    /// Slots from number `from` on, as far as they lie in a row.
    #[inline(always)]
    fn run(&mut self, from: usize, count: usize) -> Run<'_> {
        self.memory.run(self.region.iova(), from, count)
    }

    /// Tells the NIC that everything before `slot` is its own.
    fn ring_doorbell(&self, slot: usize) {
        self.bar
            .write(self.tail, (slot & (self.memory.slots() - 1)) as u32);
    }
}

impl Slot<'_> {
    /// What the descriptor says; its second half, which the NIC writes last, is read first.
    #[inline(always)]
    fn words(self) -> [u64; 2] {
        let status = self.descriptor()[1].load(Acquire);
        [self.descriptor()[0].load(Relaxed), status]
    }

    /// Writes the descriptor: its own buffer, and what to do with it.
    fn put(self, command: u64) {
        self.descriptor()[0].store(self.iova(), Relaxed);
        self.descriptor()[1].store(command, Relaxed);
    }
}

/// The layout of a ring of `slots` with buffers of `buffer_bytes` bytes.
pub(crate) fn layout(slots: u16, buffer_bytes: usize) -> Result<Layout, Error> {
    let layout = Layout::new(slots.into(), buffer_bytes);
    layout
        .filter(|_| (64..=4096).contains(&slots))
        .ok_or(Error::RingSize { slots })
}

/// What the rings of one start are like.
pub(crate) struct Rings {
    pub(crate) rx: Layout,
    pub(crate) tx: Layout,
    /// Error bits of received frames that must not be used.
    pub(crate) fatal_errors: u16,
    /// The descriptor that sends a frame of so many bytes.
    pub(crate) send: fn(u16) -> TxData,
}

impl Rings {
    /// Makes the queues and points the card at their rings, empty. For each it takes the
    /// offset of its first register, the pool, and of a receive queue its number there.
    pub(crate) fn build(
        &self,
        port: &Port,
        rx: &[(u32, u8, u8)],
        tx: &[(u32, u8)],
    ) -> Result<Queues, Error> {
        let receive = |&(at, pool, queue): &(u32, u8, u8)| {
            Ok(RxQueue::new(
                Ring::new(port, self.rx, at)?,
                self.fatal_errors,
                (pool, queue),
            ))
        };
        let transmit = |&(at, pool): &(u32, u8)| {
            Ok(TxQueue::new(Ring::new(port, self.tx, at)?, self.send, pool))
        };
        let rx_queues: Result<_, Error> = rx.iter().map(receive).collect();
        let queues = rx_queues.and_then(|rx| {
            Ok(Queues {
                rx,
                tx: tx.iter().map(transmit).collect::<Result<_, _>>()?,
            })
        });
        queues.map_err(|error| match error {
            // Whoever raises a limit wants to know all that is needed, not the next piece.
            Error::PinMemory { source, .. } => {
                let bytes = rx.len() * self.rx.bytes() + tx.len() * self.tx.bytes();
                Error::PinMemory { bytes, source }
            }
            other => other,
        })
    }
}
