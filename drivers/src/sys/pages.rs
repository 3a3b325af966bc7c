//! Page-aligned memory that software and a NIC both touch.
//!
//! A [`Pages`] is mapped from creation until drop and never moves, so its
//! address can be given to an IOMMU. Software reaches the bytes through atomics
//! and racy copies alone; the two exceptions, a frame being read and a frame
//! being filled, live in the ring memory of this module, where the ring keeps the NIC away.
//!
//! Not here: IOMMU mappings and who must outlive whom ([`crate::dma`]).

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// Bytes of the hugepages asked for.
const HUGE: usize = 2 << 20;

/// From how many bytes on hugepages are worth what rounding up wastes.
const HUGE_FROM: usize = HUGE / 2;

/// A mapping of whole pages, readable and writable.
#[derive(Debug)]
pub struct Pages {
    base: NonNull<u8>,
    bytes: NonZeroUsize,
    huge: bool,
}

// SAFETY: the mapping belongs to the value, not to a thread, and is reached
// through atomics only (see the module's rule).
unsafe impl Send for Pages {}

// SAFETY: as for `Send`: shared access is atomic.
unsafe impl Sync for Pages {}

impl Pages {
    /// Finds zeroed pages for at least `bytes` bytes: 2 MiB hugepages when the
    /// system has some to spare and `bytes` is worth one, else ordinary pages.
    ///
    /// A child process does not inherit them.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than the address space; else the
    /// operating system's.
    pub fn new(bytes: usize) -> io::Result<Self> {
        if bytes >= HUGE_FROM
            && let Ok(pages) = Self::anonymous(bytes, true)
        {
            return Ok(pages);
        }
        Self::anonymous(bytes, false)
    }

