//! The configuration EEPROM: a MAC address and a valid sum.
//!
//! EERD, which reads it, is alike on both 1 GbE cards (datasheets of 82574 and 82576).

use lockgate_regs::registers;

registers! {
    /// EEPROM read.
    Stable Eerd("EERD", 0x0014) {
        /// Starts the read.
        pub start: bool,
        /// The read is over and `data` holds the word.
        pub done: bool,
        /// Which word.
        #[bits(14)] pub address: u16,
        /// The word.
        pub data: u16,
    }
}

/// The first of three words that hold the MAC address, two bytes each, the
/// first byte low (82576 datasheet, chapter 6).
const MAC_ADDRESS: u16 = 0x00;

/// The word that completes the sum (82576 datasheet, chapter 6).
const CHECKSUM: u16 = 0x3F;

/// What words 0 to [`CHECKSUM`] sum up to, modulo 65536.
const SUM: u16 = 0xBABA;

/// The words of an EEPROM that holds `mac` and little else.
#[derive(Debug, Clone)]
pub(crate) struct Nvm(Vec<u16>);

/// What the 82599's EEPROM says besides, as word and value (82599 datasheet, chapter 6):
/// firmware of version 6 without settings for the link, and that the SFP+ module known as
/// number 3, passive copper on port 0, needs nothing.
const SFP: [(usize, u16); 12] = [
    (0x0F, 0x50),
    (0x27, 0xFFFF),
    (0x28, 0xFFFF),
    (0x2B, 0x70),
    // Any module may be used.
    (0x2C, 1),
    (0x52, 0xFFFF),
    (0x54, 0x60),
    (0x67, 6),
    (0x71, 3),
    (0x72, 0x80),
    (0x73, 0xFFFF),
    (0x81, 0xFFFF),
];

impl Nvm {
    pub(crate) fn new(mac: [u8; 6]) -> Self {
        Self::with(mac, vec![0; usize::from(CHECKSUM) + 1])
    }

    /// That of an 82599 with an SFP+ module.
    pub(crate) fn with_sfp(mac: [u8; 6]) -> Self {
        let mut words = vec![0; 0x82];
        SFP.into_iter().for_each(|(at, value)| words[at] = value);
        Self::with(mac, words)
    }

    fn with(mac: [u8; 6], mut words: Vec<u16>) -> Self {
        let pairs = mac.as_chunks::<2>().0;
        for (word, pair) in words.iter_mut().skip(MAC_ADDRESS.into()).zip(pairs) {
            *word = u16::from_le_bytes(*pair);
        }
        let summed = words.iter().take(usize::from(CHECKSUM));
        let sum = summed.fold(0_u16, |sum, &word| sum.wrapping_add(word));
        words[usize::from(CHECKSUM)] = SUM.wrapping_sub(sum);
        Self(words)
    }

    /// What EERD holds once the read that `eerd` asks for is done, which is at once.
    pub(crate) fn answer(&self, eerd: Eerd) -> Eerd {
        if !eerd.start() {
            return eerd;
        }
        eerd.with_start(false)
            .with_done(true)
            .with_data(self.word(eerd.address()))
    }

    /// Word `address`; all ones behind the end.
    fn word(&self, address: u16) -> u16 {
        self.0
            .get(usize::from(address))
            .copied()
            .unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Nvm;

    #[test]
    fn the_first_64_words_sum_up_to_baba() {
        let nvm = Nvm::new([0x02, 0x4C, 0x47, 0xFF, 0x82, 0x76]);
        let sum = (0..64).fold(0_u16, |sum, at| sum.wrapping_add(nvm.word(at)));
        assert_eq!(sum, 0xBABA);
        assert_eq!(nvm.word(0), 0x4C02);
        assert_eq!(nvm.word(2), 0x7682);
        assert_eq!(nvm.word(64), 0xFFFF);
    }
}
