//! Copies that may race with another process.
//!
//! The compiler must not know that bytes are read which somebody writes at the same
//! time, so they move in assembly; where there is none for the processor, single bytes
//! move atomically. A copy is some mixture of old and new, and nothing may be concluded
//! from the source afterwards.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(not(target_arch = "x86_64"))]
pub(super) use copy_bytes as racing_copy;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::racing_copy;

/// Copies `len` bytes, one by one, of which either end may be shared with a hostile process;
/// false, and nothing done, if they are more than `room`, which is 64 at least.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` bytes, and they do not
/// overlap. Another process may change the bytes meanwhile; the copy is then some
/// mixture of old and new.
pub(super) unsafe fn copy_bytes(from: *const u8, to: *mut u8, len: usize, room: usize) -> bool {
    for at in 0..if len <= room { len } else { 0 } {
        let (from, to) = (from.wrapping_add(at), to.wrapping_add(at));
        // SAFETY: the byte is one of those that the caller vouches for; an atomic load is
        // sound whatever another process writes, and the pointer is only read through.
        let byte = unsafe { AtomicU8::from_ptr(from.cast_mut()) }.load(Relaxed);
        // SAFETY: the byte may be written, and atomically is sound whoever reads it.
        unsafe { AtomicU8::from_ptr(to) }.store(byte, Relaxed);
    }
    len <= room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_that_may_race_is_exact_for_every_length() {
        exact(|from, to, len| {
            // SAFETY: both hold at least `len` bytes.
            unsafe { racing_copy(from, to, len, 350) }
        });
        exact(|from, to, len| {
            // SAFETY: as above.
            unsafe { copy_bytes(from, to, len, 350) }
        });
    }

    fn exact(copy: impl Fn(*const u8, *mut u8, usize) -> bool) {
        let from: Vec<u8> = (0..400).map(|i| (i * 7 + 1) as u8 | 1).collect();
        for len in 0..from.len() {
            let mut to = vec![0; len + 64];
            let copied = if copy(from.as_ptr(), to.as_mut_ptr(), len) {
                len
            } else {
                0
            };
            assert_eq!(copied > 0, (1..=350).contains(&len), "length {len}");
            assert_eq!(to[..copied], from[..copied]);
            assert!(to[copied..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }
}
