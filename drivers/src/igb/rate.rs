//! Rate limits of pools, which depend on the speed of the link.
//!
//! Source: 82576 datasheet, chapter 8 (rate limits).

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::BitRate;

use super::card::Igb;
use crate::rate::rate_factor;

/// Window that suits frames up to 9.5 KiB (RTTBCNRM, 82576 datasheet, chapter 8).
const LIMITER_WINDOW: u32 = 0x14;

impl Igb {
    /// Sets every pool's limiter for a link of `mbit`.
    pub(super) fn set_rates(&self, mbit: u32) {
        let registers = &self.adapter.registers;
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

/// The limiter that holds `rate` on a link of `mbit`.
fn limiter(mbit: u32, rate: BitRate) -> Rttbcnrc {
    let factor = rate_factor(mbit, rate);
    Rttbcnrc::new().with_factor(factor).with_enable(factor != 0)
}
