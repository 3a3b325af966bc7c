//! VFIO's requests to the kernel, one typed function each.
//!
//! The rule: every request passes either nothing, a number that the kernel takes
//! as a number, or a structure of exactly the layout that the request is for.
//!
//! Source: Linux `include/uapi/linux/vfio.h`. Not here: their order.

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

/// IOMMU type: one domain, pages pinned as they are mapped.
pub(super) const TYPE1: usize = 1;
/// As [`TYPE1`], and a mapping is unmapped whole.
pub(super) const TYPE1_V2: usize = 3;

const GET_API_VERSION: u8 = 100;
const CHECK_EXTENSION: u8 = 101;
const SET_IOMMU: u8 = 102;
const GROUP_GET_STATUS: u8 = 103;
const GROUP_SET_CONTAINER: u8 = 104;
const GROUP_GET_DEVICE_FD: u8 = 106;
const DEVICE_GET_INFO: u8 = 107;
const DEVICE_GET_REGION_INFO: u8 = 108;
const DEVICE_SET_IRQS: u8 = 110;
const DEVICE_RESET: u8 = 111;
const IOMMU_GET_INFO: u8 = 112;
const IOMMU_MAP_DMA: u8 = 113;
const IOMMU_UNMAP_DMA: u8 = 114;

/// `vfio_group_status`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct GroupStatus {
    argsz: u32,
    flags: u32,
}

/// `vfio_device_info`, as far as it was always there.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct DeviceInfo {
    argsz: u32,
    flags: u32,
    regions: u32,
    interrupts: u32,
}

/// `vfio_region_info`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Region {
    argsz: u32,
    /// Read 1, write 2, mmap 4.
    pub(super) flags: u32,
    index: u32,
    cap_offset: u32,
    /// Bytes.
    pub(super) size: u64,
    /// Where it is in the device's file.
    pub(super) offset: u64,
}

/// `vfio_irq_set` with one eventfd.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    eventfd: i32,
}

/// `vfio_iommu_type1_dma_map`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct DmaMap {
    argsz: u32,
    flags: u32,
    vaddr: u64,
    iova: u64,
    size: u64,
}

/// `vfio_iommu_type1_dma_unmap`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct DmaUnmap {
    argsz: u32,
    flags: u32,
    iova: u64,
    size: u64,
}

/// Bytes given to the kernel to describe the IOMMU in.
pub(super) const INFO_BYTES: usize = 4096;

/// `vfio_iommu_type1_info` and room for its capabilities.
#[repr(C, align(8))]
struct IommuInfo([u8; INFO_BYTES]);

/// A request whose argument is a number, a pointer or nothing; gives the kernel's
/// number back.
struct Request {
    number: u8,
    argument: *mut c_void,
}

