//! Bit rates as a policy writes them: `"200Mbit/s"`, `"1.5Gbit/s"`.
//!
//! A rate is a whole number of bits per second, so no rounding hides in it.
//! Not here: which rates a card can hold (`check`).

use crate::prelude::*;

/// Bits per second, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u64);

const UNITS: [(&str, u64); 4] = [
    ("Gbit/s", 1_000_000_000),
    ("Mbit/s", 1_000_000),
    ("kbit/s", 1_000),
    ("bit/s", 1),
];

impl BitRate {
    /// The rate of `bits` per second; `None` for zero.
    pub const fn new(bits: u64) -> Option<Self> {
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    /// Bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, scale): &&(&str, u64)| self.0.is_multiple_of(*scale);
        let (unit, scale) = UNITS.iter().find(whole).unwrap_or(&("bit/s", 1));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

/// The text is no rate of a whole number of bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is whole bits per second, written like 200Mbit/s in bit/s, kbit/s, Mbit/s or Gbit/s"
)]
pub struct NotARate;

impl FromStr for BitRate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let unit = |&(unit, scale): &(&str, u64)| Some((text.strip_suffix(unit)?, scale));
        let (number, scale) = UNITS.iter().find_map(unit).ok_or(NotARate)?;
        scaled(number, scale).and_then(Self::new).ok_or(NotARate)
    }
}

/// `number` times `scale`, where every decimal place must be worth whole bits.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, places) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let digits = (plain(whole) && plain(places)).then(|| format!("{whole}{places}"))?;
    let worth = 10_u64.checked_pow(places.len() as u32)?;
    let bits = digits.parse::<u64>().ok()?.checked_mul(scale)?;
    bits.is_multiple_of(worth).then_some(bits / worth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn rates_scale_to_exact_bits_per_second() {
        for (text, bits) in [
            ("200Mbit/s", 200_000_000),
            ("1.5Gbit/s", 1_500_000_000),
            ("64kbit/s", 64_000),
            ("900bit/s", 900),
            ("0.001kbit/s", 1),
            ("1.50Mbit/s", 1_500_000),
            ("10.0bit/s", 10),
        ] {
            assert_eq!(
                text.parse::<BitRate>().map(BitRate::bits_per_second),
                Ok(bits),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_whole_number_of_bits_is_no_rate() {
        for text in [
            "",
            "200",
            "Mbit/s",
            "200 Mbit/s",
            "200mbit/s",
            "200MBit/s",
            "0Mbit/s",
            "-1Mbit/s",
            "+1Mbit/s",
            ".5Mbit/s",
            "1.Mbit/s",
            "1.5bit/s",
            "0.0001kbit/s",
            "1.2.3Mbit/s",
            "1e3bit/s",
            "99999999999999999999bit/s",
            "99999999999Gbit/s",
        ] {
            assert_eq!(text.parse::<BitRate>(), Err(NotARate), "{text:?}");
        }
    }

    #[test]
    fn a_rate_prints_in_the_largest_unit_that_keeps_it_whole() {
        for text in ["200Mbit/s", "1500Mbit/s", "64kbit/s", "900bit/s", "1Gbit/s"] {
            assert_eq!(text.parse::<BitRate>().unwrap().to_string(), text);
        }
    }
}
