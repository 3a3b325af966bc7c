//! A PCI function in user space: VFIO with group and container.
//!
//! The rule: there is no device without an IOMMU domain that confines it, nothing but DMA
//! memory made here is ever mapped into that domain, and the kernel takes everything back, DMA
//! first, when the last handle goes. VFIO's mode without an IOMMU cannot come about: its groups
//! have files of another name (`noiommu-7`), and a container of the one type asked for here
//! refuses them.
//!
//! Source: Linux `Documentation/driver-api/vfio.rst`, `include/uapi/linux/vfio.h`; names and
//! layouts are those of the crate `vfio-bindings`. Not here: finding the group, and what to do
//! about a failure ([`crate::OpenError`]).

use std::ffi::{CString, c_void};
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockgate_drivers::device::{BusError, DmaMemory, Function, Iommu, Iova};
use lockgate_shm::Memory;
use lockgate_vmdq::PciAddress;
use rustix::event::EventfdFlags;
use rustix::ioctl::{
    IntegerSetter, Ioctl, IoctlOutput, NoArg, Opcode, Setter, Updater, ioctl, opcode,
};
use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_GROUP_FLAGS_VIABLE,
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX, VFIO_TYPE,
    VFIO_TYPE1v2_IOMMU, vfio_group_status, vfio_iommu_type1_dma_map, vfio_iommu_type1_dma_unmap,
    vfio_irq_set, vfio_region_info,
};

use crate::dma;
use crate::error::{OpenError, remedy};
use crate::mmio::Mmio;

/// Opens one of VFIO's files.
fn open_file(path: &str) -> Result<File, OpenError> {
    let file = File::options().read(true).write(true).open(path);
    file.map_err(|source| {
        let remedy = remedy(source.kind());
        OpenError::File {
            path: path.to_owned(),
            remedy,
            source,
        }
    })
}

/// VFIO's requests are numbers from [`VFIO_BASE`] on, without direction or size.
const fn request(number: u8) -> Opcode {
    opcode::none(VFIO_TYPE, VFIO_BASE as u8 + number)
}

const SET_IOMMU: Opcode = request(2);
const GROUP_GET_STATUS: Opcode = request(3);
const GROUP_SET_CONTAINER: Opcode = request(4);
const GROUP_GET_DEVICE_FD: Opcode = request(6);
const DEVICE_GET_REGION_INFO: Opcode = request(8);
const DEVICE_SET_IRQS: Opcode = request(10);
const DEVICE_RESET: Opcode = request(11);
const IOMMU_MAP_DMA: Opcode = request(13);
const IOMMU_UNMAP_DMA: Opcode = request(14);

/// Where I/O virtual addresses begin. From here on are neither message interrupts nor what
/// firmware keeps for itself; the kernel refuses whatever an IOMMU cannot do.
const FIRST_IOVA: u64 = 1 << 32;

/// Bytes of a hugepage.
const HUGE: u64 = 2 << 20;

/// PCI COMMAND, and its bits for memory space and bus mastering.
const COMMAND: u64 = 4;
const COMMAND_MEMORY: u16 = 1 << 1;
const COMMAND_MASTER: u16 = 1 << 2;

/// One PCI function, and the IOMMU domain that it is alone in or shares with its group.
pub(crate) struct Vfio {
    // Closed in this order: the kernel disables the device before it ends its domain.
    device: File,
    _group: File,
    domain: Arc<Domain>,
    /// Where PCI COMMAND is in the device's file.
    command: u64,
}

/// What [`Vfio::open`] gives.
pub(crate) struct Opened {
    pub(crate) vfio: Vfio,
    pub(crate) registers: Mmio,
    pub(crate) alarm: Alarm,
}

/// Says whether the kernel or the PCI bus has reported that the card is in trouble or must be
/// given back.
#[derive(Debug)]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// Whether something was reported since the last call.
    pub fn raised(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]).is_ok()
    }
}

