//! Descriptor rings: one fixed buffer per descriptor, for ever.
//!
//! The rule: descriptors are words and buffers are blocks of [`lockgate_shm`], which a card may
//! write at any moment: each descriptor is loaded once and what it says is checked on that copy,
//! and of a buffer there are views that copy and no references. At any time a buffer is either
//! the card's or ours; what is ours is seen as a borrow of the queue that ends before the
//! buffer goes back. Nothing on the way of a frame allocates, locks or can panic.
//!
//! The families share this code: their rings differ in the place of the tail register and in a
//! few descriptor bits. Slots are counted on and on; where one lies is the count modulo the size
//! of the ring, a power of two.
//!
//! Not here: setting a queue up in the card's registers (the families).

mod rx;
#[cfg(test)]
mod tests;
mod tx;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use rx::{
    BadDescriptors, MAX_BURST, RX_FREE_THRESH, RxBurst, RxFrame, RxFrames, RxHash, RxQueue,
};
pub use tx::{TxQueue, TxSlot, TxSlots};

use lockgate_regs::descriptor::{self, TxData, ring};
use lockgate_shm::{Block, Blocks, Words};

use crate::adapter::{Adapter, QueueGuard};
use crate::device::{Bar, BusError, DmaMemory};
use crate::error::Error;

/// Alignment that every supported card accepts for a ring, in bytes (82576
/// datasheet, chapter 8, RDBAL: 128).
const ALIGNMENT: u64 = 128;

/// Words of a descriptor.
const WORDS: usize = descriptor::BYTES / 8;

/// Where buffers begin is a multiple of this, so that a descriptor is never in a cache line or
/// page with a frame.
const PAGE: usize = 4096;

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

/// Where the parts of a ring lie in its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingLayout {
    slots: usize,
    buffer_bytes: usize,
}

impl RingLayout {
    /// `slots` descriptors with a buffer of `buffer_bytes` each, a multiple of 64.
    ///
    /// # Errors
    /// [`Error::RingSize`] unless `slots` is a power of two from 64 to 4096.
    pub(crate) fn new(slots: u16, buffer_bytes: usize) -> Result<Self, Error> {
        if !slots.is_power_of_two() || !(64..=4096).contains(&slots) {
            return Err(Error::RingSize { slots });
        }
        Ok(Self {
            slots: slots.into(),
            buffer_bytes,
        })
    }

    /// Where buffers begin, in bytes.
    fn buffers_at(self) -> usize {
        (self.slots * descriptor::BYTES).next_multiple_of(PAGE)
    }

    /// Bytes of the whole ring.
    fn bytes(self) -> usize {
        self.buffers_at() + self.slots * self.buffer_bytes
    }
}

/// Memory of a ring, reachable by the card, and the doorbell of its queue.
pub(crate) struct Ring {
    // The card loses its reach before the memory goes: fields drop in this order.
    _dma: DmaMemory,
    descriptors: Words,
    buffers: Blocks,
    /// Where the card sees the first buffer.
    first_buffer: u64,
    bar: Arc<dyn Bar>,
    tail: u32,
    _guard: QueueGuard,
}

impl Ring {
    /// A ring whose descriptors are all zero, and the card told of it; `base` is the offset of
    /// its RDBAL or TDBAL, which all families lay the others out from alike.
    pub(crate) fn new(adapter: &Adapter, layout: RingLayout, base: u32) -> Result<Self, Error> {
        let bytes = layout.bytes();
        let dma = adapter.card.iommu.map(bytes);
        let dma = dma.map_err(|source| Error::of_memory(bytes, source))?;
        let unfit = || Error::MapMemory {
            bytes,
            source: BusError::other("memory that is too short or not aligned"),
        };
        let (slots, stride) = (layout.slots, layout.buffer_bytes);
        let descriptors = Words::new(&dma.memory, 0, slots * WORDS).ok_or_else(unfit)?;
        let buffers = Blocks::new(&dma.memory, layout.buffers_at(), slots, stride, stride);
        let buffers = buffers.ok_or_else(unfit)?;
        let iova = dma.iova.get();
        if !iova.is_multiple_of(ALIGNMENT) {
            return Err(unfit());
        }
        let ring = Self {
            _dma: dma,
            descriptors,
            buffers,
            first_buffer: iova.wrapping_add(layout.buffers_at() as u64),
            bar: Arc::clone(&adapter.card.bar),
            tail: base + ring::TAIL,
            _guard: adapter.queues.clone(),
        };
        ring.announce(base, iova);
        Ok(ring)
    }

    /// Tells the card where the ring is, and that it is empty.
    fn announce(&self, base: u32, iova: u64) {
        let length = self.slots() * descriptor::BYTES;
        self.bar.write(base, iova as u32);
        self.bar.write(base + ring::BASE_HIGH, (iova >> 32) as u32);
        self.bar.write(base + ring::LENGTH, length as u32);
        self.bar.write(base + ring::HEAD, 0);
        self.bar.write(self.tail, 0);
    }

