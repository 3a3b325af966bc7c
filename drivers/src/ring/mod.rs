//! Descriptor rings: one fixed buffer per descriptor, for ever.
//!
//! The rule: at any time a buffer is either the NIC's or ours, and what is ours
//! is lent as a borrow of the queue that ends before the buffer goes back. So
//! the compiler refuses to keep a frame that the NIC may overwrite, and nothing
//! on the way of a frame allocates, locks or can panic.
//!
//! The families share this code: their rings differ in the place of the tail
//! register and in a few descriptor bits ([`RxFormat`], [`TxFormat`]).
//!
//! Not here: setting a queue up in the card's registers (the families).

mod rx;
mod tx;

use std::sync::Arc;

pub(crate) use rx::RxFormat;
pub use rx::{BadDescriptor, RxFrame, RxQueue};
pub(crate) use tx::TxFormat;
pub use tx::TxQueue;

use crate::device::{Bar, Card, Iova};
use crate::dma::DmaRegion;
use crate::error::Error;
use crate::sys::{Descriptor, Layout, Pages, RingMemory};

/// Alignment that every supported card accepts for a ring, in bytes (82576
/// datasheet, 8.10.5: 128).
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
struct Ring {
    // The NIC loses its reach before the memory goes: fields drop in this order.
    region: DmaRegion,
    memory: RingMemory,
    bar: Arc<dyn Bar>,
    tail: u32,
    _lease: Lease,
}

impl Ring {
    fn new(card: &Card, layout: Layout, tail: u32, lease: &Lease) -> Result<Self, Error> {
        let bytes = layout.bytes();
        let no_memory = |source| Error::NoMemory { bytes, source };
        let pages: Pages = card.iommu.allocate(bytes).map_err(no_memory)?;
        let memory = RingMemory::new(pages, layout).map_err(no_memory)?;
        let region = DmaRegion::new(&card.iommu, memory.pages())?;
        if !region.iova().get().is_multiple_of(ALIGNMENT) {
            let source = std::io::ErrorKind::InvalidData.into();
            return Err(Error::MapMemory { bytes, source });
        }
        Ok(Self { region, memory, bar: Arc::clone(&card.bar), tail, _lease: Arc::clone(lease) })
    }

    fn base(&self) -> Iova {
        self.region.iova()
    }

    #[inline]
    fn descriptor(&self, slot: usize) -> &Descriptor {
        self.memory.descriptor(slot)
    }

    #[inline]
    fn buffer_iova(&self, slot: usize) -> u64 {
        self.memory.buffer_iova(self.base(), slot).get()
    }

    /// Tells the NIC that everything before `slot` is its own.
    #[inline]
    fn ring_doorbell(&self, slot: usize) {
        let slot = slot & (self.memory.slots() - 1);
        self.bar.write(self.tail, slot as u32);
    }
}

/// The layout of a ring of `slots` with buffers of `buffer_bytes` bytes.
pub(crate) fn layout(slots: u16, buffer_bytes: usize) -> Result<Layout, Error> {
    (64..=4096)
        .contains(&slots)
        .then(|| Layout::new(slots.into(), buffer_bytes))
        .flatten()
        .ok_or(Error::RingSize { slots })
}

#[cfg(test)]
mod fake {
    //! A card that does nothing by itself: the test plays the NIC.

    use std::io;
    use std::sync::{Arc, Mutex};

    use crate::device::{Bar, Card, DeviceId, Function, Iommu, Iova};
    use crate::sys::Pages;

    /// Remembers register writes and mapped pages.
    #[derive(Default)]
    pub(super) struct Fake {
        pub(super) writes: Mutex<Vec<(u32, u32)>>,
        pub(super) mapped: Mutex<Vec<Arc<Pages>>>,
    }

    impl Fake {
        /// Where the only region is seen by the NIC.
        pub(super) const IOVA: u64 = 0x10_0000;

        pub(super) fn card(self: &Arc<Self>) -> Card {
            let id = DeviceId { vendor: 0x8086, device: 0x10c9 };
            Card { id, bar: self.clone(), iommu: self.clone(), function: self.clone() }
        }

        pub(super) fn pages(&self) -> Arc<Pages> {
            Arc::clone(&self.mapped.lock().unwrap()[0])
        }

        pub(super) fn doorbells(&self) -> Vec<u32> {
            let writes = std::mem::take(&mut *self.writes.lock().unwrap());
            writes.into_iter().map(|(_, value)| value).collect()
        }
    }

