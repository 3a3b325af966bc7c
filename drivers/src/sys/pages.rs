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

use rustix::mm::MapFlags;

use super::mapping::Mapping;

/// Bytes of the hugepages asked for.
const HUGE: usize = 2 << 20;

/// From how many bytes on hugepages are worth what rounding up wastes.
const HUGE_FROM: usize = HUGE / 2;

/// Whole pages, readable and writable.
#[derive(Debug)]
pub struct Pages {
    mapping: Mapping,
    huge: bool,
}

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
        let flags = MapFlags::HUGETLB | MapFlags::HUGE_2MB;
        if bytes >= HUGE_FROM
            && let Ok(mapping) = Mapping::anonymous(round_up(bytes, HUGE)?, flags)
        {
            let huge = true;
            return Ok(Self { mapping, huge });
        }
        let bytes = round_up(bytes, rustix::param::page_size())?;
        let mapping = Mapping::anonymous(bytes, MapFlags::empty())?;
        let huge = false;
        Ok(Self { mapping, huge })
    }

    /// Maps the `bytes` bytes of `file` from `offset` on, both whole pages, shared
    /// with everyone who maps them: the memory of a machine emulated in another
    /// process. They hold whatever the file holds.
    ///
    /// The file must not shrink while it is mapped, or an access ends the process.
    ///
    /// # Errors
    /// `InvalidInput` when the window is empty, not of whole pages or not inside
    /// the file; else the operating system's.
    pub fn from_file(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let size = u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or(0);
        let inside = offset.checked_add(bytes as u64).is_some_and(|end| end <= size);
        if !inside || !bytes.is_multiple_of(rustix::param::page_size()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mapping = Mapping::of_file(file, offset, bytes)?;
        let huge = false;
        Ok(Self { mapping, huge })
    }

    /// Length in bytes: what was asked for, rounded up to whole pages.
    #[expect(clippy::len_without_is_empty, reason = "pages are never empty")]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Whether these are hugepages.
    pub fn is_huge(&self) -> bool {
        self.huge
    }

    /// The address in this process, for the IOMMU.
    pub fn address(&self) -> usize {
        self.mapping.at(0, 0).map_or(0, |base| base.as_ptr().addr())
    }

    /// Copies the bytes at `offset` into `into`, tolerating concurrent writes;
    /// says false, and copies nothing, when they are not all inside.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(bytes) = self.atomics::<AtomicU8>(offset, into.len()) else {
            return false;
        };
        for (byte, into) in bytes.iter().zip(into) {
            *into = byte.load(Relaxed);
        }
        true
    }

    /// Copies `from` to the bytes at `offset`, tolerating concurrent reads; says
    /// false, and copies nothing, when they are not all inside.
    ///
    /// This is the hand of a NIC made of software: like a real one it must stay
    /// out of buffers that it was not given.
    pub fn write(&self, offset: usize, from: &[u8]) -> bool {
        let Some(bytes) = self.atomics::<AtomicU8>(offset, from.len()) else {
            return false;
        };
        for (byte, &from) in bytes.iter().zip(from) {
            byte.store(from, Relaxed);
        }
        true
    }

    /// The 8-byte word at `offset` (a multiple of 8), in host byte order, and
    /// everything stored before it was.
    pub fn load_u64(&self, offset: usize) -> Option<u64> {
        let word = self.atomics::<AtomicU64>(offset, 1)?.first()?;
        Some(word.load(Acquire))
    }

    /// Stores the 8-byte word at `offset` (a multiple of 8) after everything
    /// stored before; false when it is not inside.
    pub fn store_u64(&self, offset: usize, value: u64) -> bool {
        let words = self.atomics::<AtomicU64>(offset, 1).unwrap_or(&[]);
        words.iter().for_each(|word| word.store(value, Release));
        !words.is_empty()
    }

    /// As [`Pages::load_u64`], for 4 bytes at a multiple of 4.
    pub fn load_u32(&self, offset: usize) -> Option<u32> {
        let word = self.atomics::<AtomicU32>(offset, 1)?.first()?;
        Some(word.load(Acquire))
    }

    /// As [`Pages::store_u64`], for 4 bytes at a multiple of 4.
    pub fn store_u32(&self, offset: usize, value: u32) -> bool {
        let words = self.atomics::<AtomicU32>(offset, 1).unwrap_or(&[]);
        words.iter().for_each(|word| word.store(value, Release));
        !words.is_empty()
    }

    /// `count` atomics at byte `offset`, if they are inside and aligned.
    pub(super) fn atomics<T: Atomic>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let first = self.mapping.at(offset, size_of::<T>().checked_mul(count)?)?;
        let first = first.cast::<T>();
        if !first.is_aligned() {
            return None;
        }
        // SAFETY: `count` atomics lie inside the mapping (`at`), aligned, and any
        // bits are a valid atomic.
        Some(unsafe { std::slice::from_raw_parts(first.as_ptr(), count) })
    }

    /// The address of the `bytes` bytes at `offset`, if they are inside.
    pub(super) fn at(&self, offset: usize, bytes: usize) -> Option<NonNull<u8>> {
        self.mapping.at(offset, bytes)
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
