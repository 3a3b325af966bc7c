//! What plan the registers hold.
//!
//! The rule: what is read as a plan is turned into registers again, and a register
//! that then differs makes the result one that no card with pools has. So whatever
//! is in the registers and in no plan is found by comparing the result with a plan.
//! Only transmit limits come from the driver's memory: QEMU's card does not give
//! them back.
//!
//! Not here: what to do about a difference.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::{HardwarePlan, PoolPlan, SteeringMode};

use super::card::{Igb, RECEIVING};
use super::filter::{QUEUE_BIT, hash_kinds, settings};
use crate::access::RegisterWrite;
use crate::error::Error;
use crate::family::Family;
use crate::filter::{mac, read_multicast};
use crate::rss::read_rss;
use crate::slots::FilterSlots;

impl Igb {
    pub(super) fn read_back(&self) -> Result<HardwarePlan, Error> {
        let registers = &self.adapter.registers;
        let mrqc = registers.read::<Mrqc>(())?;
        let spreads = mrqc.mode() == MultipleQueues::VmdqRss;
        let rss = spreads.then(|| read_rss(registers, hash_kinds(mrqc), QUEUE_BIT));
        let mut plan = HardwarePlan {
            mode: SteeringMode::Pools,
            rss: rss.transpose()?,
            macs: BTreeMap::new(),
            vlans: BTreeMap::new(),
            multicast: read_multicast(registers)?,
            pools: self.read_pools()?,
        };
        let slots = self.read_filters(&mut plan)?;
        for setting in settings(&plan, &slots)
            .iter()
            .chain([&RegisterWrite::new((), RECEIVING)])
        {
            if !registers.matches(setting)? {
                plan.mode = SteeringMode::Software;
            }
        }
        Ok(plan)
    }

    /// Reads the filters into `plan`; says which register holds which. A filter that is there
    /// twice counts once, and its second register is one too many.
    fn read_filters(&self, plan: &mut HardwarePlan) -> Result<FilterSlots, Error> {
        let registers = &self.adapter.registers;
        let mut slots = self.filter_slots();
        for (number, at) in RarIndex::all().enumerate() {
            let high = registers.read::<Rah>(at)?;
            let mac = mac(registers.read::<Ral>(at)?.octets(), high.octets());
            if high.valid() && slots.macs.hold(number, mac) {
                plan.macs.insert(mac, high.pools().into());
            }
        }
        for (number, at) in VlvfIndex::all().enumerate() {
            let entry = registers.read::<Vlvf>(at)?;
            if entry.enable() && slots.vlans.hold(number, entry.vid()) {
                plan.vlans.insert(entry.vid(), entry.pools().into());
            }
        }
        Ok(slots)
    }

    fn read_pools(&self) -> Result<Vec<PoolPlan>, Error> {
        let registers = &self.adapter.registers;
        let receive = registers.read::<Vfre>(())?.get();
        let transmit = registers.read::<Vfte>(())?.get();
        let anti_spoof = registers.read::<Dtxswc>(())?.mac_anti_spoof();
        let mut pools = Vec::new();
        for (at, rate) in Pool::all().zip(self.rates) {
            let vmolr = registers.read::<Vmolr>(at)?;
            let [first, second] = at.rx_queues().map(|queue| registers.read::<Rxdctl>(queue));
            pools.push(PoolPlan {
                receive: receive & u32::from(at.bit()) != 0,
                transmit: transmit & u32::from(at.bit()) != 0,
                broadcast: vmolr.broadcast(),
                untagged: vmolr.untagged(),
                multicast: vmolr.multicast_hash(),
                queues: u8::from(first?.enable()) + u8::from(second?.enable()),
                anti_spoof: anti_spoof & at.bit() != 0,
                max_frame: vmolr.max_length(),
                rate,
                weight: 0,
            });
        }
        Ok(pools)
    }
}
