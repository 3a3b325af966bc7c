//! What travels beside a frame: 16 bytes per slot.
//!
//! Packing keeps a slot's metadata at 16 bytes, four slots to a cache line. From
//! `up` the core takes nothing but the length.

/// [`Meta`] as it lies in memory: length, queue and kind of hash; hash; time.
pub type Words = (u32, u32, u64);

/// What the core tells a partition about one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// Length of the frame in bytes.
    pub len: u32,
    /// The partition's receive queue, below 4096.
    pub queue: u16,
    /// RSS hash and the code of its kind (1 to 15); `None` if nothing was hashed.
    pub hash: Option<(u32, u8)>,
    /// When the frame reached the core, in nanoseconds of the monotonic clock.
    pub stamp_ns: u64,
}

impl Meta {
    /// Bits 15:0 length, 27:16 queue, 31:28 kind of hash (0 = none), 63:32 hash; then
    /// the time.
    pub fn pack(self) -> Words {
        let (hash, kind) = self.hash.unwrap_or_default();
        let queue = u32::from(self.queue & 0xfff);
        let first = self.len & 0xffff | queue << 16 | u32::from(kind & 0xf) << 28;
        (first, hash, self.stamp_ns)
    }

    pub(crate) fn unpack((first, hash, stamp_ns): Words) -> Self {
        let kind = (first >> 28) as u8;
        Self {
            len: first & 0xffff,
            queue: (first >> 16) as u16 & 0xfff,
            hash: (kind != 0).then_some((hash, kind)),
            stamp_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_field_at_its_limit() {
        let full = Meta {
            len: 16384,
            queue: 4095,
            hash: Some((u32::MAX, 15)),
            stamp_ns: u64::MAX,
        };
        assert_eq!(Meta::unpack(full.pack()), full);
        let first = Meta {
            hash: Some((0, 1)),
            ..Meta::default()
        };
        assert_eq!(Meta::unpack(first.pack()), first);
        assert_eq!(Meta::unpack((0, 0, 0)), Meta::default());
    }

    #[test]
    fn field_beyond_its_limit_does_not_reach_its_neighbour() {
        let over = Meta {
            len: 0,
            queue: 4096,
            hash: Some((0, 17)),
            stamp_ns: 0,
        };
        let cut = Meta {
            hash: Some((0, 1)),
            ..Meta::default()
        };
        assert_eq!(Meta::unpack(over.pack()), cut);
    }
}
