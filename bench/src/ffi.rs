//! The processor's clock, and DPDK through the shim in `shim/`.
//!
//! Everything here is safe to call: lengths are checked before C sees them.

#[cfg(feature = "dpdk")]
pub use dpdk::{Gfni, Ring, RingReceiver, RingSender, SoftRss, TUPLES};

/// The processor's time-stamp counter, which advances at one rate whatever the core's
/// own; `None` where there is none.
pub fn cycles() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every 64-bit x86 has the instruction, and nothing here runs where the
    // operating system forbids it.
    return Some(unsafe { core::arch::x86_64::_rdtsc() });
    #[cfg(not(target_arch = "x86_64"))]
    None
}

#[cfg(feature = "dpdk")]
mod dpdk {
    use std::ffi::c_int;
    use std::ptr::NonNull;
    use std::sync::Arc;

    /// Tuples that each call hashes.
    pub const TUPLES: usize = 32;

    /// Opaque to Rust.
    #[repr(C)]
    struct RawRing {
        _opaque: [u8; 0],
    }

    unsafe extern "C" {
        fn lockgate_gfni_supported() -> c_int;
        fn lockgate_convert_key(key: *const u8, words: *mut u32);
        fn lockgate_complete_matrix(key: *const u8, matrices: *mut u64);
        fn lockgate_softrss_be(words: *const u32, tuples: *mut u32, out: *mut u32, bytes: c_int);
        fn lockgate_gfni(matrices: *const u64, tuples: *const u8, out: *mut u32, bytes: c_int);
        fn lockgate_gfni_bulk(m: *const u64, tuples: *mut *mut u8, out: *mut u32, bytes: c_int);
        fn lockgate_ring_new(slots: u32, stride: u32) -> *mut RawRing;
        fn lockgate_ring_free(ring: *mut RawRing);
        fn lockgate_ring_send(ring: *mut RawRing, frame: *const u8, len: u32, n: u32) -> u32;
        fn lockgate_ring_receive(ring: *mut RawRing, into: *mut u8, n: u32) -> u32;
    }

    /// The two lengths that the shim was built for.
    fn length<const N: usize>() -> c_int {
        assert!(
            N == 12 || N == 36,
            "the shim hashes 12 or 36 bytes, not {N}"
        );
        N as c_int
    }

    /// `rte_softrss_be` under one key.
    pub struct SoftRss([u32; 10]);

    impl SoftRss {
        /// Converts the key.
        pub fn new(key: &[u8; 40]) -> Self {
            let mut words = [0; 10];
            let bytes = words.as_mut_ptr();
            // C reads the key as words.
            let aligned: Vec<u32> = key.chunks(4).map(word).collect();
            // SAFETY: ten words are read and ten are written.
            unsafe { lockgate_convert_key(aligned.as_ptr().cast(), bytes) };
            Self(words)
        }

        /// The tuples as it takes them: words in the processor's order.
        pub fn convert<const N: usize>(tuples: &[[u8; N]; TUPLES]) -> Vec<u32> {
            tuples
                .as_flattened()
                .chunks(4)
                .map(|bytes| u32::from_be(word(bytes)))
                .collect()
        }

        /// Hashes tuples of `N` bytes that [`SoftRss::convert`] made.
        ///
        /// # Panics
        /// When they are not 32.
        pub fn hash<const N: usize>(&self, tuples: &mut [u32], out: &mut [u32; TUPLES]) {
            assert_eq!(tuples.len(), TUPLES * N / 4, "32 tuples");
            let (tuples, out) = (tuples.as_mut_ptr(), out.as_mut_ptr());
            // SAFETY: `tuples` and `out` are as long as the shim reads and writes, and a
            // tuple of 9 words meets 10 of the key.
            unsafe { lockgate_softrss_be(self.0.as_ptr(), tuples, out, length::<N>()) };
        }
    }

