//! The emulated machine's memory: a file that both processes map.
//!
//! Windows of it are handed out as DMA memory. An address of the NIC is an offset
//! into the file, and a window is used again only when its last owner is gone.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process;
use std::sync::{Arc, Mutex, Weak};

use lockgate_drivers::device::{BusError, DmaMemory, Iommu, Iova};
use lockgate_host::dma;
use lockgate_shm::Memory;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};

use crate::emulator::lock;

/// Windows start above what a PC keeps for its own devices.
const FIRST: u64 = 16 << 20;

/// Windows are whole pages of this size.
const PAGE: u64 = 4096;

pub(super) struct Ram {
    file: OwnedFd,
    bytes: u64,
    windows: Mutex<Windows>,
}

#[derive(Default)]
struct Windows {
    /// Where no window has been yet, relative to [`FIRST`].
    next: u64,
    all: Vec<Window>,
}

struct Window {
    offset: u64,
    bytes: u64,
    memory: Weak<Memory>,
    /// Gone once the NIC may no longer reach it.
    reach: Weak<()>,
}

impl Window {
    fn is_free(&self) -> bool {
        self.memory.strong_count() == 0 && self.reach.strong_count() == 0
    }
}

impl Ram {
    pub(super) fn new(bytes: u64) -> io::Result<Self> {
        let file = memfd_create("lockgate-guest", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, bytes)?;
        Ok(Self {
            file,
            bytes,
            windows: Mutex::default(),
        })
    }

    /// The memory, as `-object` takes it. The path names a descriptor of this
    /// process, so that no file is left behind.
    pub(super) fn backend(&self) -> String {
        format!(
            "memory-backend-file,id=ram,size={},mem-path=/proc/{}/fd/{},share=on",
            self.bytes,
            process::id(),
            self.file.as_raw_fd()
        )
    }

    /// Finds room, of an old window if one fits.
    fn place(&self, windows: &mut Windows, bytes: u64) -> io::Result<u64> {
        let old = windows
            .all
            .iter()
            .position(|window| window.bytes == bytes && window.is_free());
        if let Some(index) = old {
            let window = windows.all.swap_remove(index);
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            fallocate(&self.file, hole, window.offset, bytes)?;
            return Ok(window.offset);
        }
        let offset = FIRST + windows.next;
        if bytes > self.bytes - offset.min(self.bytes) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        windows.next += bytes;
        Ok(offset)
    }
}

impl Iommu for Ram {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let bytes = (bytes.max(1) as u64).next_multiple_of(PAGE);
        let mut windows = lock(&self.windows);
        let offset = self.place(&mut windows, bytes).map_err(BusError::other)?;
        let size = usize::try_from(bytes).map_err(BusError::other)?;
        let memory = dma::shared(&self.file, offset, size).map_err(BusError::other)?;
        let (memory, reach) = (Arc::new(memory), Arc::new(()));
        windows.all.push(Window {
            offset,
            bytes,
            memory: Arc::downgrade(&memory),
            reach: Arc::downgrade(&reach),
        });
        Ok(DmaMemory {
            iova: Iova::new(offset),
            guard: Box::new(reach),
            memory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_used_again_zeroed_once_its_memory_is_dropped() {
        let ram = Ram::new(64 << 20).unwrap();
        let DmaMemory {
            iova,
            guard,
            memory,
        } = ram.map(8192).unwrap();
        assert!(memory.write(0, b"secret"));
        drop(guard);
        let second = ram.map(8192).unwrap();
        assert_ne!(second.iova, iova, "the first still has an owner");

        drop(memory);
        let third = ram.map(8192).unwrap();
        assert_eq!(third.iova, iova);
        let mut bytes = [1; 6];
        assert!(third.memory.read(0, &mut bytes));
        assert_eq!(bytes, [0; 6]);
    }

    #[test]
    fn the_machine_runs_out_of_memory_with_an_error() {
        let ram = Ram::new(32 << 20).unwrap();
        assert!(ram.map(15 << 20).is_ok());
        assert!(ram.map(2 << 20).is_err());
    }
}
