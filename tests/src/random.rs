//! Random numbers that a seed repeats.
//!
//! Not here: what is made of them.

use std::env;
use std::hash::{BuildHasher, RandomState};

/// A generator (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator that `seed` begins.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the environment variable `name`, or a new one where that says `random`;
    /// else always the same, so that nobody's change is judged by chance.
    ///
    /// # Panics
    /// When the variable holds neither.
    pub fn seed(name: &str) -> u64 {
        match env::var(name).as_deref() {
            Err(_) => 1,
            Ok("random") => RandomState::new().hash_one(0),
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        }
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there is none.
    pub fn among<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_repeats_and_the_published_sequence_comes_out() {
        // The reference sequence of seed 1234567.
        let mut random = Random::new(1_234_567);
        let first = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.word(), random.word()], first);
    }
}
