//! One request to the kernel about VFIO.
//!
//! The structures of VFIO are rows of 64-bit words in which the low half of the first
//! is their length in bytes (`argsz`), so one exchange of words serves them all, and
//! the kernel moves no more than that length.
//!
//! Source: Linux `include/uapi/linux/vfio.h`. Not here: which request means what
//! ([`super::vfio`]).

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// A request by its number in VFIO, and its argument.
struct Request(u8, *mut c_void);

// SAFETY: the opcode is VFIO's; that the argument fits it is vouched for by whoever
// calls `request`.
unsafe impl Ioctl for Request {
    type Output = IoctlOutput;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::none(b';', self.0)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.1
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<IoctlOutput> {
        Ok(out)
    }
}

/// Makes request `number`; gives the kernel's answer.
///
/// # Safety
/// The request must take an argument such as `argument`, and whatever it names must
/// be the caller's to give.
pub(super) unsafe fn request(
    fd: &impl AsFd,
    number: u8,
    argument: *mut c_void,
) -> io::Result<IoctlOutput> {
    // SAFETY: as the caller vouches.
    Ok(unsafe { ioctl(fd, Request(number, argument)) }?)
}

/// Exchanges a structure of `N` words; its length is filled in here.
///
/// # Safety
/// The request must take such a structure, and whatever it names must be the
/// caller's to give.
pub(super) unsafe fn exchange<const N: usize>(
    fd: &impl AsFd,
    number: u8,
    mut words: [u64; N],
) -> io::Result<[u64; N]> {
    words[0] |= size_of_val(&words) as u64;
    // SAFETY: valid for as many bytes as the structure says of itself.
    unsafe { request(fd, number, words.as_mut_ptr().cast()) }?;
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    #[test]
    fn requests_have_vfios_numbers() {
        assert_eq!(
            Request(114, null_mut()).opcode(),
            0x3B72,
            "VFIO_IOMMU_UNMAP_DMA"
        );
    }

    #[test]
    fn a_file_that_is_not_vfio_gives_an_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: VFIO_DEVICE_RESET takes nothing.
        assert!(unsafe { request(&file, 111, null_mut()) }.is_err());
        // SAFETY: VFIO_GROUP_GET_STATUS takes length and flags.
        assert!(unsafe { exchange(&file, 103, [0]) }.is_err());
    }
}
