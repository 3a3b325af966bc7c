//! The ixgbe family: 82599.
//!
//! The rule is as for every family: a start is a reset and one pass from the outside in,
//! with the switches that let frames through last, and the registers hold what the plan
//! says and nothing else. The card's own are two layouts, 64 pools of two queues and 32
//! of four; weights of pools; and counters that queues share.
//!
//! DCA tags are never set: a reset leaves DCA off, and so does the driver.
//!
//! Source: 82599 datasheet, chapter 4 (initialization) and chapter 8 (registers).

mod card;
mod filter;
mod layout;
mod queue;
mod readback;
mod reset;
mod schedule;
#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::ixgbe::*;
use lockgate_vmdq::{HardwarePlan, Plan, SteeringMode};

use crate::access::{RegisterWrite, tolerate_timeout};
use crate::adapter::{Adapter, Link};
use crate::advanced;
use crate::error::Error;
use crate::family::Family;
use crate::reset::disable_master;
use crate::ring::{Queues, RingSizes};
use crate::slots::FilterSlots;
use crate::statistics::{self, Statistics};
use layout::Layout;

pub(crate) use card::Ixgbe;

impl Family for Ixgbe {
    fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    fn check(&self, plan: &HardwarePlan) -> Result<(), Error> {
        let layout = Layout::of(plan).ok_or(Error::Plan {
            why: "an 82599 has no such pools",
        })?;
        let pools = u64::MAX >> (Pool::COUNT as usize - plan.pools.len());
        let entries = 4 * RetaWord::COUNT as usize;
        let fits = plan.mode == SteeringMode::Pools
            && plan.macs.len() <= RarIndex::COUNT as usize
            && plan.vlans.len() <= VlvfIndex::COUNT as usize
            && plan
                .macs
                .values()
                .chain(plan.vlans.values())
                .all(|on| on & !pools == 0)
            && plan.rss.as_ref().is_none_or(|rss| {
                rss.table.len() == entries && rss.table.iter().all(|&at| at < layout.queues)
            })
            && plan.pools.iter().all(|pool| {
                let spread = pool.queues < 2 || plan.rss.is_some();
                pool.queues <= layout.queues && spread && pool.weight <= schedule::HEAVIEST
            });
        fits.then_some(()).ok_or(Error::Plan {
            why: "it does not fit an 82599",
        })
    }

    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let hardware = plan.hardware();
        self.reset()?;
        self.program(hardware);
        let mut others = hardware.pools.iter().skip(StatisticsSet::COUNT as usize);
        self.apart = others.all(|pool| !pool.receive);
        self.rates = hardware.pools.iter().map(|pool| pool.rate).collect();
        self.lay_out_transmit(hardware);
        self.set_weights(hardware);
        let queues = self.queues(plan, sizes)?;
        // What was counted before the start is nobody's.
        self.take_statistics()?;
        self.enable(hardware, &queues)?;
        self.limited_at = None;
        self.adapter
            .registers
            .modify((), |autoc: Autoc| autoc.with_restart(true))?;
        Ok(queues)
    }

    /// Stops receiving, lets what is being sent leave, stops the queues and then
    /// DMA as a whole.
    fn quiesce(&mut self) -> Result<(), Error> {
        self.set_receiving(false)?;
        let registers = &self.adapter.registers;
        tolerate_timeout(advanced::drain::<Txdctl, Tdh, Tdt>(registers))?;
        let queues = self.stop_queues();
        let registers = &self.adapter.registers;
        registers.modify((), |dma: Dmatxctl| dma.with_enable(false))?;
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(false))?;
        disable_master(registers)?;
        queues
    }

    /// Rate limits follow the speed.
    fn poll_link(&mut self) -> Result<Link, Error> {
        // The first read may be of a change that is over.
        self.adapter.registers.read::<Links>(())?;
        let links = self.adapter.registers.read::<Links>(())?;
        if !links.up() {
            return Ok(Link::default());
        }
        let mbit = match links.speed() {
            3 => 10_000,
            2 => 1_000,
            _ => 100,
        };
        if self.limited_at != Some(mbit) {
            self.set_rates(mbit);
            self.limited_at = Some(mbit);
        }
        Ok(Link { up: true, mbit })
    }

    /// What the MAC counted, and what each pool lost: only 16 can be told apart, and with
    /// more it is nobody's in particular (82599 datasheet, 8.2.3.23.74).
    fn take_statistics(&mut self) -> Result<Statistics, Error> {
        let registers = &mut self.adapter.registers;
        let mut counted = statistics::take_mac_statistics(registers)?;
        for at in PacketBuffer::all() {
            counted.rx_missed += registers.count::<Mpc>(at)?;
        }
        counted.rx_no_descriptor = vec![0; self.rates.len()];
        for (number, at) in StatisticsSet::all().enumerate() {
            let dropped = registers.count::<Qprdc>(at)?;
            match counted
                .rx_no_descriptor
                .get_mut(number)
                .filter(|_| self.apart)
            {
                Some(of_pool) => *of_pool += dropped,
                None => counted.rx_missed += dropped,
            }
        }
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
        self.set_weights(plan);
        self.rates = plan.pools.iter().map(|pool| pool.rate).collect();
        if let Some(mbit) = self.limited_at {
            self.set_rates(mbit);
        }
        Ok(())
    }

    fn read_plan(&self) -> Result<HardwarePlan, Error> {
        self.read_back()
    }
}
