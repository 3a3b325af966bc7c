//! VFIO's requests to the kernel, one function each.
//!
//! Every structure of VFIO is a row of 32-bit words of which the first is its
//! length in bytes; longer numbers are two words, low first. So one exchange of
//! words serves all, and the kernel checks the length.
//!
//! Source: Linux `include/uapi/linux/vfio.h`. Not here: the order of requests.

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

/// IOMMU types: pages pinned as they are mapped; and the same, unmapped whole.
pub(super) const TYPE1: usize = 1;
pub(super) const TYPE1_V2: usize = 3;

/// A request of which the kernel's answer is a number.
struct Request {
    number: u8,
    argument: *mut c_void,
}

// SAFETY: the opcode is VFIO's for `number`; that `argument` fits it is the duty
// of whoever makes a `Request`, all of them in this file.
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

/// Exchanges a structure of `N` words; their first is filled in here.
///
/// # Safety
/// Request `number` must take such a structure, and nothing shorter.
unsafe fn exchange<const N: usize>(
    fd: &impl AsFd,
    number: u8,
    mut words: [u32; N],
) -> io::Result<[u32; N]> {
    words[0] = size_of_val(&words) as u32;
    let argument = words.as_mut_ptr().cast();
    // SAFETY: valid for as many bytes as the structure says of itself.
    unsafe { rustix::ioctl::ioctl(fd, Request { number, argument }) }?;
    Ok(words)
}

/// Passes a number.
///
/// # Safety
/// Request `number` must take a number, or nothing.
unsafe fn pass(fd: &impl AsFd, number: u8, value: usize) -> io::Result<i32> {
    let argument = std::ptr::without_provenance_mut(value);
    // SAFETY: the kernel takes the argument as a number, as the caller vouches.
    Ok(unsafe { rustix::ioctl::ioctl(fd, Request { number, argument }) }?)
}