    /// Maps the `bytes` bytes of `file` from `offset` on, shared with everyone
    /// who maps them: the memory of a machine emulated in another process. They
    /// hold whatever the file holds.
    ///
    /// The file must not shrink while it is mapped, or an access ends the process.
    ///
    /// # Errors
    /// `InvalidInput` when the window is empty, not of whole pages or not inside
    /// the file; else the operating system's.
    pub fn from_file(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let size = rustix::fs::fstat(file)?.st_size;
        let end = offset.checked_add(bytes as u64);
        let inside = end.is_some_and(|end| end <= u64::try_from(size).unwrap_or(0));
        if !inside || !offset.is_multiple_of(page as u64) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let bytes = round_up(bytes, page)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps
        // nothing that Rust knows of.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes.get(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                offset,
            )
        }?;
        Self::adopt(base.cast(), bytes, false)
    }

    fn anonymous(bytes: usize, huge: bool) -> io::Result<Self> {
        let (page, flags) = match huge {
            true => (HUGE, MapFlags::HUGETLB | MapFlags::HUGE_2MB),
            false => (rustix::param::page_size(), MapFlags::empty()),
        };
        let bytes = round_up(bytes, page)?;
        // SAFETY: as in `from_file`.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                bytes.get(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::POPULATE | flags,
            )
        }?;
        Self::adopt(base.cast(), bytes, huge)
    }

    /// Takes over a fresh mapping, and with it the duty to end it.
    fn adopt(base: *mut u8, bytes: NonZeroUsize, huge: bool) -> io::Result<Self> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        let pages = Self { base, bytes, huge };
        // A forked child would share the frames and, by copy on write, could
        // take the pinned page away from this process.
        // SAFETY: the range is exactly the mapping just made.
        unsafe {
            rustix::mm::madvise(
                pages.base.as_ptr().cast(),
                bytes.get(),
                Advice::LinuxDontFork,
            )
        }?;
        Ok(pages)
    }

    /// Length in bytes: what was asked for, rounded up to whole pages.
    #[expect(clippy::len_without_is_empty, reason = "pages are never empty")]
    pub fn len(&self) -> usize {
        self.bytes.get()
    }

    /// Whether these are hugepages.
    pub fn is_huge(&self) -> bool {
        self.huge
    }

    /// The address in this process, for the IOMMU.
    pub fn address(&self) -> usize {
        self.base.as_ptr().addr()
    }

    /// Copies the bytes at `offset` into `into`, tolerating concurrent writes;
    /// says false, and copies nothing, when they are not all inside.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some((head, words, tail)) = self.split(offset, into.len()) else {
            return false;
        };
        let (first, rest) = into.split_at_mut(head.len());
        let (middle, last) = rest.split_at_mut(words.len() * 8);
        copy_bytes_out(head, first);
        for (word, bytes) in words.iter().zip(middle.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        copy_bytes_out(tail, last);
        true
    }

    /// Copies `from` to the bytes at `offset`, tolerating concurrent reads; says
    /// false, and copies nothing, when they are not all inside.
    ///
    /// This is the hand of a NIC made of software: like a real one it must stay
    /// out of buffers that it was not given.
    pub fn write(&self, offset: usize, from: &[u8]) -> bool {
        let Some((head, words, tail)) = self.split(offset, from.len()) else {
            return false;
        };
        let (first, rest) = from.split_at(head.len());
        let (middle, last) = rest.split_at(words.len() * 8);
        copy_bytes_in(head, first);
        for (word, bytes) in words.iter().zip(middle.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        copy_bytes_in(tail, last);
        true
    }

    /// The 8-byte word at `offset` (a multiple of 8), in host byte order, and
    /// everything stored before it was.
    pub fn load_u64(&self, offset: usize) -> Option<u64> {
        let [word] = self.atomics::<AtomicU64>(offset, 1)? else {
            return None;
        };
        Some(word.load(Acquire))
    }

    /// Stores the 8-byte word at `offset` (a multiple of 8) after everything
    /// stored before; false when it is not inside.
    pub fn store_u64(&self, offset: usize, value: u64) -> bool {
        let Some([word]) = self.atomics::<AtomicU64>(offset, 1) else {
            return false;
        };
        word.store(value, Release);
        true
    }

    /// As [`Pages::load_u64`], for 4 bytes at a multiple of 4.
    pub fn load_u32(&self, offset: usize) -> Option<u32> {
        let [word] = self.atomics::<AtomicU32>(offset, 1)? else {
            return None;
        };
        Some(word.load(Acquire))
    }

    /// As [`Pages::store_u64`], for 4 bytes at a multiple of 4.
    pub fn store_u32(&self, offset: usize, value: u32) -> bool {
        let Some([word]) = self.atomics::<AtomicU32>(offset, 1) else {
            return false;
        };
        word.store(value, Release);
        true
    }

    /// The range as bytes up to the first whole word, whole words, and the rest.
    fn split(
        &self,
        offset: usize,
        bytes: usize,
    ) -> Option<(&[AtomicU8], &[AtomicU64], &[AtomicU8])> {
        let head = (offset.wrapping_neg() % 8).min(bytes);
        let words = (bytes - head) / 8;
        let tail = bytes - head - words * 8;
        Some((
            self.atomics(offset, head)?,
            self.atomics(offset.checked_add(head)?, words)?,
            self.atomics(offset.checked_add(head + words * 8)?, tail)?,
        ))
    }

    /// `count` atomics at byte `offset`, if they are inside and aligned.
    pub(super) fn atomics<T: Atomic>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let bytes = size_of::<T>().checked_mul(count)?;
        let end = offset.checked_add(bytes)?;
        if end > self.len() || (count > 0 && !offset.is_multiple_of(align_of::<T>())) {
            return None;
        }
        if count == 0 {
            return Some(&[]);
        }
        // SAFETY: `offset < end <= len`, so the address is inside the mapping.
        let first = unsafe { self.base.add(offset) };
        // SAFETY: `count` atomics lie inside the mapping (`end <= len`), aligned
        // (the base is page-aligned), and any bits are a valid atomic.
        Some(unsafe { std::slice::from_raw_parts(first.as_ptr().cast(), count) })
    }

    /// The address of the `bytes` bytes at `offset`, if they are inside.
    pub(super) fn span(&self, offset: usize, bytes: NonZeroUsize) -> Option<NonNull<u8>> {
        if offset.checked_add(bytes.get())? > self.len() {
            return None;
        }
        // SAFETY: `offset < len`, so the address is inside the mapping.
        Some(unsafe { self.base.add(offset) })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and no borrow of it can
        // outlive the value. Failure would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len()) };
    }
}

