//! What plan the registers hold.
//!
//! The rule: what is read as a plan is turned into registers again, and a register
//! that then differs makes the result one that no card without pools has. Only the
//! longest frame comes from the driver's memory: the card knows steps.
//!
//! Not here: what to do about a difference.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, TableWord};
use lockgate_vmdq::{HardwarePlan, PoolPlan, SteeringMode};

use super::card::E1000e;
use super::filter::{QUEUE_BIT, hash_kinds};
use crate::error::Error;
use crate::family::Family;
use crate::filter::{mac, read_multicast};
use crate::rss::read_rss;
use crate::slots::FilterSlots;

impl E1000e {
    pub(super) fn read_back(&self) -> Result<HardwarePlan, Error> {
        let registers = &self.adapter.registers;
        let mrqc = registers.read::<Mrqc>(())?;
        let spreads = mrqc.mode() == MultipleQueues::Rss;
        let rss = spreads.then(|| read_rss(registers, hash_kinds(mrqc), QUEUE_BIT));
        let mut plan = HardwarePlan {
            mode: SteeringMode::Software,
            macs: BTreeMap::new(),
            vlans: self.read_vlans()?.into_iter().map(|vid| (vid, 1)).collect(),
            multicast: read_multicast(registers)?,
            pools: Vec::new(),
            rss: rss.transpose()?,
        };
        let pool = self.read_pool(&plan)?;
        plan.pools.push(pool);
        let slots = self.read_addresses(&mut plan)?;
        for setting in self.settings(&plan, &slots) {
            if !registers.matches(&setting)? {
                plan.mode = SteeringMode::Pools;
            }
        }
        Ok(plan)
    }

    /// Reads the address filters into `plan`; says which register holds which. One that is there
    /// twice counts once, and its second register is one too many.
    fn read_addresses(&self, plan: &mut HardwarePlan) -> Result<FilterSlots, Error> {
        let registers = &self.adapter.registers;
        let mut slots = self.filter_slots();
        for (number, at) in RarIndex::all().enumerate() {
            let high = registers.read::<Rah>(at)?;
            let mac = mac(registers.read::<Ral>(at)?.octets(), high.octets());
            if high.valid() && slots.macs.hold(number, mac) {
                plan.macs.insert(mac, 1);
            }
        }
        Ok(slots)
    }

    fn read_vlans(&self) -> Result<Vec<u16>, Error> {
        let words = self.adapter.registers.read_all::<Vfta>()?;
        let vids = (0..32 * TableWord::COUNT as u16).filter(|vid| {
            let word = words
                .get(usize::from(vid >> 5))
                .map_or(0, |word| word.get());
            word >> (vid & 31) & 1 != 0
        });
        Ok(vids.collect())
    }

    /// The one pool, whose filters are in `plan`.
    fn read_pool(&self, plan: &HardwarePlan) -> Result<PoolPlan, Error> {
        let rctl = self.adapter.registers.read::<Rctl>(())?;
        let receive = rctl.enable();
        let queues = if plan.rss.is_some() { 2 } else { 1 };
        Ok(PoolPlan {
            receive,
            transmit: self.adapter.registers.read::<Tctl>(())?.enable(),
            broadcast: rctl.broadcast(),
            // There is no filter for frames without a tag.
            untagged: receive,
            multicast: plan.multicast.iter().any(|&word| word != 0),
            queues: if receive { queues } else { 0 },
            max_frame: self.max_frame,
            ..PoolPlan::default()
        })
    }
}