// SAFETY: the opcode is VFIO's for `number`; that `argument` fits it is the duty
// of `call`'s callers.
unsafe impl Ioctl for Request {
    type Output = IoctlOutput;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::none(b';', self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<IoctlOutput> {
        Ok(out)
    }
}

/// # Safety
/// `argument` must be what request `number` takes, valid while the call lasts.
unsafe fn call(fd: &impl AsFd, number: u8, argument: *mut c_void) -> io::Result<IoctlOutput> {
    // SAFETY: the caller vouches for the argument.
    let output = unsafe { rustix::ioctl::ioctl(fd, Request { number, argument }) }?;
    Ok(output)
}

/// # Safety
/// Request `number` must take a number, or nothing.
unsafe fn call_with_number(fd: &impl AsFd, number: u8, value: usize) -> io::Result<IoctlOutput> {
    let argument = std::ptr::without_provenance_mut(value);
    // SAFETY: the kernel takes the argument as a number, as the caller vouches.
    unsafe { call(fd, number, argument) }
}

/// # Safety
/// Request `number` must take a structure laid out as `T`.
unsafe fn call_with<T>(fd: &impl AsFd, number: u8, value: &mut T) -> io::Result<IoctlOutput> {
    let argument: *mut T = value;
    // SAFETY: a valid `T` for as long as the call lasts, as the request takes.
    unsafe { call(fd, number, argument.cast()) }
}

const fn argsz<T>() -> u32 {
    size_of::<T>() as u32
}

/// The version of VFIO; 0 is the only one so far.
pub(super) fn api_version(container: &impl AsFd) -> io::Result<i32> {
    // SAFETY: takes nothing.
    unsafe { call_with_number(container, GET_API_VERSION, 0) }
}

/// Whether the container can be of IOMMU type `kind`.
pub(super) fn supports(container: &impl AsFd, kind: usize) -> io::Result<bool> {
    // SAFETY: takes a number.
    unsafe { call_with_number(container, CHECK_EXTENSION, kind) }.map(|answer| answer > 0)
}

/// Makes the container one of IOMMU type `kind`.
pub(super) fn set_iommu(container: &impl AsFd, kind: usize) -> io::Result<()> {
    // SAFETY: takes a number.
    unsafe { call_with_number(container, SET_IOMMU, kind) }.map(drop)
}

/// Whether all devices of the group are out of the kernel's hands.
pub(super) fn is_viable(group: &impl AsFd) -> io::Result<bool> {
    let mut status = GroupStatus {
        argsz: argsz::<GroupStatus>(),
        ..GroupStatus::default()
    };
    // SAFETY: takes a `vfio_group_status`.
    unsafe { call_with(group, GROUP_GET_STATUS, &mut status) }?;
    Ok(status.flags & 1 != 0)
}

/// Puts the group into the container.
pub(super) fn set_container(group: &impl AsFd, container: &OwnedFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let mut fd: i32 = container.as_raw_fd();
    // SAFETY: takes a pointer to a file descriptor.
    unsafe { call_with(group, GROUP_SET_CONTAINER, &mut fd) }.map(drop)
}

/// Opens the device `name` of the group.
pub(super) fn device(group: &impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let name = name.as_ptr().cast_mut().cast();
    // SAFETY: takes a string that it does not change.
    let fd = unsafe { call(group, GROUP_GET_DEVICE_FD, name) }?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the device can be reset.
pub(super) fn can_reset(device: &impl AsFd) -> io::Result<bool> {
    let mut info = DeviceInfo {
        argsz: argsz::<DeviceInfo>(),
        ..DeviceInfo::default()
    };
    // SAFETY: takes a `vfio_device_info`, of which it fills `argsz` bytes.
    unsafe { call_with(device, DEVICE_GET_INFO, &mut info) }?;
    Ok(info.flags & 1 != 0)
}

/// Where region `index` of the device is.
pub(super) fn region(device: &impl AsFd, index: u32) -> io::Result<Region> {
    let mut region = Region {
        argsz: argsz::<Region>(),
        index,
        ..Region::default()
    };
    // SAFETY: takes a `vfio_region_info`, of which it fills `argsz` bytes.
    unsafe { call_with(device, DEVICE_GET_REGION_INFO, &mut region) }?;
    Ok(region)
}

/// Has interrupt `index` of the device signal `eventfd`.
pub(super) fn signal(device: &impl AsFd, index: u32, eventfd: &OwnedFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // VFIO_IRQ_SET_DATA_EVENTFD and VFIO_IRQ_SET_ACTION_TRIGGER.
    let flags = 1 << 2 | 1 << 5;
    let mut set = IrqSet {
        argsz: argsz::<IrqSet>(),
        flags,
        index,
        start: 0,
        count: 1,
        eventfd: eventfd.as_raw_fd(),
    };
    // SAFETY: takes a `vfio_irq_set` with `count` descriptors.
    unsafe { call_with(device, DEVICE_SET_IRQS, &mut set) }.map(drop)
}

/// Resets the device.
pub(super) fn reset(device: &impl AsFd) -> io::Result<()> {
    // SAFETY: takes nothing.
    unsafe { call_with_number(device, DEVICE_RESET, 0) }.map(drop)
}

/// What the kernel says of the container's IOMMU, as bytes.
pub(super) fn iommu_info(container: &impl AsFd) -> io::Result<[u8; INFO_BYTES]> {
    let mut info = IommuInfo([0; INFO_BYTES]);
    let argsz = argsz::<IommuInfo>().to_ne_bytes();
    info.0[..4].copy_from_slice(&argsz);
    // SAFETY: takes a `vfio_iommu_type1_info`, of which it fills `argsz` bytes.
    unsafe { call_with(container, IOMMU_GET_INFO, &mut info) }?;
    Ok(info.0)
}

/// Lets the container's devices read and write the `size` bytes at `vaddr` of this
/// process as `iova`. The kernel pins them, so they outlive their owner.
pub(super) fn map(container: &impl AsFd, vaddr: usize, iova: u64, size: usize) -> io::Result<()> {
    let mut map = DmaMap {
        argsz: argsz::<DmaMap>(),
        // VFIO_DMA_MAP_FLAG_READ and WRITE.
        flags: 1 | 2,
        vaddr: vaddr as u64,
        iova,
        size: size as u64,
    };
    // SAFETY: takes a `vfio_iommu_type1_dma_map`.
    unsafe { call_with(container, IOMMU_MAP_DMA, &mut map) }.map(drop)
}

/// Takes a mapping back; says how many bytes it was.
pub(super) fn unmap(container: &impl AsFd, iova: u64, size: usize) -> io::Result<u64> {
    let mut unmap = DmaUnmap {
        argsz: argsz::<DmaUnmap>(),
        flags: 0,
        iova,
        size: size as u64,
    };
    // SAFETY: takes a `vfio_iommu_type1_dma_unmap`.
    unsafe { call_with(container, IOMMU_UNMAP_DMA, &mut unmap) }?;
    Ok(unmap.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_long_as_the_kernels() {
        assert_eq!(size_of::<GroupStatus>(), 8);
        assert_eq!(size_of::<DeviceInfo>(), 16);
        assert_eq!(size_of::<Region>(), 32);
        assert_eq!(size_of::<IrqSet>(), 24);
        assert_eq!(size_of::<DmaMap>(), 32);
        assert_eq!(size_of::<DmaUnmap>(), 24);
    }

    #[test]
    fn requests_have_vfios_numbers() {
        let request = |number| Request {
            number,
            argument: std::ptr::null_mut(),
        };
        assert_eq!(request(GET_API_VERSION).opcode(), 0x3B64);
        assert_eq!(request(IOMMU_UNMAP_DMA).opcode(), 0x3B72);
    }

    #[test]
    fn a_file_that_is_not_vfio_gives_an_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(api_version(&file).is_err());
        assert!(device(&file, c"0000:03:00.0").is_err());
        assert!(map(&file, 0, 0, 0).is_err());
    }
}
