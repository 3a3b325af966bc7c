//! The Toeplitz hash, in three implementations that agree.
//!
//! [`toeplitz`] is the definition bit by bit, slow and obvious. [`Toeplitz`] uses that
//! the hash is linear over exclusive or, so that what each part of the input contributes
//! can be prepared for a key: as matrices where the processor multiplies by them
//! (`gfni.rs`), else as tables of each half byte. A row of 16 words is one cache line and
//! all tables take 4.5 KiB; whole-byte tables would halve the look-ups but fill the
//! first-level cache with one partition's key.

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "instructions that not every processor has")]
mod gfni;

use core::array;

use crate::input::{Input, MAX_BYTES};
use crate::{Hash, Key};

/// Hashes `data` under `key`, bit by bit; only the first 36 bytes count.
pub fn toeplitz(key: &Key, data: &[u8]) -> u32 {
    let mut hash = 0;
    // Each byte meets 40 bits of the key, each of its bits the 32 from its place on.
    for (byte, window) in data.iter().zip(key.bytes().windows(5)) {
        let window = window
            .iter()
            .fold(0, |bits, &next| bits << 8 | u64::from(next));
        for bit in (0..8).filter(|bit| byte & (0x80 >> bit) != 0) {
            hash ^= (window >> (8 - bit)) as u32;
        }
    }
    hash
}

/// A key made ready for fast hashing.
#[derive(Clone)]
#[repr(align(64))]
pub struct Toeplitz {
    /// For each input byte: the contribution of its upper, then its lower half.
    halves: [[[u32; 16]; 2]; MAX_BYTES],
    #[cfg(target_arch = "x86_64")]
    matrices: Option<gfni::Matrices>,
}