    fn word(bytes: &[u8]) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        u32::from_ne_bytes(word)
    }

    /// `rte_thash_gfni` and `rte_thash_gfni_bulk` under one key.
    pub struct Gfni([u64; 40]);

    impl Gfni {
        /// Prepares the key; `None` if this processor cannot.
        pub fn new(key: &[u8; 40]) -> Option<Self> {
            // SAFETY: it has no precondition.
            if unsafe { lockgate_gfni_supported() } == 0 {
                return None;
            }
            let mut matrices = [0; 40];
            // SAFETY: a matrix is written for each of the 40 bytes read.
            unsafe { lockgate_complete_matrix(key.as_ptr(), matrices.as_mut_ptr()) };
            Some(Self(matrices))
        }

        /// Hashes one tuple after the other.
        pub fn hash<const N: usize>(&self, tuples: &[[u8; N]; TUPLES], out: &mut [u32; TUPLES]) {
            let (bytes, out) = (tuples.as_flattened().as_ptr(), out.as_mut_ptr());
            // SAFETY: 32 tuples are read and 32 hashes written; `new` found the
            // instructions, and `N` bytes meet at most 39 of the 40 matrices.
            unsafe { lockgate_gfni(self.0.as_ptr(), bytes, out, length::<N>()) };
        }

        /// Hashes all in one call.
        pub fn hash_bulk<const N: usize>(
            &self,
            tuples: &[[u8; N]; TUPLES],
            out: &mut [u32; TUPLES],
        ) {
            let mut pointers = tuples.each_ref().map(|tuple| tuple.as_ptr().cast_mut());
            let (pointers, out) = (pointers.as_mut_ptr(), out.as_mut_ptr());
            // SAFETY: as for `hash`; C only reads what the pointers lead to.
            unsafe { lockgate_gfni_bulk(self.0.as_ptr(), pointers, out, length::<N>()) };
        }
    }

    /// A ring and its buffers, which go with the last of its ends.
    struct Owner(NonNull<RawRing>);

    impl Drop for Owner {
        fn drop(&mut self) {
            // SAFETY: made by `lockgate_ring_new`, and no end is left to use it.
            unsafe { lockgate_ring_free(self.0.as_ptr()) };
        }
    }

    // SAFETY: sender and receiver are one each, and the ring is made for two threads.
    unsafe impl Send for Owner {}
    // SAFETY: the shared reference is only used through those two.
    unsafe impl Sync for Owner {}

    /// `rte_ring` with one producer and one consumer.
    pub struct Ring;

    impl Ring {
        /// The ends of a ring of `slots`, a power of two, whose frames lie `stride`
        /// bytes apart, at least 64 and a multiple of it; `None` without memory.
        pub fn open(slots: u32, stride: u32) -> Option<(RingSender, RingReceiver)> {
            assert!(
                stride >= 64 && stride.is_multiple_of(64),
                "a stride of whole cache lines"
            );
            // SAFETY: it refuses what it cannot do.
            let ring = NonNull::new(unsafe { lockgate_ring_new(slots, stride) })?;
            let owner = Arc::new(Owner(ring));
            Some((RingSender(Arc::clone(&owner)), RingReceiver(owner)))
        }
    }

    /// The producer's end.
    pub struct RingSender(Arc<Owner>);

    impl RingSender {
        /// Sends `n` times the first `len` bytes of `frame`, or nothing; says how many.
        pub fn send(&mut self, frame: &[u8; 64], len: u32, n: usize) -> usize {
            let n = n.min(64) as u32;
            // SAFETY: the ring lives, this is its only sender, 64 bytes are read.
            let sent = unsafe { lockgate_ring_send(self.0.0.as_ptr(), frame.as_ptr(), len, n) };
            sent as usize
        }
    }

    /// The consumer's end.
    pub struct RingReceiver(Arc<Owner>);

    impl RingReceiver {
        /// Takes `n` frames, or none, each over the last; says how many.
        pub fn receive(&mut self, into: &mut [u8; 64], n: usize) -> usize {
            let n = n.min(64) as u32;
            // SAFETY: the ring lives, this is its only receiver, 64 bytes are written.
            unsafe { lockgate_ring_receive(self.0.0.as_ptr(), into.as_mut_ptr(), n) as usize }
        }
    }
}
