//! The client's memory as the card's: DMA mappings.
//!
//! Memory comes as a file descriptor and is mapped into this process. A file that could
//! shrink would take mapped memory away and end the process with it, so only files that
//! are sealed against that are taken, and only within their size. Memory without a
//! descriptor, and a ROM, cannot be mapped: the card's DMA there faults.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use lockgate_drivers::device::Iova;
use lockgate_host::dma;
use lockgate_nicmodel::Model;
use rustix::fs::SealFlags;
use rustix::io::Errno;

use super::message::Request;

/// The most mappings at a time.
pub(crate) const MOST: usize = 1 << 14;

/// Mappings are of whole pages of this many bytes.
const PAGE: u64 = 4096;

/// DMA_MAP: the card may write.
const WRITABLE: u32 = 1 << 1;

/// DMA_UNMAP: all there is.
const ALL: u32 = 1 << 1;

const UNSEALED: &str = "the client's memory is not sealed against shrinking and so not used: \
                        let QEMU have it as memory-backend-memfd with share=on";

/// DMA_MAP: flags, offset in the file, address, size.
pub(crate) fn map(model: &Model, request: &mut Request) -> Result<Vec<u8>, Errno> {
    let flags = request.word(4)?;
    let [offset, address, size] = [8, 16, 24].map(|at| request.quad(at));
    let (offset, address, size) = (offset?, address?, size?);
    if size == 0
        || [offset, address, size]
            .iter()
            .any(|number| number % PAGE != 0)
    {
        return Err(Errno::INVAL);
    }
    let Some(file) = std::mem::take(&mut request.files).pop() else {
        return Ok(Vec::new());
    };
    let writable = flags & WRITABLE != 0;
    let bytes = usize::try_from(size).map_err(|_| Errno::INVAL)?;
    let memory = check(&file, offset, size)
        .and_then(|()| dma::shared(&file, offset, bytes).map_err(|error| errno(&error)));
    let memory = match memory {
        Ok(memory) => memory,
        // A ROM: it need not be sealed, nor may it be mapped as memory is.
        Err(Errno::PERM | Errno::ACCESS) if !writable => return Ok(Vec::new()),
        Err(error) => {
            if error == Errno::PERM {
                eprintln!("lockgate-nicmodel: {UNSEALED}");
            }
            return Err(error);
        }
    };
    let mapped = model.map_at(Iova::new(address), Arc::new(memory), writable);
    mapped.map_err(|error| errno(&error))?;
    Ok(Vec::new())
}

/// DMA_UNMAP: flags, address, size; answered by itself.
pub(crate) fn unmap(model: &Model, request: &Request) -> Result<Vec<u8>, Errno> {
    let flags = request.word(4)?;
    let (address, size) = (request.quad(8)?, request.quad(16)?);
    let range = match flags & ALL {
        0 => {
            // The last address may be the last there is.
            let ahead = size.checked_sub(1).ok_or(Errno::INVAL)?;
            address..=address.checked_add(ahead).ok_or(Errno::INVAL)?
        }
        _ => 0..=u64::MAX,
    };
    model.unmap_all(range).map_err(|error| errno(&error))?;
    Ok(request.payload[..24].to_vec())
}

/// Whether `size` bytes of the file from `offset` on are there to stay.
fn check(file: &OwnedFd, offset: u64, size: u64) -> Result<(), Errno> {
    // Files that know no seals refuse the question.
    let seals = rustix::fs::fcntl_get_seals(file).unwrap_or(SealFlags::empty());
    if !seals.contains(SealFlags::SHRINK) {
        return Err(Errno::PERM);
    }
    let length = u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or(0);
    match offset.checked_add(size) {
        Some(end) if end <= length => Ok(()),
        _ => Err(Errno::INVAL),
    }
}

/// The error's number, or the one that its kind stands for.
fn errno(error: &std::io::Error) -> Errno {
    use std::io::ErrorKind::{AlreadyExists, QuotaExceeded};
    Errno::from_io_error(error).unwrap_or(match error.kind() {
        AlreadyExists => Errno::EXIST,
        QuotaExceeded => Errno::NOSPC,
        _ => Errno::INVAL,
    })
}
