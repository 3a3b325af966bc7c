//! The hash by Galois-field instructions: every unsafe line of this crate.
//!
//! What byte `i` of the input adds to byte `j` of the hash depends on nothing but the key
//! from bit `8 * (i + j)` on: it is the byte times a matrix of 8 by 8 bits, one for each
//! sum of `i` and `j`. One instruction multiplies eight bytes by each of four matrices, the
//! four of step `s` by the bytes from `4 * s - 3` on: matrix `l` of them has at byte `l` to
//! `l + 3` of its products what belongs to bytes 3 to 0 of the hash, whichever step it is.
//! So products are added over the steps, then shifted by `l` bytes, then added over the four.
//!
//! The rule: there are [`Matrices`] only where processor and operating system have the
//! instructions. These are assembly because that becomes part of any caller. A function
//! of Rust that has them is always called, which takes half as long as the hash of IPv4.

use core::arch::asm;
use core::array;
use core::mem::offset_of;

use crate::Key;

cpufeatures::new!(instructions, "avx512f", "avx512dq", "avx512vl", "gfni");

/// A matrix for each byte of the key.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Matrices {
    /// Byte `r` of matrix `k` is the key's bits from `8 * k + r` on.
    matrices: [[u8; 8]; Key::BYTES],
    /// How many bits the products of the four matrices of a step are shifted.
    shifts: [u64; 4],
}

/// Four times the eight bytes of the input from byte `$start` on, moved by so many bytes.
macro_rules! part {
    ($start:literal) => {
        concat!("vpbroadcastq ymm17, [{data} + ", $start, "]")
    };
    ($start:literal << $bytes:literal) => {
        concat!(
            "vpsllq ymm17, qword ptr [{data} + ",
            $start,
            "]{{1to4}}, 8 * ",
            $bytes
        )
    };
    ($start:literal >> $bytes:literal) => {
        concat!(
            "vpsrlq ymm17, qword ptr [{data} + ",
            $start,
            "]{{1to4}}, 8 * ",
            $bytes
        )
    };
}

/// A function that hashes so many bytes, of which each step is given that [`part`]: zeros
/// stand for what would lie outside. Registers from 16 on are used because they need no
/// `vzeroupper` before a caller's older instructions.
macro_rules! hash {
    ($name:ident, $bytes:literal, $($step:literal: ($start:literal $($way:tt)*)),*) => {
        /// Hashes that many bytes; `None` if `data` is of another length.
        pub(super) fn $name(&self, data: &[u8]) -> Option<u32> {
            $(const { assert!($start <= $bytes - 8 && 4 * $step < Key::BYTES) };)*
            let data: &[u8; $bytes] = data.try_into().ok()?;
            let (upper, lower): (u32, u32);
            // SAFETY: `new` found the instructions. They write to none but the named
            // registers and read inside what the references lead to: parts that end in
            // `data` and steps that exist, as asserted above, and the shifts.
            unsafe { asm!(
                "vpxord xmm16, xmm16, xmm16",
                $(part!($start $($way)*),
                concat!("vgf2p8affineqb ymm17, ymm17, [{key} + 32 * ", $step, "], 0"),
                "vpxorq ymm16, ymm16, ymm17",)*
                "vpsrlvq ymm16, ymm16, [{key} + {shifts}]",
                "vextracti32x4 xmm17, ymm16, 1",
                "vpxorq xmm16, xmm16, xmm17",
                "vpextrd {upper:e}, xmm16, 2",
                "vmovd {lower:e}, xmm16",
                data = in(reg) data, key = in(reg) self,
                shifts = const offset_of!(Self, shifts),
                upper = lateout(reg) upper, lower = lateout(reg) lower,
                out("xmm16") _, out("xmm17") _,
                options(pure, readonly, nostack, preserves_flags),
            ) };
            Some(upper ^ lower)
        }
    };
}

impl Matrices {
    /// The matrices of `key`; `None` where nothing could multiply by them.
    pub(super) fn new(key: &Key) -> Option<Self> {
        let row = |at: usize| match key.bytes()[at / 8..] {
            [this, next, ..] => (u16::from_be_bytes([this, next]) >> (8 - at % 8)) as u8,
            _ => 0,
        };
        let matrix = |k| array::from_fn(|r| row(8 * k + r));
        let shifts = [0, 8, 16, 24];
        instructions::get().then(|| Self {
            matrices: array::from_fn(matrix),
            shifts,
        })
    }

    hash!(hash_12, 12, 0: (0 << 3), 1: (1), 2: (4 >> 1), 3: (4 >> 5));
    hash!(hash_36, 36, 0: (0 << 3), 1: (1), 2: (5), 3: (9), 4: (13), 5: (17), 6: (21), 7: (25),
        8: (28 >> 1), 9: (28 >> 5));
}