/// The words of a long number.
fn split(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// The long number of two words.
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The version of VFIO; 0 is the only one so far.
pub(super) fn api_version(container: &impl AsFd) -> io::Result<i32> {
    // SAFETY: VFIO_GET_API_VERSION takes nothing.
    unsafe { pass(container, 100, 0) }
}

/// Whether the container can be of IOMMU type `kind`.
pub(super) fn supports(container: &impl AsFd, kind: usize) -> io::Result<bool> {
    // SAFETY: VFIO_CHECK_EXTENSION takes a number.
    unsafe { pass(container, 101, kind) }.map(|answer| answer > 0)
}

/// Makes the container one of IOMMU type `kind`.
pub(super) fn set_iommu(container: &impl AsFd, kind: usize) -> io::Result<()> {
    // SAFETY: VFIO_SET_IOMMU takes a number.
    unsafe { pass(container, 102, kind) }.map(drop)
}

/// Whether all devices of the group are out of the kernel's hands.
pub(super) fn is_viable(group: &impl AsFd) -> io::Result<bool> {
    // SAFETY: VFIO_GROUP_GET_STATUS takes length and flags.
    let [_, flags] = unsafe { exchange(group, 103, [0; 2]) }?;
    Ok(flags & 1 != 0)
}

/// Puts the group into the container.
pub(super) fn set_container(group: &impl AsFd, container: &OwnedFd) -> io::Result<()> {
    let mut fd = container.as_raw_fd();
    let argument = (&raw mut fd).cast();
    // SAFETY: VFIO_GROUP_SET_CONTAINER takes a pointer to a descriptor.
    unsafe { rustix::ioctl::ioctl(group, Request { number: 104, argument }) }?;
    Ok(())
}

/// Opens the device `name` of the group.
pub(super) fn device(group: &impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let argument = name.as_ptr().cast_mut().cast();
    // SAFETY: VFIO_GROUP_GET_DEVICE_FD takes a string that it does not change.
    let fd = unsafe { rustix::ioctl::ioctl(group, Request { number: 106, argument }) }?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the device can be reset.
pub(super) fn can_reset(device: &impl AsFd) -> io::Result<bool> {
    // SAFETY: VFIO_DEVICE_GET_INFO takes length, flags, and counts of regions and
    // interrupts; later additions only where the length covers them.
    let [_, flags, _, _] = unsafe { exchange(device, 107, [0; 4]) }?;
    Ok(flags & 1 != 0)
}

/// Offset in the device's file and length of region `index`, in bytes.
pub(super) fn region(device: &impl AsFd, index: u32) -> io::Result<(u64, u64)> {
    let words = [0, 0, index, 0, 0, 0, 0, 0];
    // SAFETY: VFIO_DEVICE_GET_REGION_INFO takes length, flags, index, offset of
    // capabilities, then size and offset as long numbers.
    let [.., size, size_high, at, at_high] = unsafe { exchange(device, 108, words) }?;
    Ok((join(at, at_high), join(size, size_high)))
}

/// Has interrupt `index` of the device signal `eventfd`.
pub(super) fn signal(device: &impl AsFd, index: u32, eventfd: &OwnedFd) -> io::Result<()> {
    // An eventfd to be triggered (VFIO_IRQ_SET_DATA_EVENTFD, ACTION_TRIGGER).
    let flags = 1 << 2 | 1 << 5;
    let words = [0, flags, index, 0, 1, eventfd.as_raw_fd() as u32];
    // SAFETY: VFIO_DEVICE_SET_IRQS takes length, flags, index, start and count,
    // then that many descriptors: one.
    unsafe { exchange(device, 110, words) }.map(drop)
}

/// Resets the device.
pub(super) fn reset(device: &impl AsFd) -> io::Result<()> {
    // SAFETY: VFIO_DEVICE_RESET takes nothing.
    unsafe { pass(device, 111, 0) }.map(drop)
}

/// What the kernel says of the container's IOMMU, and room for its capabilities.
pub(super) fn iommu_info(container: &impl AsFd) -> io::Result<[u32; 1024]> {
    // SAFETY: VFIO_IOMMU_GET_INFO takes any length from 16 bytes.
    unsafe { exchange(container, 112, [0; 1024]) }
}

/// Lets the container's devices read and write the `size` bytes at `vaddr` of this
/// process as `iova`. The kernel pins them, so they outlive their owner.
pub(super) fn map(container: &impl AsFd, vaddr: u64, iova: u64, size: u64) -> io::Result<()> {
    let ([v0, v1], [i0, i1], [s0, s1]) = (split(vaddr), split(iova), split(size));
    let read_write = 1 | 2;
    // SAFETY: VFIO_IOMMU_MAP_DMA takes length, flags and three long numbers.
    unsafe { exchange(container, 113, [0, read_write, v0, v1, i0, i1, s0, s1]) }.map(drop)
}

/// Takes a mapping back; says how many bytes it was.
pub(super) fn unmap(container: &impl AsFd, iova: u64, size: u64) -> io::Result<u64> {
    let ([i0, i1], [s0, s1]) = (split(iova), split(size));
    // SAFETY: VFIO_IOMMU_UNMAP_DMA takes length, flags and two long numbers.
    let [.., low, high] = unsafe { exchange(container, 114, [0, 0, i0, i1, s0, s1]) }?;
    Ok(join(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_vfios_numbers() {
        let request = Request { number: 114, argument: std::ptr::null_mut() };
        assert_eq!(request.opcode(), 0x3B72, "VFIO_IOMMU_UNMAP_DMA");
    }

    #[test]
    fn long_numbers_survive_their_words() {
        let [low, high] = split(0x0123_4567_89AB_CDEF);
        assert_eq!((low, high), (0x89AB_CDEF, 0x0123_4567));
        assert_eq!(join(low, high), 0x0123_4567_89AB_CDEF);
    }

    #[test]
    fn a_file_that_is_not_vfio_gives_an_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(api_version(&file).is_err());
        assert!(device(&file, c"0000:03:00.0").is_err());
        assert!(map(&file, 0, 0, 0).is_err());
    }
}
