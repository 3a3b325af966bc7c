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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::{Pool, RarIndex, Rctl, RetaWord, Status, VlvfIndex};
use lockgate_vmdq::{BitRate, HardwarePlan, Plan, SteeringMode};

use crate::access::Registers;
use crate::device::Card;
use crate::error::Error;
use crate::nic::{Link, Nic, Statistics};
use crate::ring::{Lease, Queues, RingSizes};

/// What the receiver does while it is on; pools narrow it down.
const RECEIVING: Rctl = Rctl::new()
    .with_enable(true)
    .with_long_packets(true)
    .with_broadcast(true)
    .with_vlan_filter(true)
    .with_discard_pause(true)
    .with_strip_crc(true);

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
            registers: Registers(Arc::clone(&card.bar)),
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
        filter::settings(hardware).iter().for_each(|setting| self.registers.set(setting));
        self.rates = std::array::from_fn(|at| hardware.pools.get(at).and_then(|pool| pool.rate));
        let queues = self.queues(plan, sizes)?;
        // What was counted before the start is nobody's.
        self.take_statistics()?;
        self.enable(hardware, &queues)?;
        self.start_link()?;
        Ok(queues)
    }
}

impl Nic for Igb {
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
        self.registers.read(()).and_then(|status| self.follow_link(status))
    }

    fn wait_link(&mut self, limit: Duration, stop: &AtomicBool) -> Result<Link, Error> {
        let over = |status: &Status| status.link_up() || stop.load(Ordering::Relaxed);
        match self.registers.wait((), limit, over) {
            Err(Error::Timeout { waited, .. }) => Err(Error::NoLink { waited }),
            other => self.follow_link(other?),
        }
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
    let known = |pools: &u64| *pools < 1 << Pool::COUNT;
    let entries = 4 * RetaWord::COUNT as usize;
    let fits = plan.mode == SteeringMode::Pools
        && plan.pools.len() == Pool::COUNT as usize
        && plan.macs.len() <= RarIndex::COUNT as usize
        && plan.vlans.len() <= VlvfIndex::COUNT as usize
        && plan.macs.values().chain(plan.vlans.values()).all(known)
        && plan.rss.as_ref().is_none_or(|rss| rss.table.len() == entries)
        && plan.pools.iter().all(|pool| pool.queues < 2 || pool.queues == 2 && plan.rss.is_some());
    fits.then_some(()).ok_or(Error::Plan { why: "it does not fit an 82576" })
}
