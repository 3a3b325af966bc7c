//! Memory of this process that a card, a model's machine or another process reaches as well.
//!
//! The rule: such memory is [`Memory`], so no reference to its bytes exists, whoever writes
//! them and whenever.
//!
//! Not here: who reaches it from outside ([`open_pci`](crate::open_pci) gives the card's way).

use std::io;
use std::os::fd::AsFd;

use lockgate_shm::Memory;
use rustix::mm::MapFlags;

use crate::mapping::Mapping;

/// Bytes of the hugepages asked for.
const HUGE: usize = 2 << 20;

/// Fresh zeros, at least `bytes` of them: on 2 MiB hugepages when the system has some to spare
/// and `bytes` fills half of one, else on ordinary pages. They are populated, and a child
/// process does not inherit them.
///
/// # Errors
/// `InvalidInput` for 0 bytes or more than the address space; else the operating system's.
pub fn zeroed(bytes: usize) -> io::Result<Memory> {
    let huge = MapFlags::HUGETLB | MapFlags::HUGE_2MB;
    if bytes >= HUGE / 2
        && let Ok(mapping) = Mapping::anonymous(bytes, HUGE, huge)
    {
        return Ok(memory(mapping));
    }
    let page = rustix::param::page_size();
    Mapping::anonymous(bytes, page, MapFlags::empty()).map(memory)
}

/// The `bytes` bytes of `file` from `offset` on, shared with everyone who maps them: the memory
/// of a machine emulated in another process. They hold whatever the file holds.
///
/// They must lie inside the file for as long as they are mapped, or an access ends the process.
///
/// # Errors
/// The operating system's; `InvalidInput` for 0 bytes or an `offset` within a page.
pub fn shared(file: &impl AsFd, offset: u64, bytes: usize) -> io::Result<Memory> {
    Mapping::shared(file, offset, bytes).map(memory)
}

/// A mapping as memory that others may write.
fn memory(mapping: Mapping) -> Memory {
    let (base, bytes) = (mapping.base(), mapping.len());
    // SAFETY: mapped for reading and writing until its owner, the mapping, is dropped, and on a
    // page, so on a line; `Mapping` gives out no reference to it, and this its only address.
    unsafe { Memory::from_raw_parts(base, bytes, Box::new(mapping)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_memory_is_whole_pages_of_zeros() {
        let memory = zeroed(5000).unwrap();
        assert_eq!(memory.len() % rustix::param::page_size(), 0);
        assert!(memory.len() >= 5000);
        let mut bytes = vec![1; memory.len()];
        assert!(memory.read(0, &mut bytes));
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn large_memory_is_there_to_the_last_byte_with_and_without_hugepages() {
        // On a machine with hugepages to spare this is about those.
        let memory = zeroed(HUGE / 2 + 1).unwrap();
        let ordinary = HUGE / 2 + rustix::param::page_size();
        assert!([HUGE, ordinary].contains(&memory.len()), "{}", memory.len());
        assert!(memory.write(memory.len() - 1, &[7]));
        assert_eq!(memory.load_u32(memory.len() - 4), Some(0x0700_0000));
    }

    #[test]
    fn empty_and_endless_requests_are_refused() {
        assert!(zeroed(0).is_err());
        assert!(zeroed(usize::MAX).is_err());
    }

    #[test]
    fn a_window_of_a_file_is_shared_and_begins_with_a_page_of_it() {
        let file = rustix::fs::memfd_create("pages", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let page = rustix::param::page_size();
        rustix::fs::ftruncate(&file, 3 * page as u64).unwrap();
        let one = shared(&file, page as u64, page).unwrap();
        let all = shared(&file, 0, 3 * page).unwrap();
        assert!(one.write(5, b"here"));
        let mut bytes = [0; 4];
        assert!(all.read(page + 5, &mut bytes));
        assert_eq!(&bytes, b"here");
        assert!(shared(&file, 1, page).is_err());
        assert!(shared(&file, 0, 0).is_err());
    }
}
