//! The igb family: 82576.
//!
//! The rule: a start is a reset and one pass from the outside in, with the
//! switches that let frames through last: filters, pools, queues, receive and
//! transmit, tails, link. Nothing is written that a plan does not say, and all
//! that a plan says is written.
//!
//! Source: 82576 datasheet, chapter 4 (initialization) and chapter 8 (registers).

mod filter;
mod link;
mod queue;
mod readback;
mod reset;
mod stats;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::{Pool, RarIndex, RetaWord, VlvfIndex};
use lockgate_vmdq::{BitRate, Capabilities, HardwarePlan, Mode, Plan};

use crate::access::Registers;
use crate::device::Card;
use crate::error::Error;
use crate::nic::{Link, Nic, Statistics};
use crate::ring::{Lease, Queues, RingSizes};

/// An 82576.
pub(crate) struct Igb {
    card: Card,
    registers: Registers,
    /// Held by the queues of the last start as well.
    lease: Lease,
    /// Whether there may be anything to stop.
    started: bool,
    /// Rate limits by pool: the limiters do not read back everywhere.
    rates: [Option<BitRate>; Pool::COUNT as usize],
    /// The speed that the limiters are set for, in Mbit/s.
    limited_at: Option<u32>,
}

impl Igb {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            registers: Registers::new(&card.bar),
            card,
            lease: Lease::default(),
            started: false,
            rates: Default::default(),
            limited_at: None,
        }
    }

    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let hardware = plan.hardware();
        self.reset()?;
        self.clear_filters();
        self.set_filters(hardware)?;
        self.set_pools(hardware)?;
        self.set_rss(hardware)?;
        let queues = self.queues(plan, sizes)?;
        self.discard_statistics()?;
        self.enable(hardware, &queues)?;
        self.start_link()?;
        Ok(queues)
    }
}

impl Nic for Igb {
    fn capabilities(&self) -> &'static Capabilities {
        &Capabilities::I82576
    }

    fn start(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        check(plan.hardware())?;
        self.stop()?;
        if Arc::strong_count(&self.lease) > 1 {
            return Err(Error::QueuesInUse);
        }
        self.started = true;
        let queues = self.bring_up(plan, sizes);
        if queues.is_err() {
            // The first error is the one that helps.
            let _ = self.stop();
        }
        queues
    }

    fn link(&mut self) -> Result<Link, Error> {
        self.read_link()
    }

    fn wait_link(&mut self, limit: Duration, stop: &AtomicBool) -> Result<Link, Error> {
        self.await_link(limit, stop)
    }

    fn statistics(&mut self) -> Result<Statistics, Error> {
        self.take_statistics()
    }

    fn read_back(&mut self) -> Result<HardwarePlan, Error> {
        self.read_plan()
    }

    fn stop(&mut self) -> Result<(), Error> {
        if !self.started {
            return Ok(());
        }
        let quiet = self.quiesce();
        let master = self.card.function.set_bus_master(false);
        self.started = master.is_err();
        quiet?;
        master.map_err(|source| Error::BusMaster { source })
    }
}

impl Drop for Igb {
    fn drop(&mut self) {
        // Nobody is left to tell; DMA memory is guarded by the IOMMU anyway.
        let _ = self.stop();
    }
}

/// Refuses a plan that was not made for this card; `Policy::check` makes none.
fn check(plan: &HardwarePlan) -> Result<(), Error> {
    let all = |bits: u64| bits < 1 << Pool::COUNT;
    let fits = |why, fits: bool| fits.then_some(()).ok_or(Error::Plan { why });
    fits("it has no pools", plan.mode == Mode::Pools)?;
    fits("number of pools", plan.pools.len() == Pool::COUNT as usize)?;
    fits("MACs", plan.macs.len() <= RarIndex::COUNT as usize)?;
    fits("VLANs", plan.vlans.len() <= VlvfIndex::COUNT as usize)?;
    fits("pools of a MAC", plan.macs.iter().all(|mac| all(mac.pools)))?;
    fits("pools of a VLAN", plan.vlans.iter().all(|vlan| all(vlan.pools)))?;
    let entries = plan.rss.as_ref().map_or(0, |rss| rss.table.len());
    let table = 4 * RetaWord::COUNT as usize;
    fits("RSS table", plan.rss.is_none() || entries == table)?;
    let rss_needed = plan.pools.iter().any(|pool| pool.queues > 1);
    fits("RSS", plan.rss.is_some() || !rss_needed)?;
    fits("queues", plan.pools.iter().all(|pool| pool.queues <= 2))
}
