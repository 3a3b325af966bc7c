//! A PCI function in user space: VFIO with group and container.
//!
//! The rule: there is no device without an IOMMU domain that confines it, and the
//! kernel takes everything back, DMA first, when the last handle goes.
//!
//! Source: Linux `Documentation/driver-api/vfio.rst`. Not here: finding the group
//! and explaining what failed ([`crate::open_pci`]).

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::EventfdFlags;

use super::{Mmio, Pages, ioctl};
use crate::device::{Function, Iommu, Iova};
use crate::iova::{Range, Space};

/// Regions of a PCI device: BAR 0 and configuration space.
const BAR0: u32 = 0;
const CONFIG: u32 = 7;

/// Interrupts of a PCI device that concern the device as such: an error that AER
/// reported, and the kernel's wish to have it back.
const ERROR: u32 = 3;
const REQUEST: u32 = 4;

/// PCI COMMAND, and its bits for memory space and bus mastering.
const COMMAND: u64 = 4;
const MEMORY: u16 = 1 << 1;
const MASTER: u16 = 1 << 2;

/// Which step of opening failed, and how.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Opening /dev/vfio/vfio.
    Container(io::Error),
    /// Opening the group's file.
    Group(io::Error),
    /// Some device of the group still belongs to the kernel.
    NotViable,
    /// Putting the group behind an IOMMU.
    Iommu(io::Error),
    /// Opening the device or its registers.
    Device(io::Error),
}

/// One PCI function, and the IOMMU domain that it is alone in or shares with its
/// group.
#[derive(Debug)]
pub(crate) struct Vfio {
    // Closed in this order: the kernel disables the device before it ends its domain.
    device: OwnedFd,
    _group: File,
    container: OwnedFd,
    /// Where configuration space is in the device's file.
    config: u64,
    resettable: bool,
    space: Mutex<Space>,
}

/// Says whether the kernel or the PCI bus has reported that the card is in trouble
/// or must be given back. Can be polled: readable means raised.
#[derive(Debug, Clone)]
pub struct Alarm(Arc<OwnedFd>);

