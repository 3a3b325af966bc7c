//! The number that limiters of all families take for a rate.
//!
//! Source: 82576 datasheet, chapter 8; 82599 datasheet, 8.2.3.10 (RTTBCNRC). Not here: where it is
//! written (the families).

use lockgate_vmdq::BitRate;

/// What a limiter is set to that holds `rate` on a link of `mbit`: link speed over rate in
/// 1/16384. 0, which is off, where the link is no faster; the slowest that it can do where
/// the rate is slower than that.
pub(crate) fn rate_factor(mbit: u32, rate: BitRate) -> u32 {
    let link = u64::from(mbit) * 1_000_000;
    if rate.bits_per_second() >= link {
        return 0;
    }
    let factor = (link << 14).div_ceil(rate.bits_per_second());
    factor.min((1 << 28) - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_link_speed_over_rate_in_14_fraction_bits() {
        let factor = |mbit, bits| rate_factor(mbit, BitRate::new(bits).unwrap());
        assert_eq!(factor(1000, 200_000_000), 0x1_4000, "5.0");
        assert_eq!(factor(10_000, 4_000_000_000), 0xA000, "2.5");
        assert_eq!(factor(100, 400_000_000), 0, "slower links need none");
        assert_eq!(factor(1000, 1), 0xFFF_FFFF, "as slow as it can");
    }
}
