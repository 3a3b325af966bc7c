//! Copies that may race with another process.
//!
//! The compiler must not know that bytes are read which somebody writes at the same
//! time, so 16 bytes at a time move in assembly; where there is none for the
//! processor, single bytes move atomically. A copy is some mixture of old and new,
//! and nothing may be concluded from the source afterwards.

#[cfg(target_arch = "x86_64")]
use std::arch::asm;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// Copies `len` bytes of which either end may be shared with a hostile process.
///
/// The end is covered by a block that overlaps the one before; never is more than
/// `len` touched.
///
/// # Safety
/// `from` is valid for reading and `to` for writing `len` bytes, and they do not
/// overlap. Another process may change the bytes meanwhile; the copy is then some
/// mixture of old and new.
#[inline]
pub(super) unsafe fn racing_copy(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    while at + 64 < len {
        // SAFETY: the 64 bytes at `at` are among the `len` bytes of both sides.
        unsafe { racing_block::<64>(from, to, at) };
        at += 64;
    }
    match len {
        // SAFETY: every byte is.
        0..16 => (0..len).for_each(|at| unsafe { move_1(from, to, at) }),
        // SAFETY: `len` bytes hold the first 16 and the last 16.
        16..32 => unsafe { racing_ends::<16>(from, to, len) },
        // SAFETY: `len` bytes hold the first 32 and the last 32.
        32..=64 => unsafe { racing_ends::<32>(from, to, len) },
        // SAFETY: `len` bytes hold the last 64.
        _ => unsafe { racing_block::<64>(from, to, len - 64) },
    }
}

/// Copies the first and the last `N` of `len` bytes.
///
/// # Safety
/// As for [`racing_copy`], and `len` is at least `N`.
#[inline]
unsafe fn racing_ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: `N` bytes exist, says the caller.
    unsafe { racing_block::<N>(from, to, 0) };
    // SAFETY: as above.
    unsafe { racing_block::<N>(from, to, len - N) };
}

/// Copies the `N` bytes at `offset`; `N` is 16, 32 or 64.
///
/// # Safety
/// As for [`racing_copy`], for the bytes from `offset` to `offset + N`.
#[inline]
unsafe fn racing_block<const N: usize>(from: *const u8, to: *mut u8, offset: usize) {
    let step = N.min(32);
    for at in (offset..offset + N).step_by(step) {
        // SAFETY: the byte is one of the `N`.
        let from = unsafe { from.add(at) };
        // SAFETY: as above.
        let to = unsafe { to.add(at) };
        match step {
            // SAFETY: the 32 bytes at `at` are among the `N`.
            32 => unsafe { move_32(from, to) },
            // SAFETY: the 16 bytes at `at` are.
            _ => unsafe { move_16(from, to) },
        }
    }
}

/// Copies 32 bytes.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn move_32(from: *const u8, to: *mut u8) {
    // SAFETY: as in `move_16`.
    unsafe {
        asm!(
            "movdqu {low}, [{from}]",
            "movdqu {high}, [{from} + 16]",
            "movdqu [{to}], {low}",
            "movdqu [{to} + 16], {high}",
            from = in(reg) from,
            to = in(reg) to,
            low = out(xmm_reg) _,
            high = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies 16 bytes.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn move_16(from: *const u8, to: *mut u8) {
    // SAFETY: the caller vouches for the bytes. The compiler sees neither load nor
    // store, so a concurrent write is no data race to it; to the processor it is two
    // moves that may see any mixture.
    unsafe {
        asm!(
            "movdqu {block}, [{from}]",
            "movdqu [{to}], {block}",
            from = in(reg) from,
            to = in(reg) to,
            block = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies 32 bytes.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn move_32(from: *const u8, to: *mut u8) {
    // SAFETY: each byte is one of the 32.
    (0..32).for_each(|at| unsafe { move_1(from, to, at) });
}

/// Copies 16 bytes.
///
/// # Safety
/// As for [`racing_copy`], for those bytes.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn move_16(from: *const u8, to: *mut u8) {
    // SAFETY: each byte is one of the 16.
    (0..16).for_each(|at| unsafe { move_1(from, to, at) });
}

/// Copies the byte at `offset`.
///
/// # Safety
/// As for [`racing_copy`], for that byte.
#[inline]
unsafe fn move_1(from: *const u8, to: *mut u8, offset: usize) {
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
