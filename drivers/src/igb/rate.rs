//! Rate limits of pools, which depend on the speed of the link.
//!
//! Source: 82576 datasheet, chapter 8 (rate limits).

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::BitRate;

use super::Igb;

/// Window that suits frames up to 9.5 KiB (RTTBCNRM, 82576 datasheet, chapter 8).
const LIMITER_WINDOW: u32 = 0x14;

impl Igb {
    /// Sets every pool's limiter for a link of `mbit`.
    pub(super) fn set_rates(&self, mbit: u32) {
        let registers = &self.port.registers;
        registers.write((), Rttbcnrm::new(LIMITER_WINDOW));
        for (pool, rate) in Pool::all().zip(self.rates) {
            let limit = rate.map_or(Rttbcnrc::new(), |rate| limiter(mbit, rate));
            for queue in pool.tx_queues() {
                registers.write((), Rttdqsel::new(queue.number()));
                registers.write((), limit);
            }
        }
    }
}

/// The limiter that holds `rate` on a link of `mbit`: off when the link is no
/// faster, and the slowest it can do when the rate is slower than that.
fn limiter(mbit: u32, rate: BitRate) -> Rttbcnrc {
    let link = u64::from(mbit) * 1_000_000;
    if rate.bits_per_second() >= link {
        return Rttbcnrc::new();
    }
    let factor = (link << 14).div_ceil(rate.bits_per_second());
    let factor = factor.min((1 << 28) - 1) as u32;
    Rttbcnrc::new().with_factor(factor).with_enable(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(mbit: u32, bits: u64) -> u32 {
        limiter(mbit, BitRate::new(bits).unwrap()).into()
    }

    #[test]
    fn a_limiter_holds_link_speed_over_rate_in_14_fraction_bits() {
        assert_eq!(factor(1000, 200_000_000), 0x8001_4000, "5.0");
        assert_eq!(factor(1000, 400_000_000), 0x8000_A000, "2.5");
        assert_eq!(factor(100, 400_000_000), 0, "slower links need none");
        assert_eq!(factor(1000, 1), 0x8FFF_FFFF, "as slow as it can");
    }
}
