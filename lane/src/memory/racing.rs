//! Copies that may race with another process.
//!
//! The compiler must not know that bytes are read which somebody writes at the same
//! time, so 16 bytes at a time move in assembly; where there is none for the
//! processor, single bytes move atomically. A copy is some mixture of old and new,
//! and nothing may be concluded from the source afterwards.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// Copies `len` bytes of which either end may be shared with a hostile process.
///
/// Blocks at the end overlap what was copied before; never is more than `len` touched.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` bytes, and they do not
/// overlap. Another process may change the bytes meanwhile; the copy is then some
/// mixture of old and new.
#[inline(always)]
pub(super) unsafe fn racing_copy(from: *const u8, to: *mut u8, len: usize) {
    // One question for most frames, which are as short as frames can be.
    if len.wrapping_sub(32) <= 32 {
        // SAFETY: 32 to 64 bytes are the first 32 and the last 32.
        return unsafe { move_four::<16>(from, to, len - 32) };
    }
    if len < 32 {
        // SAFETY: the caller vouches for the same.
        return unsafe { copy_few(from, to, len) };
    }
    let mut at = 0;
    while at + 64 < len {
        // SAFETY: the 64 bytes at `at` are among the `len`.
        unsafe { move_64(from, to, at) };
        at += 64;
    }
    // SAFETY: the last 64 bytes are all that is left, and some that are there already.
    unsafe { move_64(from, to, len - 64) }
}

/// Copies the 64 bytes at `at`.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[inline(always)]
unsafe fn move_64(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: the bytes exist, says the caller.
    let from = unsafe { from.add(at) };
    // SAFETY: as above.
    let to = unsafe { to.add(at) };
    // SAFETY: as above.
    unsafe { move_four::<16>(from, to, 32) }
}

/// [`racing_copy`] of less than 32 bytes.
///
/// # Safety
/// As for [`racing_copy`].
#[cold]
unsafe fn copy_few(from: *const u8, to: *mut u8, len: usize) {
    match len {
        // SAFETY: every byte is.
        0..16 => (0..len).for_each(|at| unsafe { move_byte(from, to, at) }),
        // SAFETY: `len` bytes hold the first 16 and the last 16.
        _ => unsafe { move_four::<0>(from, to, len - 16) },
    }
}

/// Copies 16 bytes four times: at 0, `GAP`, `second` and `second + GAP`.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn move_four<const GAP: usize>(from: *const u8, to: *mut u8, second: usize) {
    // SAFETY: the caller vouches for the bytes. The compiler sees neither load nor
    // store, so a concurrent write is no data race to it; to the processor it is
    // moves that may see any mixture.
    unsafe {
        std::arch::asm!(
            "movdqu {a}, [{from}]",
            "movdqu {b}, [{from} + {gap}]",
            "movdqu {c}, [{from} + {second}]",
            "movdqu {d}, [{from} + {second} + {gap}]",
            "movdqu [{to}], {a}",
            "movdqu [{to} + {gap}], {b}",
            "movdqu [{to} + {second}], {c}",
            "movdqu [{to} + {second} + {gap}], {d}",
            from = in(reg) from, to = in(reg) to, second = in(reg) second, gap = const GAP,
            a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies 16 bytes four times: at 0, `GAP`, `second` and `second + GAP`.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn move_four<const GAP: usize>(from: *const u8, to: *mut u8, second: usize) {
    let blocks = [0, GAP, second, second + GAP];
    let bytes = blocks.into_iter().flat_map(|block| block..block + 16);
    // SAFETY: the caller vouches for each byte.
    bytes.for_each(|at| unsafe { move_byte(from, to, at) });
}

/// Copies the byte at `offset`.
///
/// # Safety
/// As for [`racing_copy`], for that byte.
#[inline]
unsafe fn move_byte(from: *const u8, to: *mut u8, offset: usize) {
    // SAFETY: the byte exists, says the caller.
    let from = unsafe { from.add(offset) };
    // SAFETY: as above.
    let to = unsafe { to.add(offset) };
    // SAFETY: an atomic load is sound whatever another process writes; the pointer is
    // only read through.
    let byte = unsafe { AtomicU8::from_ptr(from.cast_mut()) }.load(Relaxed);
    // SAFETY: the byte may be written, and atomically is sound whoever reads it.
    unsafe { AtomicU8::from_ptr(to) }.store(byte, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_that_may_race_is_exact_for_every_length() {
        let from: Vec<u8> = (0..400).map(|i| (i * 7 + 1) as u8 | 1).collect();
        for len in 0..from.len() {
            let mut to = vec![0; len + 64];
            // SAFETY: both vectors hold at least `len` bytes.
            unsafe { racing_copy(from.as_ptr(), to.as_mut_ptr(), len) };
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }
}
