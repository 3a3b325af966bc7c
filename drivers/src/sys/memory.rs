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
    slots: usize,
    buffer_bytes: usize,
    /// Where buffers begin: on a page of their own, so that a descriptor is never in a
    /// cache line or page with a frame.
    buffers_at: usize,
}

impl Layout {
    /// `slots` descriptors with a buffer of `buffer_bytes` each; `None` unless
    /// `slots` is a power of two up to 65,536 and a buffer is 1 to 65,536 bytes.
    pub(crate) fn new(slots: usize, buffer_bytes: usize) -> Option<Self> {
        let fits = slots.is_power_of_two() && slots.max(buffer_bytes) <= 1 << 16;
        let buffers_at = slots.checked_mul(size_of::<Descriptor>())?.next_multiple_of(4096);
        (fits && buffer_bytes > 0).then_some(Self { slots, buffer_bytes, buffers_at })
    }

    /// Bytes of the whole ring.
    pub(crate) fn bytes(self) -> usize {
        self.buffers_at + self.slots * self.buffer_bytes
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
        let descriptors = pages.at(0, layout.slots).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { pages: Arc::new(pages), descriptors, layout })
    }

    /// The pages, for the IOMMU.
    pub(crate) fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// Number of descriptors: a power of two.
    pub(crate) fn slots(&self) -> usize {
        self.layout.slots
    }

    /// Bytes of each buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.layout.buffer_bytes
    }

    /// Where the NIC sees the buffer of `slot` if it sees the pages at `base`.
    pub(crate) fn buffer_iova(&self, base: Iova, slot: usize) -> Iova {
        Iova::new(base.get().wrapping_add(self.buffer_offset(slot) as u64))
    }

    /// The descriptor of `slot`.
    #[inline]
    pub(crate) fn descriptor(&self, slot: usize) -> &Descriptor {
        // SAFETY: the wrapped slot is one of the `slots` descriptors that `new`
        // found inside the pages.
        let descriptor = unsafe { self.descriptors.add(self.wrap(slot)) };
        // SAFETY: inside the pages, aligned, and only ever reached as atomics.
        unsafe { descriptor.as_ref() }
    }

    /// The first `bytes` bytes of the buffer of `slot`, or all of it if shorter.
    #[inline]
    pub(crate) fn buffer(&self, slot: usize, bytes: usize) -> &[u8] {
        let bytes = bytes.min(self.layout.buffer_bytes);
        // SAFETY: the whole buffer is inside the pages (`new`), initialized, and
        // lent by this value alone: shared here, unique in `buffer_mut`.
        unsafe { std::slice::from_raw_parts(self.buffer_at(slot), bytes) }
    }

    /// The buffer of `slot`, to be filled.
    #[inline]
    pub(crate) fn buffer_mut(&mut self, slot: usize) -> &mut [u8] {
        // SAFETY: as in `buffer`; the borrow of this value makes it the only one.
        unsafe { std::slice::from_raw_parts_mut(self.buffer_at(slot), self.layout.buffer_bytes) }
    }

    /// Asks the processor to bring in the first cache line of the buffer of `slot`.
    #[inline]
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "nobody to ask"))]
    pub(crate) fn prefetch(&self, slot: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint that reads nothing; the address is inside the pages.
        unsafe {
            use std::arch::x86_64 as cpu;
            cpu::_mm_prefetch::<{ cpu::_MM_HINT_T0 }>(self.buffer_at(slot).cast());
        }
    }

    fn buffer_at(&self, slot: usize) -> *mut u8 {
        let first = self.descriptors.cast::<u8>();
        // SAFETY: inside the `Layout::bytes` that `new` found inside the pages.
        unsafe { first.add(self.buffer_offset(slot)) }.as_ptr()
    }

    fn buffer_offset(&self, slot: usize) -> usize {
        self.layout.buffers_at + self.wrap(slot) * self.layout.buffer_bytes
    }

    fn wrap(&self, slot: usize) -> usize {
        slot & (self.layout.slots - 1)
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
            memory.descriptor(slot)[1].store(slot as u64 + 1, Relaxed);
            memory.buffer_mut(slot).fill(slot as u8 + 0x40);
        }
        for slot in 0..8 {
            let at = memory.buffer_iova(Iova::new(0), slot).get() as usize;
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
        assert_eq!(memory.buffer(1, 1), [7]);
        assert_eq!(memory.buffer(usize::MAX, usize::MAX).len(), 64);
    }

    #[test]
    fn pages_too_few_for_the_layout_are_refused() {
        let layout = Layout::new(8, 2048).unwrap();
        let short = Pages::new(layout.bytes() - 4096).unwrap();
        assert!(RingMemory::new(short, layout).is_err());
        assert_eq!(Layout::new(12, 2048), None, "not a power of two");
        assert_eq!(Layout::new(8, 0), None);
    }
}