/// The atomics that [`Pages`] may be seen as.
///
/// # Safety
/// Any bits must be a valid value, and all access through `&Self` atomic.
pub(super) unsafe trait Atomic {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU8 {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU32 {}
// SAFETY: an integer atomic.
unsafe impl Atomic for AtomicU64 {}
// SAFETY: two integer atomics, without padding.
unsafe impl Atomic for [AtomicU64; 2] {}

fn round_up(bytes: usize, page: usize) -> io::Result<NonZeroUsize> {
    bytes
        .checked_next_multiple_of(page)
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .and_then(NonZeroUsize::new)
        .ok_or(io::ErrorKind::InvalidInput.into())
}

fn copy_bytes_out(from: &[AtomicU8], into: &mut [u8]) {
    for (byte, into) in from.iter().zip(into) {
        *into = byte.load(Relaxed);
    }
}

fn copy_bytes_in(into: &[AtomicU8], from: &[u8]) {
    for (byte, &from) in into.iter().zip(from) {
        byte.store(from, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_pages_are_whole_and_zero() {
        let pages = Pages::new(5000).unwrap();
        assert_eq!(pages.len() % rustix::param::page_size(), 0);
        assert!(pages.len() >= 5000);
        let mut bytes = vec![1; pages.len()];
        assert!(pages.read(0, &mut bytes));
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn large_memory_is_there_to_the_last_byte_with_and_without_hugepages() {
        // On a machine with hugepages to spare this is about those.
        let pages = Pages::new(HUGE_FROM + 1).unwrap();
        assert_eq!(pages.is_huge(), pages.len() == HUGE);
        assert!(pages.write(pages.len() - 1, &[7]));
        assert_eq!(pages.load_u32(pages.len() - 4), Some(0x0700_0000));
    }

    #[test]
    fn what_is_written_at_any_alignment_reads_back_and_nothing_else_changes() {
        let pages = Pages::new(64).unwrap();
        for offset in 0..9 {
            for bytes in 0..33 {
                let fresh: Vec<u8> = (1..=bytes).collect();
                let blank = vec![0xee; 64];
                assert!(pages.write(0, &blank));
                assert!(pages.write(offset, &fresh));
                let mut all = vec![0; 64];
                assert!(pages.read(0, &mut all));
                let (before, rest) = all.split_at(offset);
                let (middle, after) = rest.split_at(fresh.len());
                assert_eq!(middle, fresh);
                assert!(before.iter().chain(after).all(|&byte| byte == 0xee));
                let mut part = vec![0; fresh.len()];
                assert!(pages.read(offset, &mut part));
                assert_eq!(part, fresh);
            }
        }
    }

    #[test]
    fn an_access_that_does_not_fit_does_nothing() {
        let pages = Pages::new(1).unwrap();
        let end = pages.len();
        assert!(!pages.write(end - 3, &[1; 4]));
        assert!(!pages.write(usize::MAX, &[1; 4]));
        assert!(!pages.read(end, &mut [0; 1]));
        assert!(pages.read(end, &mut []));
        assert!(!pages.read(end + 1, &mut []));
        assert_eq!(pages.load_u64(end - 8), Some(0));
        assert_eq!(pages.load_u64(end), None);
        assert_eq!(pages.load_u64(4), None, "not aligned");
        assert!(!pages.store_u32(end, 1) && !pages.store_u32(2, 1));
        assert_eq!(pages.load_u32(end - 4), Some(0));
    }

    #[test]
    fn words_are_stored_where_bytes_are_read() {
        let pages = Pages::new(64).unwrap();
        assert!(pages.store_u64(8, 0x0807_0605_0403_0201_u64.to_le()));
        assert!(pages.store_u32(16, 0x0c0b_0a09_u32.to_le()));
        let mut bytes = [0; 12];
        assert!(pages.read(8, &mut bytes));
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn empty_and_endless_requests_are_refused() {
        assert!(Pages::new(0).is_err());
        assert!(Pages::new(usize::MAX).is_err());
    }

    #[test]
    fn a_window_of_a_file_is_shared_and_must_lie_inside_it() {
        let file = rustix::fs::memfd_create("pages", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let page = rustix::param::page_size();
        rustix::fs::ftruncate(&file, 3 * page as u64).unwrap();
        let one = Pages::from_file(&file, page as u64, page).unwrap();
        let all = Pages::from_file(&file, 0, 3 * page).unwrap();
        assert!(one.write(5, b"here"));
        let mut bytes = [0; 4];
        assert!(all.read(page + 5, &mut bytes));
        assert_eq!(&bytes, b"here");
        assert!(Pages::from_file(&file, 0, 3 * page + 1).is_err());
        assert!(Pages::from_file(&file, 1, page).is_err());
        assert!(Pages::from_file(&file, 0, 0).is_err());
    }
}