impl Toeplitz {
    /// Prepares `key` for the fastest way that this processor has.
    pub fn new(key: &Key) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            matrices: gfni::Matrices::new(key),
            ..Self::by_tables(key)
        }
    }

    /// Prepares `key` for tables alone, the way of processors that have no other.
    pub fn by_tables(key: &Key) -> Self {
        let contribution = |at: usize, value: usize| {
            let mut data = [0; MAX_BYTES];
            data[at] = value as u8;
            toeplitz(key, &data)
        };
        let row = |at, shift| array::from_fn(|half| contribution(at, half << shift));
        Self {
            halves: array::from_fn(|at| [row(at, 4), row(at, 0)]),
            #[cfg(target_arch = "x86_64")]
            matrices: None,
        }
    }

    /// Hashes `data`; only the first 36 bytes count. Those of an [`Input`] with ports, 12
    /// or 36 bytes, are hashed fastest.
    pub fn hash(&self, data: &[u8]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if let Some(matrices) = &self.matrices
            && let Some(hash) = matrices.hash_12(data).or_else(|| matrices.hash_36(data))
        {
            return hash;
        }
        self.halves.iter().zip(data).fold(0, |hash, (rows, byte)| {
            hash ^ rows[0][usize::from(byte >> 4)] ^ rows[1][usize::from(byte & 15)]
        })
    }

    /// Hashes the bytes of `input` and says what they were.
    pub fn hash_of(&self, input: &Input) -> Hash {
        Hash {
            value: self.hash(input.padded()),
            kind: input.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::{Ipv4Addr, Ipv6Addr};

    use proptest::array::uniform;
    use proptest::prelude::*;

    use super::*;
    use crate::HashKind;

    /// Destination and source with their ports, hash of the addresses, hash of
    /// addresses and ports.
    type Row = ((&'static str, u16), (&'static str, u16), u32, u32);

    /// The IPv4 rows of Microsoft's "Verifying the RSS Hash Calculation".
    const IPV4: [Row; 5] = [
        (
            ("161.142.100.80", 1766),
            ("66.9.149.187", 2794),
            0x323e_8fc2,
            0x51cc_c178,
        ),
        (
            ("65.69.140.83", 4739),
            ("199.92.111.2", 14230),
            0xd718_262a,
            0xc626_b0ea,
        ),
        (
            ("12.22.207.184", 38024),
            ("24.19.198.95", 12898),
            0xd2d0_a5de,
            0x5c2b_394a,
        ),
        (
            ("209.142.163.6", 2217),
            ("38.27.205.30", 48228),
            0x8298_9176,
            0xafc7_327f,
        ),
        (
            ("202.188.127.2", 1303),
            ("153.39.163.191", 44251),
            0x5d18_09c5,
            0x10e8_28a2,
        ),
    ];

    /// The IPv6 rows.
    const IPV6: [Row; 3] = [
        (
            ("3ffe:2501:200:3::1", 1766),
            ("3ffe:2501:200:1fff::7", 2794),
            0x2cc1_8cd5,
            0x4020_7d3d,
        ),
        (
            ("ff02::1", 4739),
            ("3ffe:501:8::260:97ff:fe40:efab", 14230),
            0x0f0c_461c,
            0xdde5_1bbf,
        ),
        (
            ("fe80::200:f8ff:fe21:67cf", 38024),
            ("3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251),
            0x4b61_e985,
            0x02d1_feef,
        ),
    ];

    /// `key` prepared in every way that this processor has.
    fn ways(key: &Key) -> [Toeplitz; 2] {
        [Toeplitz::by_tables(key), Toeplitz::new(key)]
    }

    fn assert_all_hash(input: &Input, expected: u32) {
        assert_eq!(toeplitz(&Key::MICROSOFT, input.bytes()), expected);
        for way in ways(&Key::MICROSOFT) {
            let hash = way.hash_of(input);
            assert_eq!((hash.value, hash.kind), (expected, input.kind()));
            assert_eq!(way.hash(input.bytes()), expected);
        }
    }

    /// Whether the hash of each of `data`, whose length the compiler knows, is what the
    /// definition says.
    fn each_agrees<const N: usize>(key: &Key, data: &[[u8; N]]) -> bool {
        let right = |way: &Toeplitz, data: &[u8; N]| way.hash(data) == toeplitz(key, data);
        ways(key)
            .iter()
            .all(|way| data.iter().all(|data| right(way, data)))
    }

    #[test]
    fn ipv4_rows_of_the_verification_suite_hash_as_published() {
        for ((dst, dst_port), (src, src_port), addresses, with_ports) in IPV4 {
            let [src, dst] = [src, dst].map(|text| text.parse::<Ipv4Addr>().unwrap());
            assert_all_hash(&Input::v4(src, dst, None, HashKind::Ipv4), addresses);
            let ports = Some((src_port, dst_port));
            assert_all_hash(&Input::v4(src, dst, ports, HashKind::Ipv4Tcp), with_ports);
        }
    }

    #[test]
    fn ipv6_rows_of_the_verification_suite_hash_as_published() {
        for ((dst, dst_port), (src, src_port), addresses, with_ports) in IPV6 {
            let [src, dst] = [src, dst].map(|text| text.parse::<Ipv6Addr>().unwrap());
            assert_all_hash(&Input::v6(src, dst, None, HashKind::Ipv6), addresses);
            let ports = Some((src_port, dst_port));
            assert_all_hash(&Input::v6(src, dst, ports, HashKind::Ipv6Tcp), with_ports);
        }
    }

    #[test]
    fn bit_of_the_input_meets_the_32_bits_of_the_key_from_its_place_on() {
        for (bit, expected) in [
            (0, 0x6d5a_56da),
            (4, 0xd5a5_6da2),
            (8, 0x5a56_da25),
            (280, 0x3bbe_ac01),
            (287, 0xdf56_00fd),
        ] {
            let mut data = [0; MAX_BYTES];
            data[bit / 8] = 0x80 >> (bit % 8);
            assert_eq!(toeplitz(&Key::MICROSOFT, &data), expected, "bit {bit}");
        }
    }

    #[test]
    fn bytes_past_the_thirty_sixth_do_not_count() {
        let data = [0xa5; MAX_BYTES + 4];
        let expected = toeplitz(&Key::MICROSOFT, &data[..MAX_BYTES]);
        assert_eq!(toeplitz(&Key::MICROSOFT, &data), expected);
        for way in ways(&Key::MICROSOFT) {
            assert_eq!(way.hash(&data), expected);
        }
    }

    #[test]
    fn key_of_a_partition_fits_beside_others_in_the_first_level_cache() {
        // Matrices take the place of the tables, for all but odd lengths.
        let matrices = if cfg!(target_arch = "x86_64") {
            384 + 64
        } else {
            0
        };
        assert_eq!(size_of::<Toeplitz>(), 4608 + matrices);
        assert_eq!(align_of::<Toeplitz>(), 64);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn processor_with_the_instructions_multiplies_and_any_other_looks_up() {
        // The standard library asks the processor by code of its own.
        let [f, dq] = [
            std::is_x86_feature_detected!("avx512f"),
            std::is_x86_feature_detected!("avx512dq"),
        ];
        let [vl, gfni] = [
            std::is_x86_feature_detected!("avx512vl"),
            std::is_x86_feature_detected!("gfni"),
        ];
        let multiplies = f && dq && vl && gfni;
        std::println!("this processor multiplies: {multiplies}");
        let [tables, best] = ways(&Key::MICROSOFT);
        assert!(tables.matrices.is_none());
        assert_eq!(best.matrices.is_some(), multiplies);
    }

    proptest! {
        #[test]
        fn prepared_key_hashes_as_the_definition_does(
            key in uniform::<_, 40>(any::<u8>()),
            data in uniform::<_, 80>(any::<u8>()),
        ) {
            let key = Key::new(key);
            let ways = ways(&key);
            for len in 0..=data.len() {
                for way in &ways {
                    prop_assert_eq!(way.hash(&data[..len]), toeplitz(&key, &data[..len]), "{}", len);
                }
            }
        }

        #[test]
        fn all_at_once_hash_as_the_definition_does(
            key in uniform::<_, 40>(any::<u8>()),
            data in proptest::collection::vec(uniform::<_, 40>(any::<u8>()), 0..=33),
        ) {
            let (key, bytes) = (Key::new(key), data.as_flattened());
            prop_assert!(each_agrees::<12>(&key, bytes.as_chunks().0));
            prop_assert!(each_agrees::<36>(&key, bytes.as_chunks().0));
            prop_assert!(each_agrees::<8>(&key, bytes.as_chunks().0));
            prop_assert!(each_agrees::<40>(&key, &data));
        }

        #[test]
        fn hash_is_linear_over_exclusive_or(
            key in uniform::<_, 40>(any::<u8>()),
            left in uniform::<_, MAX_BYTES>(any::<u8>()),
            right in uniform::<_, MAX_BYTES>(any::<u8>()),
        ) {
            let hash = |data: &[u8]| toeplitz(&Key::new(key), data);
            let both: [u8; MAX_BYTES] = core::array::from_fn(|i| left[i] ^ right[i]);
            prop_assert_eq!(hash(&both), hash(&left) ^ hash(&right));
        }

        #[test]
        fn symmetric_key_hashes_both_directions_alike(
            src: [u8; 16], dst: [u8; 16], ports: (u16, u16),
        ) {
            let hash = |input: Input| toeplitz(&Key::SYMMETRIC, input.bytes());
            let [src, dst] = [src, dst].map(Ipv6Addr::from);
            let there = Input::v6(src, dst, Some(ports), HashKind::Ipv6Udp);
            let back = Input::v6(dst, src, Some((ports.1, ports.0)), HashKind::Ipv6Udp);
            prop_assert_eq!(hash(there), hash(back));
        }
    }
}
