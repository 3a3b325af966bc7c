//! Hexadecimal numbers of a given width, with neither sign nor prefix.

use core::ops::RangeInclusive;

/// The number that `text` is, if it is hexadecimal digits of either case, as many as `digits`
/// says and at most eight.
pub(crate) fn parse(text: &str, digits: RangeInclusive<usize>) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain && digits.contains(&text.len()) {
        u32::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

/// The octet of exactly two digits.
pub(crate) fn octet(text: &str) -> Option<u8> {
    parse(text, 2..=2)?.try_into().ok()
}
