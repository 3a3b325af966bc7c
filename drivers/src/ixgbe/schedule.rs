//! Rate limits of queues and weights of pools, each behind a register that selects.
//!
//! Source: 82599 datasheet, 7.2.1.2.1 (pools by weight) and 8.2.3.10.

use lockgate_regs::Index;
use lockgate_regs::ixgbe::*;
use lockgate_vmdq::HardwarePlan;

use super::card::Ixgbe;
use super::layout::Layout;
use crate::error::Error;
use crate::rate::rate_factor;

/// Credits for a weight of 1, in 64 bytes.
const CREDITS: u32 = 16;

/// The largest weight that RTTDT1C holds in its 14 bits; policies go up to 1,000.
pub(super) const HEAVIEST: u16 = (0x3FFF / CREDITS) as u16;

/// Window of the limiters that suits frames up to 9.5 KiB.
const LIMITER_WINDOW: u32 = 0x14;

/// How the arbiter chooses: pools take turns by weight.
const WEIGHED: Rttdcs = Rttdcs::new().with_weigh_pools(true);

impl Ixgbe {
    /// Lays transmit queues out for `plan` while the arbiter stands still.
    pub(super) fn lay_out_transmit(&self, plan: &HardwarePlan) {
        let registers = &self.adapter.registers;
        registers.write((), WEIGHED.with_arbiter_off(true));
        let layout = Layout::of(plan).map_or(TransmitLayout::Queues64, |layout| layout.transmit);
        registers.write((), Mtqc::new().with_layout(layout));
    }

    /// Sets the weights by which pools take turns, while the arbiter stands still.
    pub(super) fn set_weights(&self, plan: &HardwarePlan) {
        let registers = &self.adapter.registers;
        registers.write((), WEIGHED.with_arbiter_off(true));
        for (at, pool) in Pool::all().zip(&plan.pools) {
            registers.write((), Rttdqsel::new(at.number()));
            registers.write((), Rttdt1c::new(u32::from(pool.weight) * CREDITS));
        }
        registers.write((), WEIGHED);
    }

    /// The weight that the card holds for a pool; one that no plan sets is 0xFFFF.
    pub(super) fn weight(&self, pool: Pool) -> Result<u16, Error> {
        self.adapter
            .registers
            .write((), Rttdqsel::new(pool.number()));
        let credits = self.adapter.registers.read::<Rttdt1c>(())?.get();
        Ok(if credits % CREDITS == 0 {
            (credits / CREDITS) as u16
        } else {
            u16::MAX
        })
    }

    /// Sets every queue's limiter for a link of `mbit`.
    pub(super) fn set_rates(&self, mbit: u32) {
        let registers = &self.adapter.registers;
        registers.write((), Rttbcnrm::new(LIMITER_WINDOW));
        for queue in TxQueue::all() {
            registers.write((), Rttdqsel::new(queue.number()));
            registers.write((), self.limiter(queue, mbit));
        }
    }

    /// Whether every limiter holds what it was set to.
    pub(super) fn holds_rates(&self) -> Result<bool, Error> {
        // Before the first link they are as the reset left them: off.
        let mbit = self.limited_at.unwrap_or(0);
        let mut holds = true;
        for queue in TxQueue::all() {
            self.adapter
                .registers
                .write((), Rttdqsel::new(queue.number()));
            let limiter = self.adapter.registers.read::<Rttbcnrc>(())?;
            holds &= limiter == self.limiter(queue, mbit);
        }
        Ok(holds)
    }

    /// What limits a queue on a link of `mbit`.
    fn limiter(&self, queue: TxQueue, mbit: u32) -> Rttbcnrc {
        let queues = TxQueue::COUNT as usize / self.rates.len().max(1);
        let rate = self
            .rates
            .get(queue.number() as usize / queues.max(1))
            .copied()
            .flatten();
        let factor = rate.map_or(0, |rate| rate_factor(mbit, rate));
        Rttbcnrc::new().with_factor(factor).with_enable(factor != 0)
    }
}
