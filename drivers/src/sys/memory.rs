//! The memory of one descriptor ring: 16-byte descriptors, then one buffer each.
//!
//! The rule: descriptors are only ever atomics, because the NIC may write one at
//! any moment. A buffer is lent as a slice, by the one [`Run`] that there is, so two
//! slices of one buffer never exist; that the NIC stays out of a lent buffer is
//! the business of [`crate::ring`], which lends no buffer that the NIC still has.
//!
//! Not here: what is in a descriptor, and which slots are whose.

use std::io;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Pages;
use crate::device::Iova;

/// A 16-byte descriptor as two words in host order; low addresses first.
pub(crate) type Descriptor = [AtomicU64; 2];

/// Where the parts of a ring lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// One less than the number of slots.
    mask: usize,
    buffer_bytes: usize,
    /// Where buffers begin: on a page of their own, so that a descriptor is never in a
    /// cache line or page with a frame.
    buffers_at: usize,
}

impl Layout {
    /// `slots` descriptors with a buffer of `buffer_bytes` each; `None` unless
    /// `slots` is a power of two up to 32,768 and a buffer is 1 to 65,535 bytes.
    pub(crate) fn new(slots: usize, buffer_bytes: usize) -> Option<Self> {
        let fits = slots.is_power_of_two() && slots.max(buffer_bytes) < 1 << 16;
        let buffers_at = slots
            .checked_mul(size_of::<Descriptor>())?
            .next_multiple_of(4096);
        (fits && buffer_bytes > 0).then(|| Self {
            mask: slots - 1,
            buffer_bytes,
            buffers_at,
        })
    }

    fn slot_count(self) -> usize {
        self.mask + 1
    }

    /// Bytes of the whole ring.
    pub(crate) fn bytes(self) -> usize {
        self.buffers_at + self.slot_count() * self.buffer_bytes
    }
}

/// The memory of one ring. Slot numbers wrap at the number of slots.
pub(crate) struct RingMemory {
    pages: Arc<Pages>,
    descriptors: NonNull<Descriptor>,
    layout: Layout,
}

// SAFETY: the pointer leads into `pages`, which is Send and Sync and lives as
// long as this value; descriptors are atomics and a buffer is borrowed from it.
unsafe impl Send for RingMemory {}

impl RingMemory {
    /// Lays a ring out in `pages`, which nobody else can then see as slices.
    ///
    /// # Errors
    /// `InvalidInput` when `pages` are fewer than [`Layout::bytes`].
    pub(crate) fn new(pages: Pages, layout: Layout) -> io::Result<Self> {
        pages
            .at::<u8>(0, layout.bytes())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let descriptors = pages
            .at(0, layout.slot_count())
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            pages: Arc::new(pages),
            descriptors,
            layout,
        })
    }

    /// The pages, for the IOMMU.
    pub(crate) fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// Number of descriptors: a power of two.
    pub(crate) fn slots(&self) -> usize {
        self.layout.slot_count()
    }

    /// Slot number `slot`, if the NIC sees the pages at `base`.
    pub(crate) fn slot(&self, base: Iova, slot: usize) -> Slot<'_> {
        let slot = slot & self.layout.mask;
        let offset = self.layout.buffers_at + slot * self.layout.buffer_bytes;
        Slot {
            // SAFETY: the wrapped slot is one of the descriptors that `new` found inside the
            // pages.
            descriptor: unsafe { self.descriptors.add(slot) },
            // SAFETY: inside the `Layout::bytes` that `new` found inside the pages.
            buffer: unsafe { self.descriptors.cast::<u8>().add(offset) },
            shift: base
                .get()
                .wrapping_sub(self.descriptors.addr().get() as u64),
            of: PhantomData,
        }
    }

    /// Slots from number `from` on, in a row: `count`, or as many as there are to the end of
    /// the ring.
    pub(crate) fn run(&mut self, base: Iova, from: usize, count: usize) -> Run<'_> {
        let left = count.min(self.slots() - (from & self.layout.mask));
        Run {
            first: self.slot(base, from),
            left,
            buffer_bytes: self.layout.buffer_bytes,
        }
    }
}

/// One descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'m> {
    descriptor: NonNull<Descriptor>,
    buffer: NonNull<u8>,
    /// What to add to an address to have the one that the NIC sees.
    shift: u64,
    of: PhantomData<&'m RingMemory>,
}

impl<'m> Slot<'m> {
    /// Where the NIC sees its buffer.
    pub(crate) fn iova(self) -> u64 {
        (self.buffer.addr().get() as u64).wrapping_add(self.shift)
    }

    /// The descriptor.
    pub(crate) fn descriptor(self) -> &'m Descriptor {
        // SAFETY: inside the pages, aligned, and only ever reached as atomics.
        unsafe { self.descriptor.as_ref() }
    }
}

