//! What tests throw at a card: random numbers from fixed seeds, and frames made of them.

/// Marsaglia's xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }
}

/// A frame of any length, most of them with a type that a card looks behind.
pub(crate) fn frame(random: &mut Random) -> Vec<u8> {
    let bytes = match random.below(8) {
        0 => random.below(20),
        1 => random.below(20_000),
        _ => random.below(200),
    };
    let mut frame: Vec<u8> = (0..bytes).map(|_| random.next() as u8).collect();
    let types: [&[u8]; 5] = [
        &[0x81, 0, 0, 1],
        &[0x08, 0, 0x45, 0],
        &[0x86, 0xDD, 0x60],
        &[0x88, 8, 0, 1],
        &[0x08, 0, 0x4F],
    ];
    let kind = types[random.below(5) as usize];
    if let Some(place) = frame.get_mut(12..12 + kind.len()) {
        place.copy_from_slice(kind);
    }
    if let Some(first) = frame.first_mut() {
        *first &= random.next() as u8;
    }
    frame
}
