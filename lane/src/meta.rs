//! What travels beside a frame: two words per slot.
//!
//! Packing keeps a slot's metadata at 16 bytes, four slots to a cache line. From `up` the core
//! takes nothing but the length, which is clamped; the length of a frame is set by whoever
//! copies it, and never told apart from the copy.

/// Metadata words per slot.
pub(crate) const META_WORDS: usize = 2;

/// Bits of the first word that hold the length.
const LEN_MASK: u64 = 0xffff;
const QUEUE_SHIFT: u32 = 16;
const QUEUE_MASK: u64 = 0xfff;
const KIND_SHIFT: u32 = 28;
const KIND_MASK: u64 = 0xf;
const HASH_SHIFT: u32 = 32;

/// A Toeplitz hash as a card or the core computed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxHash {
    /// The hash.
    pub value: u32,
    /// The code of what was hashed, 1 to 15 (`lockgate_rss::HashKind::code`).
    pub kind: u8,
}

/// What the core tells a partition about one frame, its length apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// The partition's receive queue, below 4096: higher bits are cut.
    pub queue: u16,
    /// The hash by which the queue was chosen; `None` if nothing was hashed.
    pub hash: Option<RxHash>,
    /// When the frame reached the core, in nanoseconds of the core's clock.
    pub stamp_ns: u64,
}

impl Meta {
    /// The first word of a frame of `len` bytes, of which 16 bits are kept. Bits 15:0 length,
    /// 27:16 queue, 31:28 kind of hash (0 = none), 63:32 hash.
    #[inline(always)]
    pub(crate) fn first_word(self, len: usize) -> u64 {
        let hash = match self.hash {
            Some(hash) => {
                u64::from(hash.value) << HASH_SHIFT
                    | (u64::from(hash.kind) & KIND_MASK) << KIND_SHIFT
            }
            None => 0,
        };
        len as u64 & LEN_MASK | (u64::from(self.queue) & QUEUE_MASK) << QUEUE_SHIFT | hash
    }

    /// The length in a first word, in bytes, up to 65535.
    #[inline(always)]
    pub(crate) fn len_of(first: u64) -> usize {
        (first & LEN_MASK) as usize
    }

    /// All but the length, of both words.
    pub(crate) fn from_words(first: u64, stamp_ns: u64) -> Self {
        let kind = (first >> KIND_SHIFT & KIND_MASK) as u8;
        Self {
            queue: (first >> QUEUE_SHIFT & QUEUE_MASK) as u16,
            hash: (kind != 0).then_some(RxHash {
                value: (first >> HASH_SHIFT) as u32,
                kind,
            }),
            stamp_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(meta: Meta, len: usize) -> (Meta, usize) {
        let first = meta.first_word(len);
        (Meta::from_words(first, meta.stamp_ns), Meta::len_of(first))
    }

    #[test]
    fn packing_keeps_every_field_at_its_limit() {
        let hash = |value, kind| Some(RxHash { value, kind });
        let full = Meta {
            queue: 4095,
            hash: hash(u32::MAX, 15),
            stamp_ns: u64::MAX,
        };
        assert_eq!(through(full, 16384), (full, 16384));
        let first = Meta {
            hash: hash(0, 1),
            ..Meta::default()
        };
        assert_eq!(through(first, 0), (first, 0));
        assert_eq!(Meta::from_words(0, 0), Meta::default());
    }

    #[test]
    fn field_beyond_its_limit_does_not_reach_its_neighbour() {
        let hash = |kind| Some(RxHash { value: 0, kind });
        let over = Meta {
            queue: 4096,
            hash: hash(17),
            stamp_ns: 0,
        };
        let cut = Meta {
            hash: hash(1),
            ..Meta::default()
        };
        assert_eq!(through(over, 1 << 16), (cut, 0));
    }
}