/// Slots in a row, with their buffers.
pub(crate) struct Run<'m> {
    first: Slot<'m>,
    /// How many there are.
    pub(crate) left: usize,
    pub(crate) buffer_bytes: usize,
}

impl<'m> Run<'m> {
    /// The same for a while.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> Run<'_> {
        Run { ..*self }
    }

    /// Number `i` of them, from 0.
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> Option<Slot<'m>> {
        (i < self.left).then(|| Slot {
            // SAFETY: inside the pages, as all slots that are left.
            descriptor: unsafe { self.first.descriptor.add(i) },
            // SAFETY: as above; there is a buffer for each descriptor.
            buffer: unsafe { self.first.buffer.add(i * self.buffer_bytes) },
            ..self.first
        })
    }

    /// The first `bytes` bytes of the buffer of number `i`, or all of it if shorter; nothing
    /// if there is none.
    #[inline(always)]
    pub(crate) fn buffer(&self, i: usize, bytes: usize) -> &[u8] {
        let bytes = bytes.min(self.buffer_bytes);
        // SAFETY: the whole buffer is inside the pages (`RingMemory::new`), initialized, and
        // lent by this value alone, of which the borrow of the memory makes the only one.
        let lend = |slot: Slot<'_>| unsafe { slice::from_raw_parts(slot.buffer.as_ptr(), bytes) };
        self.get(i).map_or(&[], lend)
    }

    /// The whole buffer of number `i`, to be filled; nothing if there is none.
    #[inline(always)]
    pub(crate) fn buffer_mut(&mut self, i: usize) -> &mut [u8] {
        let bytes = self.buffer_bytes;
        // SAFETY: as above.
        let lend = |s: Slot<'_>| unsafe { slice::from_raw_parts_mut(s.buffer.as_ptr(), bytes) };
        self.get(i).map_or(&mut [], lend)
    }

    /// Leaves the first `count` out, or all if there are less.
    #[inline(always)]
    pub(crate) fn advance(&mut self, count: usize) {
        let count = count.min(self.left);
        self.left -= count;
        // SAFETY: one past the last at most.
        self.first.descriptor = unsafe { self.first.descriptor.add(count) };
        // SAFETY: as above; there is a buffer for each descriptor.
        self.first.buffer = unsafe { self.first.buffer.add(count * self.buffer_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    fn memory(slots: usize, buffer_bytes: usize) -> RingMemory {
        let layout = Layout::new(slots, buffer_bytes).unwrap();
        RingMemory::new(Pages::new(layout.bytes()).unwrap(), layout).unwrap()
    }

    fn fill(memory: &mut RingMemory, slot: usize, byte: u8) {
        memory.run(Iova::new(0), slot, 1).buffer_mut(0).fill(byte);
    }

    #[test]
    fn the_nic_sees_each_buffer_and_descriptor_where_software_does() {
        let mut memory = memory(8, 2048);
        for slot in 0..8 {
            memory.slot(Iova::new(0), slot).descriptor()[1].store(slot as u64 + 1, Relaxed);
            fill(&mut memory, slot, slot as u8 + 0x40);
        }
        for slot in 0..8 {
            let at = memory.slot(Iova::new(4096), slot).iova() as usize - 4096;
            let mut bytes = [0; 2048];
            assert!(memory.pages().read(at, &mut bytes));
            assert_eq!(bytes, [slot as u8 + 0x40; 2048]);
            let word = memory.pages().load_u64(slot * 16 + 8);
            assert_eq!(word, Some(slot as u64 + 1));
        }
    }

    #[test]
    fn slot_numbers_wrap_and_lengths_are_clamped() {
        let mut memory = memory(8, 64);
        fill(&mut memory, 9, 7);
        for (from, left) in [(1, 3), (6, 2), (usize::MAX, 1)] {
            let mut run = memory.run(Iova::new(0), from, 3);
            assert_eq!((run.left, run.buffer(0, usize::MAX).len()), (left, 64));
            assert_eq!(
                (run.buffer_mut(left - 1).len(), run.buffer_mut(left).len()),
                (64, 0)
            );
        }
        assert_eq!(memory.run(Iova::new(0), 0, 3).buffer(1, 1), [7]);
        assert_eq!(memory.run(Iova::new(0), 1, 3).buffer(0, 1), [7]);
        let mut last = memory.run(Iova::new(0), 6, 3);
        last.advance(1);
        assert!(last.get(0).is_some() && last.get(1).is_none() && last.buffer(1, 1).is_empty());
        last.advance(2);
        assert!(last.left == 0 && last.get(0).is_none());
    }

    #[test]
    fn pages_too_few_for_the_layout_are_refused() {
        let layout = Layout::new(8, 2048).unwrap();
        let short = Pages::new(layout.bytes() - 4096).unwrap();
        assert!(RingMemory::new(short, layout).is_err());
        assert_eq!(Layout::new(12, 2048), None, "not a power of two");
        assert_eq!([Layout::new(8, 0), Layout::new(0, 8)], [None; 2]);
    }
}
