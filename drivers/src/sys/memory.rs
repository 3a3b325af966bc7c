//! The memory of one descriptor ring: 16-byte descriptors, then one buffer each.
//!
//! The rule: descriptors are only ever atomics, because the NIC may write one at
//! any moment. A buffer is lent as a slice, and only this value lends it, so two
//! slices of one buffer never exist; that the NIC stays out of a lent buffer is
//! the business of [`crate::ring`], which lends no buffer that the NIC still has.
//!
//! Not here: what is in a descriptor, and which slots are whose.

use std::io;
use std::ptr::NonNull;
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
        let buffers_at = slots.checked_mul(size_of::<Descriptor>())?.next_multiple_of(4096);
        (fits && buffer_bytes > 0).then(|| Self { mask: slots - 1, buffer_bytes, buffers_at })
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
#[derive(Debug)]
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
        pages.at::<u8>(0, layout.bytes()).ok_or(io::ErrorKind::InvalidInput)?;
        let descriptors = pages.at(0, layout.slot_count()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { pages: Arc::new(pages), descriptors, layout })
    }

    /// The pages, for the IOMMU.
    pub(crate) fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// Number of descriptors: a power of two.
    pub(crate) fn slots(&self) -> usize {
        self.layout.slot_count()
    }

    /// Bytes of each buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.layout.buffer_bytes
    }

    /// Slot number `slot`, if the NIC sees the pages at `base`.
    #[inline]
    pub(crate) fn slot(&self, base: Iova, slot: usize) -> Slot<'_> {
        let slot = slot & self.layout.mask;
        let offset = self.layout.buffers_at + slot * self.layout.buffer_bytes;
        Slot {
            // SAFETY: the wrapped slot is one of the descriptors that `new` found inside the
            // pages.
            descriptor: unsafe { self.descriptors.add(slot) },
            // SAFETY: inside the `Layout::bytes` that `new` found inside the pages.
            buffer: unsafe { self.descriptors.cast::<u8>().add(offset) },
            layout: &self.layout,
            iova: base.get().wrapping_add(offset as u64),
        }
    }

    /// Slots from number `from` on, in a row: `count`, or as many as there are to the end of
    /// the ring.
    #[inline]
    pub(crate) fn run(&self, base: Iova, from: usize, count: usize) -> Run<'_> {
        let left = count.min(self.slots() - (from & self.layout.mask));
        Run { next: self.slot(base, from), left }
    }

    /// The buffer of slot number `slot`, to be filled.
    #[inline]
    pub(crate) fn buffer_mut(&mut self, slot: usize) -> &mut [u8] {
        let buffer = self.slot(Iova::new(0), slot).buffer;
        // SAFETY: as in `Slot::buffer`; the borrow of this value makes it the only one.
        unsafe { std::slice::from_raw_parts_mut(buffer.as_ptr(), self.layout.buffer_bytes) }
    }
}

/// One descriptor and its buffer.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'m> {
    descriptor: NonNull<Descriptor>,
    buffer: NonNull<u8>,
    layout: &'m Layout,
    /// Where the NIC sees the buffer.
    pub(crate) iova: u64,
}

impl<'m> Slot<'m> {
    /// The descriptor.
    #[inline]
    pub(crate) fn descriptor(self) -> &'m Descriptor {
        // SAFETY: inside the pages, aligned, and only ever reached as atomics.
        unsafe { self.descriptor.as_ref() }
    }

    /// The first `bytes` bytes of the buffer, or all of it if shorter.
    #[inline]
    pub(crate) fn buffer(self, bytes: usize) -> &'m [u8] {
        let bytes = bytes.min(self.layout.buffer_bytes);
        // SAFETY: the whole buffer is inside the pages (`RingMemory::new`), initialized, and
        // lent by their owner alone: shared here, unique in `buffer_mut`.
        unsafe { std::slice::from_raw_parts(self.buffer.as_ptr(), bytes) }
    }
}

/// Slots in a row.
pub(crate) struct Run<'m> {
    next: Slot<'m>,
    /// How many there are.
    pub(crate) left: usize,
}

impl<'m> Run<'m> {
    /// The next of them.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<Slot<'m>> {
        (self.left > 0).then_some(self.next)
    }

    /// Steps past it. A running address costs less than to find each by its number.
    #[inline(always)]
    pub(crate) fn step(&mut self) {
        let Slot { descriptor, buffer, layout, iova } = &mut self.next;
        // SAFETY: one past the last at most, since `left` counts those that there are.
        *descriptor = unsafe { descriptor.add(1) };
        // SAFETY: as above; there is a buffer for each descriptor.
        *buffer = unsafe { buffer.add(layout.buffer_bytes) };
        *iova = iova.wrapping_add(layout.buffer_bytes as u64);
        self.left -= 1;
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

    #[test]
    fn the_nic_sees_each_buffer_and_descriptor_where_software_does() {
        let mut memory = memory(8, 2048);
        for slot in 0..8 {
            memory.slot(Iova::new(0), slot).descriptor()[1].store(slot as u64 + 1, Relaxed);
            memory.buffer_mut(slot).fill(slot as u8 + 0x40);
        }
        for slot in 0..8 {
            let at = memory.slot(Iova::new(4096), slot).iova as usize - 4096;
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
        memory.buffer_mut(9)[0] = 7;
        let slot = |number| memory.slot(Iova::new(0), number);
        assert_eq!(slot(1).buffer(1), [7]);
        assert_eq!(slot(usize::MAX).buffer(usize::MAX).len(), 64);
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
