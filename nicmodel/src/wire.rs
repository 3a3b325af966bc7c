//! The wire side: what a card sent, and what Ethernet itself asks of a frame.
//!
//! Frames here have no preamble and no check sequence.
//!
//! Not here: what a card does with a frame.

/// Bytes of the shortest frame, without its check sequence.
pub(crate) const SHORTEST: usize = 60;

/// Bytes of an Ethernet header: two addresses and a type.
pub(crate) const HEADER: usize = 14;

/// Bytes of the check sequence.
pub(crate) const FCS: usize = 4;

/// The longest frame that an 82576 takes in either direction, check sequence
/// included (82576 datasheet, chapter 7: jumbo frames of 9728 bytes).
pub(crate) const LONGEST: usize = 0x2600;

/// The frame as it is on the wire: padded with zeros in `space`, unless it is no frame.
pub(crate) fn padded<'f>(frame: &'f [u8], space: &'f mut [u8; SHORTEST]) -> &'f [u8] {
    match space.get_mut(..frame.len()) {
        Some(start) if frame.len() >= HEADER => {
            start.copy_from_slice(frame);
            space
        }
        _ => frame,
    }
}

/// What left the card, in order, until somebody takes it.
#[derive(Debug, Default)]
pub(crate) struct Wire(Vec<Vec<u8>>);

impl Wire {
    pub(crate) fn send(&mut self, frame: Vec<u8>) {
        self.0.push(frame);
    }

    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0)
    }
}

/// The check sequence of `frame` as it follows on the wire (IEEE 802.3, 3.2.9).
pub(crate) fn check_sequence(frame: &[u8]) -> [u8; FCS] {
    let mut crc = u32::MAX;
    for &byte in frame {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    (!crc).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::check_sequence;

    #[test]
    fn the_check_sequence_is_crc_32() {
        assert_eq!(check_sequence(b"123456789"), 0xCBF4_3926_u32.to_le_bytes());
    }
}
