//! Those copies in assembly, in registers as wide as the processor has them for frames of
//! more than 64 bytes.
//!
//! Blocks at the end overlap what was copied before; never is more than `len` touched.

use super::bytewise;

cpufeatures::new!(avx, "avx");

/// Copies `len` bytes of which either end may be shared with a hostile process.
///
/// # Safety
/// As for [`bytewise`].
#[inline(always)]
pub(crate) unsafe fn racing(from: *const u8, to: *mut u8, len: usize) {
    // One question for most frames, which are as short as frames can be.
    if len.wrapping_sub(32) <= 32 {
        // SAFETY: 32 to 64 bytes are the first 32 and the last 32.
        unsafe { narrow(from, to, len - 32) };
    } else {
        // SAFETY: the caller vouches for the same.
        unsafe { copy_other(from, to, len) }
    }
}

/// [`racing`] of what is behind the first 32 bytes, of more than 32; some of those 32 may be
/// copied too.
///
/// # Safety
/// As for [`bytewise`].
#[inline(always)]
pub(crate) unsafe fn behind_head(from: *const u8, to: *mut u8, len: usize) {
    // The last 32 bytes of a short frame are all that is behind its first 32.
    let start = if len <= 64 { len - 32 } else { 32 };
    let (from, to) = (from.wrapping_add(start), to.wrapping_add(start));
    if len <= 64 {
        // SAFETY: the last 32 of `len` bytes.
        unsafe { two(from, to) };
    } else {
        // SAFETY: the caller vouches for `len` bytes, of which these are the rest.
        unsafe { racing(from, to, len - 32) }
    }
}

/// Copies 32 bytes.
///
/// # Safety
/// As for [`bytewise`], for those bytes.
#[inline(always)]
unsafe fn two(from: *const u8, to: *mut u8) {
    // SAFETY: the caller vouches for the bytes; for the rest see `four`.
    unsafe {
        core::arch::asm!(
            "movdqu xmm0, [{from}]",
            "movdqu xmm1, [{from} + 16]",
            "movdqu [{to}], xmm0",
            "movdqu [{to} + 16], xmm1",
            from = in(reg) from, to = in(reg) to,
            out("xmm0") _, out("xmm1") _,
            options(nostack, preserves_flags),
        );
    }
}

/// [`racing`] of less than 32 bytes, or more than 64. A function of its own, so that the
/// compiler keeps nothing in vector registers across it, whose upper halves it clears.
///
/// # Safety
/// As for [`bytewise`].
#[inline(never)]
unsafe fn copy_other(from: *const u8, to: *mut u8, len: usize) {
    if len < 8 {
        // SAFETY: the caller vouches for the same.
        unsafe { bytewise(from, to, len) }
    } else if len < 16 {
        // SAFETY: 8 to 16 bytes are the first 8 and the last 8.
        unsafe { two_words(from, to, len - 8) }
    } else if len < 32 {
        // SAFETY: 16 to 32 bytes are the first 16 and the last 16.
        unsafe { two_registers(from, to, len - 16) }
    } else if avx::get() {
        // SAFETY: the steps are those of a copy of `len` bytes, and the processor has AVX.
        steps(len, 32, |at, second| unsafe {
            wide(from.wrapping_add(at), to.wrapping_add(at), second);
        });
    } else {
        // SAFETY: as above, with registers that every processor has.
        steps(len, 16, |at, second| unsafe {
            narrow(from.wrapping_add(at), to.wrapping_add(at), second);
        });
    }
}

/// Copies 8 bytes from 0 on and 8 from `second` on.
///
/// # Safety
/// As for [`bytewise`], for those bytes.
#[inline(always)]
unsafe fn two_words(from: *const u8, to: *mut u8, second: usize) {
    // SAFETY: as for the functions of `four!`.
    unsafe {
        core::arch::asm!(
            "mov {first}, [{from}]",
            "mov {last}, [{from} + {second}]",
            "mov [{to}], {first}",
            "mov [{to} + {second}], {last}",
            from = in(reg) from, to = in(reg) to, second = in(reg) second,
            first = out(reg) _, last = out(reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies 16 bytes from 0 on and 16 from `second` on.
///
/// # Safety
/// As for [`bytewise`], for those bytes.
#[inline(always)]
unsafe fn two_registers(from: *const u8, to: *mut u8, second: usize) {
    // SAFETY: as for the functions of `four!`.
    unsafe {
        core::arch::asm!(
            "movdqu {first}, [{from}]",
            "movdqu {last}, [{from} + {second}]",
            "movdqu [{to}], {first}",
            "movdqu [{to} + {second}], {last}",
            from = in(reg) from, to = in(reg) to, second = in(reg) second,
            first = out(xmm_reg) _, last = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}

/// Where four registers of `width` bytes have to move what they hold so that all of `len`
/// bytes move, more than two of them hold: from there on, and the second two from so much
/// further on.
#[inline(always)]
fn steps(len: usize, width: usize, mut four: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at + 4 * width < len {
        four(at, 2 * width);
        at += 4 * width;
    }
    // The last of them, of which some may have moved already.
    let last = len.saturating_sub(4 * width);
    four(last, len - last - 2 * width);
}

/// A function that copies what a register of `width` bytes holds four times: from 0, `width`,
/// `second` and `second + width` on; `more` registers are changed too.
macro_rules! four {
    ($name:ident, $width:literal, $move:literal, $register:literal, $end:literal, [$($more:tt),*]) => {
        /// Copies those bytes.
        ///
        /// # Safety
        /// As for [`bytewise`], for those bytes; the processor has the registers.
        #[inline(always)]
        unsafe fn $name(from: *const u8, to: *mut u8, second: usize) {
            // SAFETY: the caller vouches for the bytes. The compiler sees neither load nor
            // store, so a concurrent write is no data race to it; to the processor it is
            // moves that may see any mixture.
            unsafe {
                core::arch::asm!(
                    concat!($move, " ", $register, "0, [{from}]"),
                    concat!($move, " ", $register, "1, [{from} + {gap}]"),
                    concat!($move, " ", $register, "2, [{from} + {second}]"),
                    concat!($move, " ", $register, "3, [{from} + {second} + {gap}]"),
                    concat!($move, " [{to}], ", $register, "0"),
                    concat!($move, " [{to} + {gap}], ", $register, "1"),
                    concat!($move, " [{to} + {second}], ", $register, "2"),
                    concat!($move, " [{to} + {second} + {gap}], ", $register, "3"),
                    $end,
                    from = in(reg) from, to = in(reg) to, second = in(reg) second, gap = const $width,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    $(out($more) _,)*
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

four!(narrow, 16, "movdqu", "xmm", "", []);
// Older instructions would wait for the upper halves of such registers, so those are cleared,
// of every register.
four!(
    wide,
    32,
    "vmovdqu",
    "ymm",
    "vzeroupper",
    [
        "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
        "xmm14", "xmm15"
    ]
);

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn steps_of_either_width_copy_every_byte_once_at_least_and_no_other() {
        for width in [16, 32] {
            for len in 2 * width..500 {
                let mut copied = vec![false; len];
                steps(len, width, |at, second| {
                    for start in [at, at + width, at + second, at + second + width] {
                        copied[start..start + width].fill(true);
                    }
                });
                assert!(copied.into_iter().all(|copied| copied), "{len} bytes");
            }
        }
    }
}
