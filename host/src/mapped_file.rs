//! Whole files as memory of lanes.
//!
//! The rule: such a mapping is only reached as [`Memory`], by atomics and by copies that may
//! race, for another process maps the same file. Whoever maps a file here has seen a seal that
//! it keeps its size; an access to a page that is cut off would end the process.
//!
//! Not here: which files, and who may have them ([`crate::memfd`]).

use std::io;
use std::os::fd::AsFd;

use lockgate_shm::{Access, Memory, ReadOnly, ReadWrite};
use rustix::mm::ProtFlags;

use crate::mapping::Mapping;

/// Maps the first `bytes` bytes of `file` for reading and writing.
pub(crate) fn read_write(file: impl AsFd, bytes: usize) -> io::Result<Memory> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    Mapping::populated(file, bytes, protection).map(memory::<ReadWrite>)
}

/// Maps the first `bytes` bytes of `file` for reading.
pub(crate) fn read_only(file: impl AsFd, bytes: usize) -> io::Result<Memory<ReadOnly>> {
    Mapping::populated(file, bytes, ProtFlags::READ).map(memory)
}

/// A mapping as memory that others may write; the caller chooses the access that it allows.
fn memory<A: Access>(mapping: Mapping) -> Memory<A> {
    let (base, bytes) = (mapping.base(), mapping.len());
    // SAFETY: mapped as `A` needs it until its owner, the mapping, is dropped, and on a page, so
    // on a line; `Mapping` gives out no reference to it, and this its only address.
    unsafe { Memory::from_raw_parts(base, bytes, Box::new(mapping)) }
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
