//! Many hashes at once. Nothing in the trusted core calls this.

use super::Toeplitz;

impl Toeplitz {
    /// Hashes each of `inputs` into its place in `hashes`, as far as both go.
    pub fn hash_each<const N: usize>(&self, inputs: &[[u8; N]], hashes: &mut [u32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(matrices) = &self.matrices {
            return matrices.hash_each(inputs, hashes);
        }
        hashes.iter_mut().zip(inputs).for_each(|(hash, input)| *hash = self.hash(input));
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod matrices {
    use super::super::gfni::{Matrices, load};

    /// Two by two, and the last by itself.
    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    pub(in super::super) fn multiply_each<const N: usize>(
        matrices: &Matrices,
        inputs: &[[u8; N]],
        hashes: &mut [u32],
    ) {
        let count = inputs.len().min(hashes.len());
        let (inputs, hashes) = (&inputs[..count], &mut hashes[..count]);
        let ((inputs, last), (hashes, last_hash)) =
            (inputs.as_chunks::<2>(), hashes.as_chunks_mut::<2>());
        for ([first, second], hashes) in inputs.iter().zip(hashes) {
            *hashes = matrices.multiply(load(first), load(second), N);
        }
        for (input, hash) in last.iter().zip(last_hash) {
            let input = load(input);
            [*hash, _] = matrices.multiply(input, input, N);
        }
    }
}
