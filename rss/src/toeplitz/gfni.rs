//! Toeplitz by products of bit matrices: processors with GFNI and AVX-512.
//!
//! What byte `i` of the input adds to byte `j` of the hash depends on the key from its
//! byte `i + j` on, so one matrix of 8 by 8 bits serves all pairs with the same sum `k`.
//! Quadword `k` of a vector holds the bytes `k - j` of the input, `j` from 0 to 3, times
//! matrix `k`; all quadwords together, exclusive or, are the hash. The upper four bytes
//! do the same for a second input.

use core::arch::x86_64 as cpu;
use core::array;

use super::bulk::matrices::multiply_each;
use crate::Key;
use crate::input::MAX_BYTES;

cpufeatures::new!(features, "gfni", "avx512f", "avx512bw", "avx512vbmi");

/// Where the input begins in its vector; zeros are in front.
const FRONT: u8 = 4;

/// A key's matrices.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Matrices {
    matrices: [u64; 40],
    /// Which bytes quadwords 0 to 7 hold, those from 64 on of the second input.
    places: [u8; 64],
}

/// An input as a vector.
type Input = cpu::__m512i;

impl Matrices {
    /// Those of `key`; `None` if this processor, or its operating system, cannot use them.
    pub(super) fn new(key: &Key) -> Option<Self> {
        features::get().then(|| {
            let mut matrices = [0; 40];
            for (matrix, pair) in matrices.iter_mut().zip(key.bytes().windows(2)) {
                // Row by row: eight bits of the key, each row one bit further.
                let bits = u64::from(pair[0]) << 8 | u64::from(pair[1]);
                *matrix =
                    (0..8).fold(0, |rows, row| rows | (bits >> (8 - row) & 0xff) << (8 * row));
            }
            let place = |at: u8| (at & 4) << 4 | (FRONT + at / 8 - at % 4);
            Self { matrices, places: array::from_fn(|at| place(at as u8)) }
        })
    }

    /// Hashes `input`; only the first 36 bytes count.
    #[inline]
    pub(super) fn hash(&self, input: &[u8]) -> u32 {
        // SAFETY: `new` has found every feature that it needs.
        unsafe { self.multiply_one(input) }
    }

    /// Hashes each of `inputs`, as far as both go.
    pub(super) fn hash_each<const N: usize>(&self, inputs: &[[u8; N]], hashes: &mut [u32]) {
        // SAFETY: as in `hash`.
        unsafe { multiply_each(self, inputs, hashes) }
    }

    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    fn multiply_one(&self, input: &[u8]) -> u32 {
        let [hash, _] = self.multiply(load(input), cpu::_mm512_setzero_si512(), input.len());
        hash
    }

    /// Hashes two inputs, the longer of which has `bytes` bytes.
    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    #[inline]
    pub(super) fn multiply(&self, first: Input, second: Input, bytes: usize) -> [u32; 2] {
        // SAFETY: the array is as long as the vector.
        let mut places = unsafe { cpu::_mm512_loadu_epi8(self.places.as_ptr().cast()) };
        let mut sum = cpu::_mm512_setzero_si512();
        for matrices in self.matrices.chunks_exact(8).take((bytes + 10) / 8) {
            // SAFETY: eight quadwords are as long as the vector.
            let matrices = unsafe { cpu::_mm512_loadu_epi64(matrices.as_ptr().cast()) };
            let bytes = cpu::_mm512_permutex2var_epi8(first, places, second);
            let products = cpu::_mm512_gf2p8affine_epi64_epi8::<0>(bytes, matrices);
            sum = cpu::_mm512_xor_si512(sum, products);
            places = cpu::_mm512_add_epi8(places, cpu::_mm512_set1_epi8(8));
        }
        let upper = cpu::_mm512_extracti64x4_epi64::<1>(sum);
        let half = cpu::_mm256_xor_si256(cpu::_mm512_castsi512_si256(sum), upper);
        let upper = cpu::_mm256_extracti128_si256::<1>(half);
        let quarter = cpu::_mm_xor_si128(cpu::_mm256_castsi256_si128(half), upper);
        let both = cpu::_mm_xor_si128(quarter, cpu::_mm_unpackhi_epi64(quarter, quarter));
        let both = cpu::_mm_cvtsi128_si64(both);
        [both as u32, (both >> 32) as u32].map(u32::from_be)
    }
}

/// The first 36 bytes of `input` behind zeros, and zeros behind them.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub(super) fn load(input: &[u8]) -> Input {
    let mask = ((1 << input.len().min(MAX_BYTES)) - 1) << FRONT;
    let front = input.as_ptr().wrapping_sub(FRONT.into());
    // SAFETY: only bytes of the mask are read, and those are in the input.
    unsafe { cpu::_mm512_maskz_loadu_epi8(mask, front.cast()) }
}
