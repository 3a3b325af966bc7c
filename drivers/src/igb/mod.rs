//! The igb family: 82576.
//!
//! The rule: a start is a reset and one pass from the outside in, with the
//! switches that let frames through last: filters, pools, queues, receive and
//! transmit, tails, link. Nothing is written that a plan does not say, and all
//! that a plan says is written.
//!
//! Source: 82576 datasheet, chapter 4 (initialization) and chapter 8 (registers).

mod card;
mod filter;
mod queue;
mod rate;
mod readback;
mod reset;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::{BitRate, HardwarePlan, Plan, SteeringMode};

use crate::access::{RegisterWrite, tolerate_timeout};
use crate::adapter::{Adapter, Link};
use crate::advanced;
use crate::error::Error;
use crate::family::Family;
use crate::gigabit;
use crate::reset::{RESET_DELAY, disable_master};
use crate::ring::{Queues, RingSizes};
use crate::slots::FilterSlots;
use crate::statistics::{self, Statistics};

pub(crate) use card::Igb;

/// Valid bits of RQDPC.
const RQDPC_MASK: u64 = 0xFFF;

/// The rate limit of each pool.
fn rates(plan: &HardwarePlan) -> [Option<BitRate>; Pool::COUNT as usize] {
    core::array::from_fn(|at| plan.pools.get(at).and_then(|pool| pool.rate))
}

impl Family for Igb {
    fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    fn check(&self, plan: &HardwarePlan) -> Result<(), Error> {
        let known = |pools: &u64| *pools < 1 << Pool::COUNT;
        let entries = 4 * RetaWord::COUNT as usize;
        let two = |queues: u8| queues == 2 && plan.rss.is_some();
        let fits = plan.mode == SteeringMode::Pools
            && plan.pools.len() == Pool::COUNT as usize
            && plan.macs.len() <= RarIndex::COUNT as usize
            && plan.vlans.len() <= VlvfIndex::COUNT as usize
            && plan.macs.values().chain(plan.vlans.values()).all(known)
            && plan
                .rss
                .as_ref()
                .is_none_or(|rss| rss.table.len() == entries)
            && plan
                .pools
                .iter()
                .all(|pool| pool.queues < 2 || two(pool.queues));
        fits.then_some(()).ok_or(Error::Plan {
            why: "it does not fit an 82576",
        })
    }

    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let hardware = plan.hardware();
        self.reset()?;
        self.program(hardware);
        self.rates = rates(hardware);
        let queues = self.queues(plan, sizes)?;
        // What was counted before the start is nobody's.
        self.take_statistics()?;
        self.enable(hardware, &queues)?;
        self.limited_at = None;
        gigabit::start_link(&self.adapter.registers)?;
        Ok(queues)
    }

    /// Stops receiving, lets what is being sent leave, stops the queues and then
    /// DMA as a whole.
    fn quiesce(&mut self) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        registers.modify((), |rctl: Rctl| rctl.with_enable(false))?;
        tolerate_timeout(advanced::drain::<Txdctl, Tdh, Tdt>(registers))?;
        registers.modify((), |tctl: Tctl| tctl.with_enable(false))?;
        registers.flush();
        registers.sleep(RESET_DELAY);
        let queues = advanced::stop_queues::<Rxdctl, Txdctl>(registers);
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(false))?;
        disable_master(registers)?;
        queues
    }

    /// Rate limits follow the speed.
    fn poll_link(&mut self) -> Result<Link, Error> {
        let link = gigabit::read_link(&self.adapter.registers)?;
        if link.up && self.limited_at != Some(link.mbit) {
            self.set_rates(link.mbit);
            self.limited_at = Some(link.mbit);
        }
        Ok(link)
    }

    /// What the MAC counted, and what each pool lost (82576 datasheet, chapter 8).
    fn take_statistics(&mut self) -> Result<Statistics, Error> {
        let registers = &mut self.adapter.registers;
        let mut counted = statistics::take_mac_statistics(registers)?;
        for [first, second] in Pool::all().map(Pool::rx_queues) {
            let dropped = registers.count::<Rqdpc>(first)? & RQDPC_MASK;
            let dropped = dropped + (registers.count::<Rqdpc>(second)? & RQDPC_MASK);
            counted.rx_no_descriptor.push(dropped);
        }
        counted.rx_missed = registers.count::<Mpc>(())?;
        counted.tx_spoofed = registers.count::<Ssvpc>(())?;
        Ok(counted)
    }

    fn filter_slots(&self) -> FilterSlots {
        FilterSlots::new(RarIndex::COUNT, VlvfIndex::COUNT)
    }

    fn settings(&self, plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite> {
        filter::settings(plan, slots)
    }

    fn same_queues(&self, one: &HardwarePlan, other: &HardwarePlan) -> bool {
        queue::used(one) == queue::used(other)
    }

    fn set_shares(&mut self, plan: &HardwarePlan) -> Result<(), Error> {
        self.rates = rates(plan);
        if let Some(mbit) = self.limited_at {
            self.set_rates(mbit);
        }
        Ok(())
    }

    fn read_plan(&self) -> Result<HardwarePlan, Error> {
        self.read_back()
    }
}
