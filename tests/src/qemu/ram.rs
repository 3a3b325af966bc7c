//! The emulated machine's memory: a file that both processes map.
//!
//! Windows of it are handed out as DMA memory. An address of the NIC is an offset
//! into the file, and a window is used again only when its last owner is gone.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process;
use std::sync::{Arc, Mutex, Weak};

use lockgate_drivers::device::{Iommu, Iova};
use lockgate_drivers::sys::Pages;
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
    /// Where this process sees it.
    address: usize,
    owner: Owner,
}

enum Owner {
    /// Handed out, not mapped yet.
    Caller,
    /// The NIC may reach it.
    Nic(Weak<Pages>),
    /// Unmapped; free as soon as its pages are dropped.
    Past(Weak<Pages>),
}

impl Window {
    fn is_free(&self) -> bool {
        matches!(&self.owner, Owner::Past(pages) if pages.strong_count() == 0)
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
    fn allocate(&self, bytes: usize) -> io::Result<Pages> {
        let bytes = (bytes.max(1) as u64).next_multiple_of(PAGE);
        let mut windows = lock(&self.windows);
        let offset = self.place(&mut windows, bytes)?;
        let size = usize::try_from(bytes).map_err(io::Error::other)?;
        let pages = Pages::from_file(&self.file, offset, size)?;
        windows.all.push(Window {
            offset,
            bytes,
            address: pages.address(),
            owner: Owner::Caller,
        });
        Ok(pages)
    }

    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        let mut windows = lock(&self.windows);
        let window = windows.all.iter_mut().find(|window| {
            window.address == pages.address() && matches!(window.owner, Owner::Caller)
        });
        let Some(window) = window else {
            let reason = "only memory that this domain allocated can be mapped";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        };
        window.owner = Owner::Nic(Arc::downgrade(pages));
        Ok(Iova::new(window.offset))
    }

    fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()> {
        let mut windows = lock(&self.windows);
        let window = windows
            .all
            .iter_mut()
            .find(|window| window.offset == iova.get() && window.bytes == bytes as u64);
        if let Some(window) = window
            && let Owner::Nic(pages) = &window.owner
        {
            window.owner = Owner::Past(pages.clone());
            return Ok(());
        }
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_used_again_zeroed_once_its_pages_are_dropped() {
        let ram = Ram::new(64 << 20).unwrap();
        let first = Arc::new(ram.allocate(8192).unwrap());
        let iova = ram.map(&first).unwrap();
        assert!(first.write(0, b"secret"));
        ram.unmap(iova, 8192).unwrap();

        let second = Arc::new(ram.allocate(8192).unwrap());
        assert_ne!(
            ram.map(&second).unwrap(),
            iova,
            "the first still has an owner"
        );

        drop(first);
        let third = Arc::new(ram.allocate(8192).unwrap());
        assert_eq!(ram.map(&third).unwrap(), iova);
        let mut bytes = [1; 6];
        assert!(third.read(0, &mut bytes));
        assert_eq!(bytes, [0; 6]);
    }

    #[test]
    fn memory_of_another_domain_is_not_mapped() {
        let ram = Ram::new(64 << 20).unwrap();
        let foreign = Arc::new(Pages::new(4096).unwrap());
        assert!(ram.map(&foreign).is_err());
    }

    #[test]
    fn the_machine_runs_out_of_memory_with_an_error() {
        let ram = Ram::new(32 << 20).unwrap();
        assert!(ram.allocate(15 << 20).is_ok());
        assert!(ram.allocate(2 << 20).is_err());
    }
}
