//! Files in memory: mapped whole, and unmapped when the last user lets go.
//!
//! The rule: a mapping is only reached as [`Memory`], by atomics and by copies that may race,
//! for another process maps the same file. Whoever maps a file vouches that it keeps its size,
//! by a seal; an access to a page that is cut off would end the process.
//!
//! Not here: which files, and who may have them.

use std::os::fd::AsFd;
use std::ptr::{self, NonNull};

use lockgate_shm::{Access, Memory, ReadOnly, ReadWrite};
use rustix::io::{Errno, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A mapping, until drop.
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping is an address, the same in every thread.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of `mmap`, and whoever reaches the memory keeps
        // the mapping. An error could only mean that nothing was mapped.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Maps the first `bytes` bytes of `file` for reading and writing.
pub(crate) fn read_write(file: impl AsFd, bytes: usize) -> Result<Memory> {
    map::<ReadWrite>(file, bytes, ProtFlags::READ | ProtFlags::WRITE)
}

/// Maps the first `bytes` bytes of `file` for reading.
pub(crate) fn read_only(file: impl AsFd, bytes: usize) -> Result<Memory<ReadOnly>> {
    map(file, bytes, ProtFlags::READ)
}

/// Maps a file; the caller chooses the access that `protection` allows.
fn map<A: Access>(file: impl AsFd, bytes: usize, protection: ProtFlags) -> Result<Memory<A>> {
    // Populated, so that no frame waits for a page fault.
    let flags = MapFlags::SHARED | MapFlags::POPULATE;
    // SAFETY: without a wish for an address the kernel picks one that is unused.
    let base = unsafe { mmap(ptr::null_mut(), bytes, protection, flags, file, 0) }?;
    let base = NonNull::new(base.cast()).ok_or(Errno::FAULT)?;
    let owner = Box::new(Mapping { base, bytes });
    // SAFETY: pages, aligned to more than a line, mapped as `A` needs them until `owner` is
    // dropped, and this function gives their address to nobody else.
    Ok(unsafe { Memory::from_raw_parts(base, bytes, owner) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockgate_shm::Words;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::{pread, pwrite};

    use super::*;

    #[test]
    fn a_mapping_is_the_file_and_goes_with_its_last_user() {
        let file = memfd_create("lockgate-mapping-test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let mapped = || {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            maps.contains("lockgate-mapping-test")
        };
        let memory = read_write(&file, 4096).unwrap();
        assert!(memory.store_u64(8, 7));
        let mut word = [0; 8];
        pread(&file, &mut word, 8).unwrap();
        assert_eq!(u64::from_ne_bytes(word), 7);
        let words = Words::new(&Arc::new(memory), 0, 2).unwrap();
        let reader = read_only(&file, 4096).unwrap();
        pwrite(&file, &9_u64.to_ne_bytes(), 0).unwrap();
        assert_eq!((words.load(0), reader.load_u64(0)), (9, Some(9)));
        drop(reader);
        assert!(mapped());
        drop(words);
        assert!(!mapped());
    }
}
