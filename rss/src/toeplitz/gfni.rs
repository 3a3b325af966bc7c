//! The hash by Galois-field instructions: every unsafe line of this crate.
//!
//! What byte `i` of the input adds to byte `j` of the hash depends on nothing but the key
//! from bit `8 * (i + j)` on: it is the byte times a matrix of 8 by 8 bits, one for each
//! sum of `i` and `j`. One instruction multiplies eight bytes by each of eight matrices,
//! so matrix `k` is given bytes `k - 3` to `k` of the input, for bytes 3 to 0 of the
//! hash, and the products of all matrices are added at the end.
//!
//! The rule: there are [`Matrices`] only where processor and operating system have the
//! instructions. These are assembly because that becomes part of any caller. A function
//! of Rust that has them is always called, which takes half as long as the hash of IPv4.

use core::arch::asm;
use core::array;

use crate::Key;

cpufeatures::new!(instructions, "avx512f", "avx512bw", "avx512dq", "avx512vl", "gfni");

/// What goes into a register in each of five steps.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Steps(#[expect(dead_code, reason = "read in assembly")] [[u8; 64]; 5]);

/// Eight matrices for each step: byte `r` of matrix `k` is the key's bits from `8 * k + r`.
#[derive(Clone)]
pub(super) struct Matrices(Steps);

/// Which bytes the matrices are given, counted from where the step's part of the input
/// begins and less than `width`, the bytes of a part. The top bit stands for a zero.
const fn places(width: usize, parts: &[(usize, usize)]) -> Steps {
    let mut places = [[0; 64]; 5];
    let mut at = 0;
    while at < 64 * parts.len() {
        let (step, start) = parts[at / 64];
        let place = (8 * step + at % 64 / 8 + at % 4).wrapping_sub(3 + start);
        places[step][at % 64] = if place < width { place as u8 } else { 0x80 };
        at += 1;
    }
    Steps(places)
}

/// A function that hashes so many bytes. `load` fills a register with copies of the
/// `width` bytes of the input from `start` on, which serve these steps. Registers from 16
/// on are used because they need no `vzeroupper` before a caller's older instructions.
macro_rules! hash {
    ($name:ident, $bytes:literal, $load:literal, $width:literal,
     $($start:literal: $($step:literal),*);*) => {
        /// Hashes that many bytes; `None` if `data` is of another length.
        pub(super) fn $name(&self, data: &[u8]) -> Option<u32> {
            $(const { assert!($start + $width <= $bytes) };)*
            let data: &[u8; $bytes] = data.try_into().ok()?;
            let places = const { &places($width, &[$($(($step, $start),)*)*]) };
            let (upper, lower): (u32, u32);
            // SAFETY: `new` found the instructions. They write to none but the named
            // registers and read inside what the references lead to: of `data` parts
            // that end in it, as asserted above, of the others steps that exist, or
            // `places` would not compile.
            unsafe { asm!(
                "vpxord xmm16, xmm16, xmm16",
                $(concat!($load, " zmm17, [{data} + ", $start, "]"),
                $(concat!("vpshufb zmm18, zmm17, [{places} + 64 * ", $step, "]"),
                concat!("vgf2p8affineqb zmm18, zmm18, [{key} + 64 * ", $step, "], 0"),
                "vpxorq zmm16, zmm16, zmm18",)*)*
                "vextracti64x4 ymm17, zmm16, 1",
                "vpxorq ymm16, ymm16, ymm17",
                "vextracti32x4 xmm17, ymm16, 1",
                "vpxorq xmm16, xmm16, xmm17",
                "vpextrd {upper:e}, xmm16, 2",
                "vmovd {lower:e}, xmm16",
                data = in(reg) data, places = in(reg) places, key = in(reg) &self.0,
                upper = lateout(reg) upper, lower = lateout(reg) lower,
                out("xmm16") _, out("xmm17") _, out("xmm18") _,
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
        let step = |step| array::from_fn(|at| row(64 * step + at));
        instructions::get().then(|| Self(Steps(array::from_fn(step))))
    }

    hash!(hash_12, 12, "vpbroadcastq", 8, 0: 0; 4: 1);
    hash!(hash_36, 36, "vbroadcasti32x4", 16, 0: 0, 1; 13: 2; 20: 3, 4);
}