    /// Number of descriptors: a power of two.
    fn slots(&self) -> usize {
        self.buffers.len()
    }

    /// Bytes of each buffer.
    #[inline(always)]
    fn buffer_bytes(&self) -> usize {
        self.buffers.block_bytes()
    }

    /// How many slots may be the card's at a time. One stays back: equal head and tail would
    /// mean an empty ring.
    fn capacity(&self) -> usize {
        self.slots() - 1
    }

    /// The second half of a descriptor, which the card writes last. Acquire: whatever the card
    /// wrote before it, the first half and the buffer, is seen by later loads.
    #[inline(always)]
    fn status(&self, slot: usize) -> u64 {
        self.descriptors
            .load_acquire(slot.wrapping_mul(WORDS).wrapping_add(1))
    }

    /// Writes a descriptor: its own buffer, and what to do with it. The card looks at it once
    /// the doorbell has told of it, which orders these stores.
    #[inline(always)]
    fn post(&self, slot: usize, command: u64) {
        if let Some(descriptor) = self.descriptors.pairs(slot, 1).next() {
            descriptor.store(self.address(slot), command);
        }
    }

    /// Gives `count` slots from `first` on to the card to write.
    #[inline(always)]
    fn arm(&self, first: usize, count: usize) {
        let mut armed = 0;
        while armed < count {
            let slot = first.wrapping_add(armed);
            let descriptors = self.descriptors.pairs(slot, count - armed);
            let mut buffer = self.address(slot);
            armed += descriptors.len();
            for descriptor in descriptors {
                descriptor.store(buffer, 0);
                buffer = buffer.wrapping_add(self.buffer_bytes() as u64);
            }
        }
    }

    /// How many slots lie in a row from `slot` on.
    #[inline(always)]
    fn before_wrap(&self, slot: usize) -> usize {
        self.slots() - (slot & (self.slots() - 1))
    }

    /// Where the card sees the buffer of a slot.
    #[inline(always)]
    fn address(&self, slot: usize) -> u64 {
        let index = slot & (self.slots() - 1);
        self.first_buffer
            .wrapping_add((index * self.buffer_bytes()) as u64)
    }

    /// The buffer of a slot.
    #[inline(always)]
    fn buffer(&self, slot: usize) -> Block<'_> {
        self.buffers.get(slot)
    }

    /// Tells the card that everything before `slot` is its own.
    fn ring_doorbell(&self, slot: usize) {
        self.bar
            .write(self.tail, (slot & (self.slots() - 1)) as u32);
    }
}

/// A receive queue to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RxPlace {
    /// The offset of its RDBAL.
    pub(crate) base: u32,
    pub(crate) pool: u8,
    /// Its number within the pool.
    pub(crate) queue: u8,
}

/// A transmit queue to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxPlace {
    /// The offset of its TDBAL.
    pub(crate) base: u32,
    pub(crate) pool: u8,
}

/// What the rings of one start are like.
pub(crate) struct Rings {
    pub(crate) rx: RingLayout,
    pub(crate) tx: RingLayout,
    /// Error bits of received frames that must not be used.
    pub(crate) fatal_errors: u16,
    /// The descriptor that sends a frame of so many bytes.
    pub(crate) send: fn(u16) -> TxData,
}

impl Rings {
    /// Makes the queues and points the card at their rings, empty.
    ///
    /// # Errors
    /// Of memory; [`Error::PinMemory`] then tells how much all of them need, since whoever
    /// raises a limit wants to know that and not the next piece.
    pub(crate) fn build(
        &self,
        adapter: &Adapter,
        rx: &[RxPlace],
        tx: &[TxPlace],
    ) -> Result<Queues, Error> {
        self.build_each(adapter, rx, tx)
            .map_err(|error| match error {
                Error::PinMemory { source, .. } => {
                    let bytes = rx.len() * self.rx.bytes() + tx.len() * self.tx.bytes();
                    Error::PinMemory { bytes, source }
                }
                other => other,
            })
    }

    fn build_each(
        &self,
        adapter: &Adapter,
        rx: &[RxPlace],
        tx: &[TxPlace],
    ) -> Result<Queues, Error> {
        let mut queues = Queues {
            rx: Vec::new(),
            tx: Vec::new(),
        };
        for place in rx {
            let ring = Ring::new(adapter, self.rx, place.base)?;
            queues
                .rx
                .push(RxQueue::new(ring, self.fatal_errors, *place));
        }
        for place in tx {
            let ring = Ring::new(adapter, self.tx, place.base)?;
            queues.tx.push(TxQueue::new(ring, self.send, place.pool));
        }
        Ok(queues)
    }
}
