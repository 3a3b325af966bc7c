//! A PCI function in user space: VFIO with group and container.
//!
//! The rule: there is no device without an IOMMU domain that confines it, and the
//! kernel takes everything back, DMA first, when the last handle goes. VFIO's mode
//! without an IOMMU cannot come about: its groups have files of another name
//! (`noiommu-7`), and a container of the one type asked for here refuses them.
//!
//! Source: Linux `Documentation/driver-api/vfio.rst`, `include/uapi/linux/vfio.h`. Not
//! here: finding the group, and what to do about a failure ([`crate::OpenError`]).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockgate_vmdq::PciAddress;
use rustix::event::EventfdFlags;

use super::ioctl::{exchange, request};
use super::{Mmio, Pages};
use crate::device::{Function, Iommu, Iova};
use crate::error::OpenError;
use crate::open::open_file;

/// The IOMMU type of containers: pages are pinned as they are mapped, and a mapping
/// is ended as a whole.
const TYPE1_V2: usize = 3;

/// Where I/O virtual addresses begin. From here on are neither message interrupts nor
/// what firmware keeps for itself; the kernel refuses whatever an IOMMU cannot do.
const FIRST: u64 = 1 << 32;

/// Bytes of a hugepage.
const HUGE: u64 = 2 << 20;

/// Regions of a PCI device: BAR 0 and configuration space.
const BAR0: u64 = 0;
const CONFIG: u64 = 7;

/// Interrupts of a PCI device that concern the device as such: an error that AER
/// reported, and the kernel's wish to have it back.
const ERROR: u64 = 3;
const REQUEST: u64 = 4;

/// PCI COMMAND, and its bits for memory space and bus mastering.
const COMMAND: u64 = 4;
const MEMORY: u16 = 1 << 1;
const MASTER: u16 = 1 << 2;

/// One PCI function, and the IOMMU domain that it is alone in or shares with its
/// group.
pub(crate) struct Vfio {
    // Closed in this order: the kernel disables the device before it ends its domain.
    device: File,
    _group: File,
    container: File,
    /// Where PCI COMMAND is in the device's file.
    command: u64,
    /// The first I/O virtual address never given out. A stale one never meets other
    /// memory, as none is used twice.
    next: AtomicU64,
}

/// Says whether the kernel or the PCI bus has reported that the card is in trouble
/// or must be given back.
#[derive(Debug)]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// Whether something was reported since the last call.
    pub fn raised(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]).is_ok()
    }
}

impl Vfio {
    /// Opens the device at `pci` through its group: the function, its registers and
    /// its alarm.
    pub(crate) fn open(pci: PciAddress, group: u32) -> Result<(Self, Mmio, Alarm), OpenError> {
        let _group = open_file(&format!("/dev/vfio/{group}"))?;
        let container = open_file("/dev/vfio/vfio")?;
        if !attach(&_group, &container).map_err(|source| OpenError::Iommu { pci, source })? {
            return Err(OpenError::GroupNotViable { pci, group });
        }
        let (device, command, bar, alarm) =
            device(&_group, pci).map_err(|source| OpenError::Device { pci, source })?;
        let next = AtomicU64::new(FIRST);
        Ok((
            Self {
                device,
                _group,
                container,
                command,
                next,
            },
            bar,
            alarm,
        ))
    }
}

/// Makes `container` the IOMMU domain of `group`; false when some device of the group
/// still belongs to the kernel.
fn attach(group: &File, container: &File) -> io::Result<bool> {
    // SAFETY: VFIO_GROUP_GET_STATUS takes length and flags.
    let [status] = unsafe { exchange(group, 103, [0]) }?;
    if status >> 32 & 1 == 0 {
        return Ok(false);
    }
    let mut fd = container.as_raw_fd();
    // SAFETY: VFIO_GROUP_SET_CONTAINER takes a pointer to a descriptor.
    unsafe { request(group, 104, (&raw mut fd).cast()) }?;
    // SAFETY: VFIO_SET_IOMMU takes a number.
    unsafe { request(container, 102, without_provenance_mut(TYPE1_V2)) }?;
    Ok(true)
}

