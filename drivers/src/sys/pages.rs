//! Page-aligned memory that software and a NIC both touch.
//!
//! [`Pages`] are mapped from creation until drop and never move, so their address can
//! be given to an IOMMU, and every address in them is found by [`Pages::at`], which
//! checks. Software reaches the bytes through atomics and racy copies alone; the
//! exceptions are a frame being read or filled, in the ring memory of this module, where
//! the ring keeps the NIC away, and registers ([`super::Mmio`]).
//!
//! Not here: IOMMU mappings and who must outlive whom ([`crate::dma`]), and what a NIC made
//! of software does with them (`hand.rs`).

use std::io;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags};

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Bytes of the hugepages asked for.
const HUGE: usize = 2 << 20;

/// Whole pages, readable and writable.
#[derive(Debug)]
pub struct Pages {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the value, not to a thread.
unsafe impl Send for Pages {}

// SAFETY: shared, they give nothing but atomics and addresses.
unsafe impl Sync for Pages {}

impl Pages {
    /// Finds zeroed pages for at least `bytes` bytes: 2 MiB hugepages when the
    /// system has some to spare and `bytes` fills half of one, else ordinary pages.
    ///
    /// A child process does not inherit them.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than the address space; else the
    /// operating system's.
    pub fn new(bytes: usize) -> io::Result<Self> {
        if bytes >= HUGE / 2
            && let Ok(pages) = Self::anonymous(bytes, HUGE, MapFlags::HUGETLB | MapFlags::HUGE_2MB)
        {
            return Ok(pages);
        }
        Self::anonymous(bytes, rustix::param::page_size(), MapFlags::empty())
    }

    fn anonymous(bytes: usize, page: usize, flags: MapFlags) -> io::Result<Self> {
        let whole = bytes
            .checked_next_multiple_of(page)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE | flags;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps
        // nothing that Rust knows of.
        let base = unsafe { rustix::mm::mmap_anonymous(null_mut(), whole, READ_WRITE, flags) }?;
        Self::adopt(base.cast(), whole)
    }

    /// Maps the `bytes` bytes of `file` from `offset` on, shared with everyone who
    /// maps them: a device's registers, or the memory of a machine emulated in another
    /// process. They hold whatever the file holds.
    ///
    /// They must lie inside the file for as long as they are mapped, or an access ends
    /// the process.
    ///
    /// # Errors
    /// The operating system's; `InvalidInput` for 0 bytes or an `offset` within a page.
    pub fn from_file(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let flags = MapFlags::SHARED;
        // SAFETY: as in `anonymous`.
        let base = unsafe { rustix::mm::mmap(null_mut(), bytes, READ_WRITE, flags, file, offset) }?;
        Self::adopt(base.cast(), bytes)
    }

    /// Takes over a fresh mapping, and with it the duty to end it.
    fn adopt(base: *mut u8, bytes: usize) -> io::Result<Self> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        let pages = Self { base, bytes };
        // A forked child would share what only the core may reach and, by copy on
        // write, could take a pinned page away from this process.
        // SAFETY: the range is exactly the mapping just made.
        unsafe { rustix::mm::madvise(base.as_ptr().cast(), bytes, Advice::LinuxDontFork) }?;
        Ok(pages)
    }

    /// Length in bytes: what was asked for, rounded up to whole pages.
    #[expect(clippy::len_without_is_empty, reason = "pages are never empty")]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// The address in this process, for the IOMMU.
    pub fn address(&self) -> usize {
        self.base.as_ptr().addr()
    }

    /// The address of `count` values at byte `offset`, if they are inside and aligned.
    pub(super) fn at<T>(&self, offset: usize, count: usize) -> Option<NonNull<T>> {
        if offset.checked_add(count.checked_mul(size_of::<T>())?)? > self.bytes {
            return None;
        }
        // SAFETY: `offset <= bytes`, so the address is inside or just behind the end.
        let first = unsafe { self.base.add(offset) }.cast::<T>();
        first.is_aligned().then_some(first)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and nothing that borrows from the
        // value is left. Failure would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
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
        let pages = Pages::new(HUGE / 2 + 1).unwrap();
        let ordinary = HUGE / 2 + rustix::param::page_size();
        assert!([HUGE, ordinary].contains(&pages.len()), "{}", pages.len());
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
    fn a_window_of_a_file_is_shared_and_begins_with_a_page_of_it() {
        let file = rustix::fs::memfd_create("pages", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let page = rustix::param::page_size();
        rustix::fs::ftruncate(&file, 3 * page as u64).unwrap();
        let one = Pages::from_file(&file, page as u64, page).unwrap();
        let all = Pages::from_file(&file, 0, 3 * page).unwrap();
        assert!(one.write(5, b"here"));
        let mut bytes = [0; 4];
        assert!(all.read(page + 5, &mut bytes));
        assert_eq!(&bytes, b"here");
        assert!(Pages::from_file(&file, 1, page).is_err());
        assert!(Pages::from_file(&file, 0, 0).is_err());
    }
}
