//! A region of memory, and who frees it.
//!
//! Whoever reads or writes here by offset is a model, a test or a server of guests' memory;
//! data paths lay out [`Words`](crate::Words) and [`Blocks`](crate::Blocks) instead.

use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64, fence};

use crate::access::{Access, ReadOnly, ReadWrite};
use crate::copy;

/// What a region's length is a multiple of where this crate allocates it, in bytes.
const PAGE: usize = 4096;

/// Keeps a region's memory there; dropped with it, after the last access.
pub trait Owner: Send + Sync {}

impl<T: Send + Sync> Owner for T {}

/// A region of memory that others may write at any time.
pub struct Memory<A: Access = ReadWrite> {
    base: NonNull<u8>,
    bytes: usize,
    _owner: Box<dyn Owner>,
    access: PhantomData<A>,
}

// SAFETY: a region is an address, the same in every thread, and all access to it is by atomics
// and by copies that may race; its owner is Send.
unsafe impl<A: Access> Send for Memory<A> {}
// SAFETY: as above; its owner is Sync.
unsafe impl<A: Access> Sync for Memory<A> {}

impl<A: Access> Memory<A> {
    /// The `bytes` bytes at `base`, kept by `owner`.
    ///
    /// # Safety
    /// Until `owner` is dropped the bytes must stay valid for reads (and for writes unless `A`
    /// is [`ReadOnly`]), and nobody in this process may hold a Rust reference to any of them
    /// but through this crate. `base` must be aligned to 64 bytes.
    pub unsafe fn from_raw_parts(base: NonNull<u8>, bytes: usize, owner: Box<dyn Owner>) -> Self {
        Self {
            base,
            bytes,
            _owner: owner,
            access: PhantomData,
        }
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a region is never empty")]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Its address in this process.
    pub fn address(&self) -> usize {
        self.base.addr().get()
    }

    /// The address of `bytes` bytes at `offset` if they are all inside and the first is at a
    /// multiple of `align` bytes.
    pub(crate) fn place(&self, offset: usize, bytes: usize, align: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(bytes)? > self.bytes {
            return None;
        }
        // SAFETY: `offset <= self.bytes`, so the address is inside or just behind the end.
        let place = unsafe { self.base.add(offset) };
        place.addr().get().is_multiple_of(align).then_some(place)
    }

    /// Copies the bytes at `offset` into `into`; `false`, and nothing copied, when they are not
    /// all inside.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(place) = self.place(offset, into.len(), 1) else {
            return false;
        };
        // SAFETY: as many bytes are inside the region, and `into` is the caller's alone.
        unsafe { copy::racing(place.as_ptr(), into.as_mut_ptr(), into.len()) };
        true
    }

    /// The word at `offset`, which is a multiple of 8, in host byte order; whatever its writer
    /// stored before it is visible then. `None` when it is not inside or not aligned.
    pub fn load_u64(&self, offset: usize) -> Option<u64> {
        let place = self.place(offset, 8, 8)?.cast::<AtomicU64>();
        // SAFETY: inside the region and aligned; any bits are a valid atomic.
        let value = unsafe { place.as_ref() }.load(Relaxed);
        fence(Acquire);
        Some(value)
    }

    /// As [`Memory::load_u64`], for 4 bytes at a multiple of 4.
    pub fn load_u32(&self, offset: usize) -> Option<u32> {
        let place = self.place(offset, 4, 4)?.cast::<AtomicU32>();
        // SAFETY: inside the region and aligned; any bits are a valid atomic.
        let value = unsafe { place.as_ref() }.load(Relaxed);
        fence(Acquire);
        Some(value)
    }
}