/// The file of the device at `pci`, where PCI COMMAND is in it, registers and alarm.
fn device(group: &File, pci: PciAddress) -> io::Result<(File, u64, Mmio, Alarm)> {
    let name = format!("{pci}\0");
    // SAFETY: VFIO_GROUP_GET_DEVICE_FD takes a string, ended by 0, that it only reads.
    let fd = unsafe { request(group, 106, name.as_ptr().cast_mut().cast()) }?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    let device = unsafe { File::from_raw_fd(fd) };
    let [bytes, at] = region(&device, BAR0)?;
    let bar = Mmio::map(&device, at, bytes as usize)?;
    let [_, config] = region(&device, CONFIG)?;
    let alarm = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    for interrupt in [ERROR, REQUEST] {
        // One eventfd that is triggered (VFIO_IRQ_SET_DATA_EVENTFD, ACTION_TRIGGER).
        let (flags, fd) = (1 << 2 | 1 << 5, alarm.as_raw_fd() as u64);
        let words = [flags << 32, interrupt, 1 | fd << 32];
        // A card or kernel without the one or the other just never raises it.
        // SAFETY: VFIO_DEVICE_SET_IRQS takes length, flags, index, start and count,
        // then that many descriptors: one.
        let _ = unsafe { exchange(&device, 110, words) };
    }
    Ok((device, config + COMMAND, bar, Alarm(alarm)))
}

/// Length of a region in bytes, and its offset in the device's file.
fn region(device: &File, index: u64) -> io::Result<[u64; 2]> {
    // SAFETY: VFIO_DEVICE_GET_REGION_INFO takes length, flags, index and offset of
    // capabilities, then size and offset as long words.
    let [.., bytes, at] = unsafe { exchange(device, 108, [0, index, 0, 0]) }?;
    Ok([bytes, at])
}

impl Iommu for Vfio {
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        let (address, bytes) = (pages.address() as u64, pages.len() as u64);
        let iova = take(&self.next, bytes);
        let read_write = 1 | 2;
        // SAFETY: VFIO_IOMMU_MAP_DMA takes length, flags and three long words. The
        // device gets what is behind `pages`, which are there to be shared with one,
        // and which the kernel pins, so that they outlive their owner.
        unsafe {
            exchange(
                &self.container,
                113,
                [read_write << 32, address, iova, bytes],
            )
        }?;
        Ok(Iova::new(iova))
    }

    fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        // SAFETY: VFIO_IOMMU_UNMAP_DMA takes length, flags and two long words.
        let [.., done] = unsafe { exchange(&self.container, 114, [0, iova.get(), bytes]) }?;
        if done == bytes {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }
}

impl Function for Vfio {
    fn reset(&self) -> io::Result<()> {
        // SAFETY: VFIO_DEVICE_RESET takes nothing.
        let done = unsafe { request(&self.device, 111, null_mut()) };
        done.map(drop).map_err(|error| match error.kind() {
            // So the kernel says that there is no way to reset this device.
            io::ErrorKind::InvalidInput => io::ErrorKind::Unsupported.into(),
            _ => error,
        })
    }

    fn set_bus_master(&self, on: bool) -> io::Result<()> {
        let mut command = [0; 2];
        self.device.read_exact_at(&mut command, self.command)?;
        let others = u16::from_le_bytes(command) & !MASTER | MEMORY;
        let command = if on { others | MASTER } else { others };
        self.device
            .write_all_at(&command.to_le_bytes(), self.command)
    }
}

/// Takes `bytes` bytes of I/O virtual addresses: a whole number of hugepages, so that
/// what is one in memory becomes one in the IOMMU's tables, and at least a page more,
/// so that an overrun is a fault.
fn take(next: &AtomicU64, bytes: u64) -> u64 {
    next.fetch_add((bytes / HUGE + 1) * HUGE, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_mappings_touch_and_none_is_where_interrupts_are() {
        let next = AtomicU64::new(FIRST);
        let mut end = 0xFEF0_0000;
        for pages in (1..=1500).chain([1]) {
            let bytes = pages * 4096;
            let first = take(&next, bytes);
            assert!(first > end, "{first:#x} after {end:#x}");
            assert!(first.is_multiple_of(HUGE));
            end = first + bytes;
        }
        assert!(end < 1 << 39, "within the narrowest IOMMU of VT-d");
    }
}