impl Vfio {
    /// Opens the device at `pci` through IOMMU group `group`.
    pub(crate) fn open(pci: PciAddress, group: u32) -> Result<Opened, OpenError> {
        let group_file = open_file(&format!("/dev/vfio/{group}"))?;
        let container = open_file("/dev/vfio/vfio")?;
        let viable = attach(&group_file, &container);
        if !viable.map_err(|source| OpenError::Iommu { pci, source })? {
            return Err(OpenError::GroupNotViable { pci, group });
        }
        let domain = Arc::new(Domain {
            container,
            next_iova: AtomicU64::new(FIRST_IOVA),
        });
        Self::open_device(pci, group_file, domain)
            .map_err(|source| OpenError::Device { pci, source })
    }

    fn open_device(pci: PciAddress, group: File, domain: Arc<Domain>) -> io::Result<Opened> {
        // SAFETY: VFIO_GROUP_GET_DEVICE_FD, which takes such a name.
        let device = File::from(unsafe { ioctl(&group, GetDeviceFd::new(pci)?) }?);
        let registers = region(&device, VFIO_PCI_BAR0_REGION_INDEX)?;
        let registers = Mmio::map(&device, registers.offset, registers.size as usize)?;
        let config = region(&device, VFIO_PCI_CONFIG_REGION_INDEX)?;
        let alarm = raise_on_trouble(&device)?;
        let vfio = Self {
            device,
            _group: group,
            domain,
            command: config.offset + COMMAND,
        };
        Ok(Opened {
            vfio,
            registers,
            alarm,
        })
    }
}

/// The length of a structure, as its `argsz` tells the kernel.
const fn argsz<T>() -> u32 {
    size_of::<T>() as u32
}

/// Makes a request that reads a structure and writes it back.
///
/// # Safety
/// Request `OPCODE` must take a `T`, and whatever it names must be the caller's to give.
unsafe fn exchange<const OPCODE: Opcode, T>(file: &File, argument: &mut T) -> io::Result<()> {
    // SAFETY: as the caller vouches.
    let request = unsafe { Updater::<OPCODE, T>::new(argument) };
    // SAFETY: as the caller vouches.
    Ok(unsafe { ioctl(file, request) }?)
}

/// Makes `container` the IOMMU domain of `group`; false when some device of the group still
/// belongs to the kernel.
fn attach(group: &File, container: &File) -> io::Result<bool> {
    let mut status = vfio_group_status {
        argsz: argsz::<vfio_group_status>(),
        ..Default::default()
    };
    // SAFETY: this request fills such a structure.
    unsafe { exchange::<GROUP_GET_STATUS, _>(group, &mut status) }?;
    if status.flags & VFIO_GROUP_FLAGS_VIABLE == 0 {
        return Ok(false);
    }
    // SAFETY: this request reads a pointer to a descriptor.
    let set_container = unsafe { Setter::<GROUP_SET_CONTAINER, _>::new(container.as_raw_fd()) };
    // SAFETY: the descriptor is the container's.
    unsafe { ioctl(group, set_container) }?;
    let kind = VFIO_TYPE1v2_IOMMU as usize;
    // SAFETY: this request takes a number.
    let set_iommu = unsafe { IntegerSetter::<SET_IOMMU>::new_usize(kind) };
    // SAFETY: the number is one of its own.
    unsafe { ioctl(container, set_iommu) }?;
    Ok(true)
}

/// VFIO_GROUP_GET_DEVICE_FD: the file of a device, by its address in text.
struct GetDeviceFd(CString);

impl GetDeviceFd {
    fn new(pci: PciAddress) -> io::Result<Self> {
        Ok(Self(CString::new(pci.to_string())?))
    }
}

