//! A fuzzer's bytes, taken off piece by piece.

/// What is left of them.
pub(crate) struct Bytes<'d> {
    left: &'d [u8],
}

impl<'d> Bytes<'d> {
    /// All of `data`.
    pub(crate) fn new(data: &'d [u8]) -> Self {
        Self { left: data }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next bytes, zeros where there are none left.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let count = N.min(self.left.len());
        let (taken, left) = self.left.split_at(count);
        array[..count].copy_from_slice(taken);
        self.left = left;
        array
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next two bytes, as a place or a length.
    pub(crate) fn short(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.array()))
    }

    /// The next word of 32 bits.
    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// The next word of 64 bits.
    pub(crate) fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
}
