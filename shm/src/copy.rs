//! Copies that may race with another process or a card.
//!
//! The compiler must not know that bytes are read which somebody writes at the same
//! time, so they move in assembly; where there is none for the processor, single bytes
//! move atomically. A copy is some mixture of old and new, and nothing may be concluded
//! from the source afterwards.

use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use bytewise as racing;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use bytewise as behind_head;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{behind_head, racing};

/// Copies `len` bytes, one by one, of which either end may be shared with a hostile process.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` bytes. Somebody else may change
/// them meanwhile, and they may overlap; the copy is then some mixture of old and new.
pub(crate) unsafe fn bytewise(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        let (from, to) = (from.wrapping_add(at), to.wrapping_add(at));
        // SAFETY: the byte is one of those that the caller vouches for; an atomic load is
        // sound whatever another process writes, and the pointer is only read through.
        let byte = unsafe { AtomicU8::from_ptr(from.cast_mut()) }.load(Relaxed);
        // SAFETY: the byte may be written, and atomically is sound whoever reads it.
        unsafe { AtomicU8::from_ptr(to) }.store(byte, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn copy_that_may_race_is_exact_for_every_length() {
        exact(|from, to, len| {
            // SAFETY: both hold at least `len` bytes.
            unsafe { racing(from, to, len) }
        });
        exact(|from, to, len| {
            // SAFETY: as above.
            unsafe { bytewise(from, to, len) }
        });
    }

    fn exact(copy: impl Fn(*const u8, *mut u8, usize)) {
        let from: Vec<u8> = (0..700).map(|i| (i * 7 + 1) as u8 | 1).collect();
        for len in 0..from.len() {
            let mut to = vec![0; len + 64];
            copy(from.as_ptr(), to.as_mut_ptr(), len);
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }
}