// SAFETY: the request takes a text that ends with 0 and only reads it; its answer is a
// descriptor that the kernel has just made for the caller alone.
unsafe impl Ioctl for GetDeviceFd {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        GROUP_GET_DEVICE_FD
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.0.as_ptr().cast_mut().cast()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: a descriptor of nobody else's, as said above.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}

/// Length and offset of a region in the device's file.
fn region(device: &File, index: u32) -> io::Result<vfio_region_info> {
    let mut info = vfio_region_info {
        argsz: argsz::<vfio_region_info>(),
        index,
        ..Default::default()
    };
    // SAFETY: this request fills such a structure.
    unsafe { exchange::<DEVICE_GET_REGION_INFO, _>(device, &mut info) }?;
    Ok(info)
}

/// VFIO_DEVICE_SET_IRQS with one eventfd.
#[repr(C)]
struct SetEventFd {
    set: vfio_irq_set,
    fd: i32,
}

/// An alarm that the kernel raises for what concerns the device as such: an error that AER
/// reported, and its wish to have the device back.
fn raise_on_trouble(device: &File) -> io::Result<Alarm> {
    let alarm = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    for index in [VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX] {
        let set = vfio_irq_set {
            argsz: argsz::<SetEventFd>(),
            flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
            index,
            count: 1,
            ..Default::default()
        };
        let fd = alarm.as_raw_fd();
        // SAFETY: this request reads such a structure, and as many descriptors as it counts.
        let set = unsafe { Setter::<DEVICE_SET_IRQS, _>::new(SetEventFd { set, fd }) };
        // A card or kernel without the one or the other just never raises it.
        // SAFETY: the descriptor is the alarm's.
        let _ = unsafe { ioctl(device, set) };
    }
    Ok(Alarm(alarm))
}

/// An IOMMU domain: what its devices reach.
struct Domain {
    container: File,
    /// The first I/O virtual address never given out. A stale one never meets other memory, as
    /// none is used twice.
    next_iova: AtomicU64,
}

impl Domain {
    /// Lets the devices reach `memory`; says from which address on.
    fn map(&self, memory: &Memory) -> io::Result<u64> {
        let size = memory.len() as u64;
        let mut map = vfio_iommu_type1_dma_map {
            argsz: argsz::<vfio_iommu_type1_dma_map>(),
            flags: VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
            vaddr: memory.address() as u64,
            iova: take_iova(&self.next_iova, size),
            size,
        };
        // SAFETY: this request takes such a structure. What devices may write from now on is
        // `Memory`, to which there is no reference, and which is there until it is unmapped
        // (`DmaMapping`); the kernel pins the pages besides.
        unsafe { exchange::<IOMMU_MAP_DMA, _>(&self.container, &mut map) }?;
        Ok(map.iova)
    }

    /// Ends the reach of every device to the `size` bytes at `iova`.
    fn unmap(&self, iova: u64, size: u64) -> io::Result<()> {
        let mut unmap = vfio_iommu_type1_dma_unmap {
            argsz: argsz::<vfio_iommu_type1_dma_unmap>(),
            iova,
            size,
            ..Default::default()
        };
        // SAFETY: this request takes such a structure, and only takes reach away.
        unsafe { exchange::<IOMMU_UNMAP_DMA, _>(&self.container, &mut unmap) }?;
        if unmap.size == size {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }
}

/// Memory that devices reach from creation until drop.
struct DmaMapping {
    domain: Arc<Domain>,
    iova: u64,
    memory: Arc<Memory>,
}

impl Drop for DmaMapping {
    fn drop(&mut self) {
        let size = self.memory.len() as u64;
        if self.domain.unmap(self.iova, size).is_err() {
            // A device may still reach the pages: an owner that never goes keeps them.
            mem::forget(Arc::clone(&self.memory));
        }
    }
}

impl Iommu for Vfio {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let memory = dma::zeroed(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => BusError::NoMemory,
            _ => BusError::other(error),
        })?;
        let memory = Arc::new(memory);
        let iova = self
            .domain
            .map(&memory)
            .map_err(|error| match error.kind() {
                io::ErrorKind::OutOfMemory => BusError::PinLimit,
                _ => BusError::other(error),
            })?;
        let guard = DmaMapping {
            domain: Arc::clone(&self.domain),
            iova,
            memory: Arc::clone(&memory),
        };
        Ok(DmaMemory {
            iova: Iova::new(iova),
            guard: Box::new(guard),
            memory,
        })
    }
}