impl Memory {
    /// Fresh memory of this process's heap: zeros, aligned to a page of 4 KiB, as many bytes
    /// as asked for and up to a multiple of the page.
    ///
    /// # Panics
    /// When there is no such memory, as every allocation does.
    pub fn zeroed(bytes: usize) -> Self {
        let whole = bytes.max(1).next_multiple_of(PAGE);
        let layout = Layout::from_size_align(whole, PAGE).expect("less than the address space");
        // SAFETY: the layout has a size.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout)
        };
        let owner = Box::new(Heap { base, layout });
        // SAFETY: `owner` keeps the memory, and nobody else has its address.
        unsafe { Self::from_raw_parts(base, whole, owner) }
    }

    /// The same memory for who may only read it; it is kept for as long as either is.
    pub fn read_only(self: &Arc<Self>) -> Memory<ReadOnly> {
        let owner = Box::new(Arc::clone(self));
        // SAFETY: `owner` keeps the region and with it the memory; it is aligned as this one, and
        // all access is through this crate.
        unsafe { Memory::from_raw_parts(self.base, self.bytes, owner) }
    }

    /// Copies `from` to the bytes at `offset`; `false`, and nothing copied, when they are not
    /// all inside.
    pub fn write(&self, offset: usize, from: &[u8]) -> bool {
        let Some(place) = self.place(offset, from.len(), 1) else {
            return false;
        };
        // SAFETY: as many bytes are inside the region, and valid for writes.
        unsafe { copy::racing(from.as_ptr(), place.as_ptr(), from.len()) };
        true
    }

    /// Stores the word at `offset`, which is a multiple of 8, after everything stored before;
    /// `false` when it is not inside or not aligned.
    pub fn store_u64(&self, offset: usize, value: u64) -> bool {
        let Some(place) = self.place(offset, 8, 8) else {
            return false;
        };
        // SAFETY: inside the region, aligned and valid for writes.
        unsafe { place.cast::<AtomicU64>().as_ref() }.store(value, Release);
        true
    }

    /// As [`Memory::store_u64`], for 4 bytes at a multiple of 4.
    pub fn store_u32(&self, offset: usize, value: u32) -> bool {
        let Some(place) = self.place(offset, 4, 4) else {
            return false;
        };
        // SAFETY: inside the region, aligned and valid for writes.
        unsafe { place.cast::<AtomicU32>().as_ref() }.store(value, Release);
        true
    }
}

impl<A: Access> fmt::Debug for Memory<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x}", self.bytes, self.address())
    }
}

/// Memory of the heap.
struct Heap {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: an address and a size.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and the region that it was kept for is gone.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn fresh_memory_is_whole_pages_of_zeros() {
        let memory = Memory::zeroed(5000);
        assert_eq!(memory.len(), 8192);
        assert!(memory.address().is_multiple_of(PAGE));
        let mut bytes = vec![1; 8192];
        assert!(memory.read(0, &mut bytes));
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_is_written_at_any_alignment_reads_back_and_nothing_else_changes() {
        let memory = Memory::zeroed(64);
        for offset in 0..9 {
            for bytes in 0..33_u8 {
                let fresh: vec::Vec<u8> = (1..=bytes).collect();
                let blank = [0xee; 64];
                assert!(memory.write(0, &blank));
                assert!(memory.write(offset, &fresh));
                let mut found = [0; 64];
                assert!(memory.read(0, &mut found));
                let end = offset + usize::from(bytes);
                assert_eq!(found[offset..end], fresh);
                assert_eq!(found[..offset], blank[..offset]);
                assert_eq!(found[end..], blank[end..]);
            }
        }
    }

    #[test]
    fn who_may_only_read_sees_what_is_written_and_keeps_the_memory() {
        let memory = Arc::new(Memory::zeroed(64));
        let reader = memory.read_only();
        assert!(memory.store_u64(8, 7));
        drop(memory);
        assert_eq!((reader.len(), reader.load_u64(8)), (PAGE, Some(7)));
    }

    #[test]
    fn nothing_outside_or_misaligned_is_reached() {
        let memory = Memory::zeroed(PAGE);
        let mut two = [9; 2];
        assert!(!memory.read(PAGE - 1, &mut two) && two == [9; 2]);
        assert!(!memory.write(PAGE - 1, &two));
        assert!(!memory.read(usize::MAX, &mut two));
        for offset in [4, PAGE - 4, PAGE, usize::MAX - 7] {
            assert_eq!(memory.load_u64(offset), None, "{offset}");
            assert!(!memory.store_u64(offset, 1), "{offset}");
        }
        assert_eq!(memory.load_u32(2), None);
        assert!(memory.store_u32(PAGE - 4, 7) && memory.load_u32(PAGE - 4) == Some(7));
    }
}
