//! Copying a frame between memory of the core's own.
//!
//! Exactly the frame's bytes are copied, never rounded up: what lies behind a frame
//! in a buffer is left from an earlier one, perhaps another partition's. The end is
//! covered by a last block that overlaps the one before.

/// Copies as much of `from` as fits to the start of `into`; returns that many bytes.
///
/// Short frames take a few wide moves in line; long ones a call to the system's
/// copy, which is tuned to the processor.
#[inline]
pub fn copy_frame(into: &mut [u8], from: &[u8]) -> usize {
    let len = from.len().min(into.len());
    let (into, from) = (&mut into[..len], &from[..len]);
    match len {
        32..=64 => both_ends::<32>(into, from),
        65..=128 => both_ends::<64>(into, from),
        16..=31 => both_ends::<16>(into, from),
        _ => into.copy_from_slice(from),
    }
    len
}

/// Copies the first and the last `N` bytes: everything, if there are `N` to 2 × `N`.
#[inline]
fn both_ends<const N: usize>(into: &mut [u8], from: &[u8]) {
    if let (Some(into), Some(from)) = (into.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *into = *from;
    }
    if let (Some(into), Some(from)) = (into.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *into = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_not_a_byte_beyond() {
        let from: Vec<u8> = (0..1600).map(|i| (i * 7 + 1) as u8 | 1).collect();
        for len in 0..from.len() {
            let mut into = vec![0; len + 64];
            assert_eq!(copy_frame(&mut into, &from[..len]), len);
            assert_eq!(into[..len], from[..len]);
            assert!(into[len..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }

    #[test]
    fn frame_longer_than_its_place_is_cut() {
        let mut into = [0; 60];
        assert_eq!(copy_frame(&mut into, &[7; 100]), 60);
        assert_eq!(into, [7; 60]);
    }
}