impl Function for Vfio {
    fn reset(&self) -> Result<(), BusError> {
        // SAFETY: this request takes nothing.
        let reset = unsafe { NoArg::<DEVICE_RESET>::new() };
        // SAFETY: as above.
        let done = unsafe { ioctl(&self.device, reset) };
        done.map_err(|error| match io::Error::from(error).kind() {
            // So the kernel says that there is no way to reset this device.
            io::ErrorKind::InvalidInput => BusError::Unsupported,
            _ => BusError::other(io::Error::from(error)),
        })
    }

    fn set_bus_master(&self, on: bool) -> Result<(), BusError> {
        let mut command = [0; 2];
        let read = self.device.read_exact_at(&mut command, self.command);
        read.map_err(BusError::other)?;
        let others = u16::from_le_bytes(command) & !COMMAND_MASTER | COMMAND_MEMORY;
        let command = if on { others | COMMAND_MASTER } else { others };
        let written = self
            .device
            .write_all_at(&command.to_le_bytes(), self.command);
        written.map_err(BusError::other)
    }
}

/// Takes `bytes` bytes of I/O virtual addresses: a whole number of hugepages, so that what is
/// one in memory becomes one in the IOMMU's tables, and at least a page more, so that an overrun
/// is a fault.
fn take_iova(next: &AtomicU64, bytes: u64) -> u64 {
    next.fetch_add((bytes / HUGE + 1) * HUGE, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_vfio() -> File {
        File::open("/dev/null").unwrap()
    }

    #[test]
    fn requests_have_vfios_numbers() {
        assert_eq!(IOMMU_UNMAP_DMA, 0x3B72);
        assert_eq!(SET_IOMMU, 0x3B66);
    }

    #[test]
    fn a_file_that_is_not_vfio_gives_an_error() {
        assert!(attach(&no_vfio(), &no_vfio()).is_err());
        assert!(region(&no_vfio(), VFIO_PCI_BAR0_REGION_INDEX).is_err());
        let pci = "0000:03:00.0".parse().unwrap();
        // SAFETY: the request for which this is the argument.
        assert!(unsafe { ioctl(no_vfio(), GetDeviceFd::new(pci).unwrap()) }.is_err());
    }

    #[test]
    fn one_eventfd_lies_right_behind_the_head_of_its_request() {
        assert_eq!(mem::offset_of!(SetEventFd, fd), 20);
        assert_eq!(argsz::<SetEventFd>(), 24);
    }

    #[test]
    fn memory_that_cannot_be_unmapped_is_never_freed() {
        let domain = Arc::new(Domain {
            container: no_vfio(),
            next_iova: AtomicU64::new(FIRST_IOVA),
        });
        let memory = Arc::new(dma::zeroed(4096).unwrap());
        drop(DmaMapping {
            domain,
            iova: FIRST_IOVA,
            memory: Arc::clone(&memory),
        });
        assert_eq!(Arc::strong_count(&memory), 2, "one owner is gone for good");
    }

    #[test]
    fn no_two_mappings_touch_and_none_is_where_interrupts_are() {
        let next = AtomicU64::new(FIRST_IOVA);
        let mut end = 0xFEF0_0000;
        for pages in (1..=1500).chain([1]) {
            let bytes = pages * 4096;
            let first = take_iova(&next, bytes);
            assert!(first > end, "{first:#x} after {end:#x}");
            assert!(first.is_multiple_of(HUGE));
            end = first + bytes;
        }
        assert!(end < 1 << 39, "within the narrowest IOMMU of VT-d");
    }
}
