//! The e1000e family: 82574.
//!
//! It has no pools: the whole card is one, its filters pass what any partition may
//! get, and the worker finds whose a frame is. The rule is as for every family: a
//! start is a reset and one pass from the outside in, with receive and transmit last,
//! and the registers hold what the plan says and nothing else.
//!
//! Source: 82574 datasheet, chapters 4 (initialization), 7 (receive, transmit) and 10
//! (registers).

mod card;
mod filter;
mod queue;
mod readback;
mod reset;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::e1000e::*;
use lockgate_rss::HashKinds;
use lockgate_vmdq::{HardwarePlan, Plan, SteeringMode};

use crate::access::{RegisterWrite, tolerate_timeout};
use crate::adapter::{Adapter, Link};
use crate::error::Error;
use crate::family::Family;
use crate::gigabit;
use crate::reset::{RESET_DELAY, disable_master};
use crate::ring::{Queues, RingSizes};
use crate::slots::FilterSlots;
use crate::statistics::{self, Statistics};

pub(crate) use card::E1000e;

impl Family for E1000e {
    fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    fn check(&self, plan: &HardwarePlan) -> Result<(), Error> {
        let whole = |pools: &u64| *pools == 1;
        let entries = 4 * RetaWord::COUNT as usize;
        let kinds = |kinds: HashKinds| filter::hash_kinds(filter::hash_fields(kinds)) == kinds;
        let fits = plan.mode == SteeringMode::Software
            && plan.pools.len() == 1
            && plan
                .pools
                .iter()
                .all(|pool| u32::from(pool.queues) <= RxQueue::COUNT)
            && plan.macs.len() <= RarIndex::COUNT as usize
            && plan.macs.values().chain(plan.vlans.values()).all(whole)
            && plan
                .rss
                .as_ref()
                .is_none_or(|rss| rss.table.len() == entries && kinds(rss.kinds));
        fits.then_some(()).ok_or(Error::Plan {
            why: "it does not fit an 82574",
        })
    }

    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let hardware = plan.hardware();
        self.reset()?;
        self.max_frame = hardware.max_frame();
        // All but the switches of receive and transmit, which come last.
        let mut slots = self.filter_slots();
        slots.assign(hardware);
        for setting in filter::settings(hardware, &slots) {
            self.adapter.registers.set(&setting);
        }
        let queues = self.queues(plan, sizes)?;
        // What was counted before the start is nobody's.
        self.take_statistics()?;
        self.enable(hardware, &queues)?;
        self.start_link()?;
        Ok(queues)
    }

    /// Lets what is being sent leave, and stops transmit, DMA and receive. The receiver
    /// is switched off only once DMA has ended: Intel's own drivers for this card never
    /// do it before.
    fn quiesce(&mut self) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        tolerate_timeout(self.drain())?;
        registers.modify((), |tctl: Tctl| tctl.with_enable(false))?;
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(false))?;
        disable_master(registers)?;
        registers.modify((), |rctl: Rctl| rctl.with_enable(false))?;
        registers.flush();
        registers.sleep(RESET_DELAY);
        Ok(())
    }

    fn poll_link(&mut self) -> Result<Link, Error> {
        gigabit::read_link(&self.adapter.registers)
    }

    fn take_statistics(&mut self) -> Result<Statistics, Error> {
        // A frame without a descriptor waits in the card; only MPC tells of a loss.
        let registers = &mut self.adapter.registers;
        let rx_missed = registers.count::<Mpc>(())?;
        Ok(Statistics {
            rx_missed,
            ..statistics::take_mac_statistics(registers)?
        })
    }

    fn filter_slots(&self) -> FilterSlots {
        FilterSlots::new(RarIndex::COUNT, 0)
    }

    fn settings(&self, plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite> {
        let pool = plan.pools.first().copied().unwrap_or_default();
        let switches = [
            RegisterWrite::new((), queue::sending(&pool)),
            RegisterWrite::new((), filter::receiving(&pool)),
        ];
        let mut settings = filter::settings(plan, slots);
        settings.extend(switches);
        settings
    }

    fn same_queues(&self, one: &HardwarePlan, other: &HardwarePlan) -> bool {
        queue::used(one) == queue::used(other)
    }

    fn set_shares(&mut self, _: &HardwarePlan) -> Result<(), Error> {
        // The card has neither rates nor weights.
        Ok(())
    }

    fn read_plan(&self) -> Result<HardwarePlan, Error> {
        self.read_back()
    }
}