    impl Bar for Fake {
        fn read(&self, _: u32) -> u32 {
            0
        }

        fn write(&self, offset: u32, value: u32) {
            self.writes.lock().unwrap().push((offset, value));
        }

        fn flush(&self) {}
    }

    impl Iommu for Fake {
        fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
            self.mapped.lock().unwrap().push(Arc::clone(pages));
            Ok(Iova::new(Self::IOVA))
        }

        fn unmap(&self, _: Iova, _: usize) -> io::Result<()> {
            self.mapped.lock().unwrap().clear();
            Ok(())
        }
    }

    impl Function for Fake {
        fn reset(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_bus_master(&self, _: bool) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    //! Both rings against plain queues, under random operations.

    use std::collections::VecDeque;
    use std::sync::Arc;

    use lockgate_regs::descriptor::{RxStatus, TxData};

    use super::fake::Fake;
    use super::*;

    const SLOTS: usize = 64;

    /// Marsaglia's xorshift: the same numbers on every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    fn small() -> Layout {
        layout(SLOTS as u16, 1024).unwrap()
    }

    #[test]
    fn a_receive_ring_gives_each_frame_once_and_in_order_whatever_comes() {
        let fake = Arc::new(Fake::default());
        let format = RxFormat { fatal_errors: 0 };
        let lease = Lease::default();
        let mut queue = RxQueue::new(&fake.card(), small(), format, (0, 0), 0, &lease).unwrap();
        queue.begin();
        let pages = fake.pages();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        // The NIC's head and tail; frames it wrote and that were not yet given back.
        let (mut head, mut tail) = (0, 0);
        let mut written: VecDeque<u64> = VecDeque::new();
        for number in 0..50_000_u64 {
            tail = fake.doorbells().last().map_or(tail, |&tail| tail as usize);
            match random.below(3) {
                0 if head != tail => {
                    let buffer = pages.load_u64(head * 16).unwrap() - Fake::IOVA;
                    assert!(pages.store_u64(buffer as usize, number));
                    let status = RxStatus::new().with_done(true).with_end_of_packet(true);
                    pages.store_u64(head * 16 + 8, status.with_length(8).into());
                    head = (head + 1) % SLOTS;
                    written.push_back(number);
                }
                1 => {
                    let shown = queue.poll(random.below(SLOTS));
                    for (index, number) in written.iter().take(shown).enumerate() {
                        let frame = queue.frame(index).unwrap();
                        assert_eq!(frame.bytes, number.to_ne_bytes());
                    }
                    assert!(shown <= written.len());
                }
                _ => {
                    let count = random.below(SLOTS);
                    let shown = queue.poll(0);
                    queue.rearm(count);
                    written.drain(..count.min(shown));
                }
            }
        }
    }

    #[test]
    fn a_transmit_ring_sends_each_frame_once_and_lends_no_buffer_in_flight() {
        let fake = Arc::new(Fake::default());
        let command = TxData::new().with_end_of_packet(true);
        let format = TxFormat { command, payload_length: false };
        let lease = Lease::default();
        let mut queue = TxQueue::new(&fake.card(), small(), format, 0, 0, &lease).unwrap();
        let pages = fake.pages();
        let mut random = Random(0xD1B5_4A32_D192_ED03);
        let (mut head, mut tail) = (0, 0);
        let mut pushed: VecDeque<u64> = VecDeque::new();
        for number in 0..50_000_u64 {
            tail = fake.doorbells().last().map_or(tail, |&tail| tail as usize);
            match random.below(4) {
                0 | 1 => {
                    if let Some(buffer) = queue.buffer() {
                        buffer[..8].copy_from_slice(&number.to_ne_bytes());
                        assert!(queue.push(60));
                        pushed.push_back(number);
                    }
                }
                2 => queue.flush(),
                _ => {
                    // The NIC sends some of what it was given.
                    for _ in 0..random.below(SLOTS) {
                        if head == tail {
                            break;
                        }
                        let buffer = pages.load_u64(head * 16).unwrap() - Fake::IOVA;
                        assert_eq!(pages.load_u64(buffer as usize), pushed.pop_front());
                        let data = TxData::from(pages.load_u64(head * 16 + 8).unwrap());
                        assert!(!data.done());
                        if data.report_status() {
                            pages.store_u64(head * 16 + 8, data.with_done(true).into());
                        }
                        head = (head + 1) % SLOTS;
                    }
                }
            }
            assert!(queue.pending() >= pushed.len());
        }
    }
}