impl Alarm {
    /// Whether something was reported since the last call.
    pub fn raised(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Vfio {
    /// Opens device `name` through the group file `group`: the function, its
    /// registers and its alarm.
    pub(crate) fn open(
        container: &Path,
        group: &Path,
        name: &CStr,
    ) -> Result<(Self, Mmio, Alarm), Failure> {
        let open = |path| OpenOptions::new().read(true).write(true).open(path);
        let group = open(group).map_err(Failure::Group)?;
        let container: OwnedFd = open(container).map_err(Failure::Container)?.into();
        if !ioctl::is_viable(&group).map_err(Failure::Group)? {
            return Err(Failure::NotViable);
        }
        let space = attach(&group, &container).map_err(Failure::Iommu)?;
        let device = ioctl::device(&group, name).map_err(Failure::Device)?;
        let parts = Self::parts(&device).map_err(Failure::Device)?;
        let (bar, config, resettable, alarm) = parts;
        let vfio =
            Self { device, _group: group, container, config, resettable, space: Mutex::new(space) };
        Ok((vfio, bar, alarm))
    }

    fn parts(device: &OwnedFd) -> io::Result<(Mmio, u64, bool, Alarm)> {
        let (at, bytes) = ioctl::region(device, BAR0)?;
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let bar = Mmio::map(device, at, bytes)?;
        let (config, _) = ioctl::region(device, CONFIG)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let alarm = rustix::event::eventfd(0, flags)?;
        for interrupt in [ERROR, REQUEST] {
            // A card or kernel without the one or the other just never raises it.
            let _ = ioctl::signal(device, interrupt, &alarm);
        }
        let resettable = ioctl::can_reset(device)?;
        Ok((bar, config, resettable, Alarm(Arc::new(alarm))))
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes `container` the IOMMU domain of `group`; says which addresses it has. There
/// is no step to VFIO's mode without an IOMMU.
fn attach(group: &File, container: &OwnedFd) -> io::Result<Space> {
    if ioctl::api_version(container)? != 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    ioctl::set_container(group, container)?;
    let second = ioctl::supports(container, ioctl::TYPE1_V2)?;
    let kind = if second { ioctl::TYPE1_V2 } else { ioctl::TYPE1 };
    ioctl::set_iommu(container, kind)?;
    let info = ioctl::iommu_info(container)?;
    Ok(Space::new(valid_ranges(&info)))
}

/// The address ranges in a `vfio_iommu_type1_info`, if it has them: the chain of
/// capabilities starts at the byte offset in word 4 while bit 1 of the flags, word 1,
/// is set; each begins with identifier and version, and the offset of the next.
fn valid_ranges(info: &[u32]) -> Option<Vec<Range>> {
    let at = |word: usize| Some(*info.get(word)? as usize / 4);
    let mut capability = (info.get(1)? & 2 != 0).then(|| at(4))??;
    // Identifier 1 in version 1: a count, then pairs of first and last address.
    while *info.get(capability)? != 1 | 1 << 16 {
        let next = at(capability + 1)?;
        capability = (next > capability).then_some(next)?;
    }
    let count = *info.get(capability + 2)? as usize;
    let ranges = info.get(capability + 4..)?.as_chunks::<4>().0.get(..count)?;
    let range = |&[first, first_high, last, last_high]: &[u32; 4]| Range {
        first: ioctl::join(first, first_high),
        last: ioctl::join(last, last_high),
    };
    Some(ranges.iter().map(range).collect())
}

impl Iommu for Vfio {
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        // What is a hugepage here becomes one in the IOMMU's tables.
        let align = if pages.is_huge() { 2 << 20 } else { 4096 };
        let bytes = pages.len() as u64;
        let iova = self.space().take(bytes, align);
        let iova = iova.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mapped = ioctl::map(&self.container, pages.address() as u64, iova.get(), bytes);
        if mapped.is_err() {
            self.space().give(iova);
        }
        mapped.map(|()| iova)
    }

    fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        if ioctl::unmap(&self.container, iova.get(), bytes)? != bytes {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.space().give(iova);
        Ok(())
    }
}

impl Function for Vfio {
    fn reset(&self) -> io::Result<()> {
        match self.resettable {
            true => ioctl::reset(&self.device),
            false => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn set_bus_master(&self, on: bool) -> io::Result<()> {
        let at = self.config + COMMAND;
        let mut command = [0; 2];
        whole(rustix::io::pread(&self.device, &mut command, at)?)?;
        let before = u16::from_le_bytes(command) | MEMORY;
        let after = if on { before | MASTER } else { before & !MASTER };
        whole(rustix::io::pwrite(&self.device, &after.to_le_bytes(), at)?)
    }
}

/// Configuration space takes and gives two bytes or none.
fn whole(bytes: usize) -> io::Result<()> {
    match bytes {
        2 => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_ranges_are_found_behind_other_capabilities() {
        let structure = [88, 3, 0x1000, 0, 24, 0];
        let available = [3 | 1 << 16, 40, 65535, 0];
        let ranges = [1 | 1 << 16, 0, 2, 0];
        let pairs = [0, 0, 0xFEDF_FFFF, 0, 0xFEF0_0000, 0, 0xFFFF_FFFF, 0x7F];
        let info = [&structure[..], &available, &ranges, &pairs].concat();
        let ranges = valid_ranges(&info).unwrap();
        let expected = [(0, 0xFEDF_FFFF), (0xFEF0_0000, 0x7F_FFFF_FFFF)];
        assert_eq!(ranges, expected.map(|(first, last)| Range { first, last }));
    }

    #[test]
    fn an_answer_without_ranges_or_in_circles_has_none() {
        assert_eq!(valid_ranges(&[24, 1, 0x1000, 0, 0, 0]), None);
        let circle = &[40, 3, 0, 0, 24, 0, 3 | 1 << 16, 24, 0, 0];
        assert_eq!(valid_ranges(circle), None);
        let short = &[40, 3, 0, 0, 24, 0, 1 | 1 << 16, 0, 2, 0];
        assert_eq!(valid_ranges(short), None);
        assert_eq!(valid_ranges(&[24, 3, 0, 0, u32::MAX, 0]), None);
    }
}
