//! What plan the registers hold.
//!
//! The rule: what is read as a plan is turned into registers again, and a register
//! that then differs makes the result one that no card with pools has. So whatever
//! is in the registers and in no plan is found by comparing the result with a plan.
//! Transmit limits are compared with the ones that the driver set: a limiter holds a
//! fraction of the link's speed, not a rate.
//!
//! Not here: what to do about a difference.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::ixgbe::*;
use lockgate_vmdq::{HardwarePlan, PoolPlan, SteeringMode};

use super::card::Ixgbe;
use super::filter::{TAG_BYTES, hash_kinds, settings};
use super::layout::Layout;
use crate::access::RegisterWrite;
use crate::error::Error;
use crate::family::Family;
use crate::filter::{mac, read_multicast};
use crate::rss::read_rss;
use crate::slots::FilterSlots;

impl Ixgbe {
    pub(super) fn read_back(&self) -> Result<HardwarePlan, Error> {
        let registers = &self.adapter.registers;
        let mrqc = registers.read::<Mrqc>(())?;
        let kinds = hash_kinds(mrqc);
        let (pools, spreads) = match mrqc.mode() {
            MultipleQueues::Vmdq64 => (64, false),
            MultipleQueues::Vmdq64Rss => (64, true),
            // Four queues are there only for the sake of RSS.
            _ => (32, true),
        };
        let rss = spreads.then(|| read_rss(registers, kinds, 0));
        let mut plan = HardwarePlan {
            mode: SteeringMode::Pools,
            rss: rss.transpose()?,
            macs: BTreeMap::new(),
            vlans: BTreeMap::new(),
            multicast: read_multicast(registers)?,
            pools: Vec::new(),
        };
        let slots = self.read_filters(&mut plan)?;
        self.read_pools(&mut plan, pools)?;
        if !self.holds(&plan, &slots)? {
            plan.mode = SteeringMode::Software;
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
                plan.macs.insert(mac, registers.read_wide::<Mpsar>(at)?);
            }
        }
        for (number, at) in VlvfIndex::all().enumerate() {
            let entry = registers.read::<Pfvlvf>(at)?;
            if entry.enable() && slots.vlans.hold(number, entry.vid()) {
                let pools = registers.read_wide::<Pfvlvfb>(at)?;
                plan.vlans.insert(entry.vid(), pools);
            }
        }
        Ok(slots)
    }

    fn read_pools(&self, plan: &mut HardwarePlan, count: usize) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        let receive = registers.read_wide::<Pfvfre>(())?;
        let transmit = registers.read_wide::<Pfvfte>(())?;
        let longest = registers
            .read::<Maxfrs>(())?
            .bytes()
            .saturating_add(TAG_BYTES);
        plan.pools = vec![PoolPlan::default(); count];
        let per_pool = RxQueue::COUNT / count as u32;
        for (at, pool) in Pool::all().zip(&mut plan.pools) {
            let filter = registers.read::<Pfvml2flt>(at)?;
            let has = |bits: u64| bits >> at.number() & 1 != 0;
            for queue in RxQueue::all().filter(|queue| queue.number() / per_pool == at.number()) {
                // One that holds up others is none that a plan has.
                let drops = registers.read::<Srrctl>(queue)?.drop_enable();
                pool.queues += u8::from(drops && registers.read::<Rxdctl>(queue)?.enable());
            }
            let group = PoolGroup::new(at.number() / 8).ok_or(Error::Gone)?;
            let honest = registers.read::<Pfvfspoof>(group)?.mac();
            *pool = PoolPlan {
                receive: has(receive),
                transmit: has(transmit),
                broadcast: filter.broadcast(),
                untagged: filter.untagged(),
                multicast: filter.multicast_hash(),
                queues: pool.queues,
                anti_spoof: honest >> (at.number() % 8) & 1 != 0,
                max_frame: if has(receive) { longest } else { 0 },
                rate: self.rates.get(at.number() as usize).copied().flatten(),
                weight: self.weight(at)?,
            };
        }
        Ok(())
    }

    /// Whether every register is as `plan` has it.
    fn holds(&self, plan: &HardwarePlan, slots: &FilterSlots) -> Result<bool, Error> {
        let registers = &self.adapter.registers;
        let mut holds = self.holds_rates()?;
        let layout = Layout::of(plan).map_or(TransmitLayout::Queues64, |layout| layout.transmit);
        let on = [
            RegisterWrite::new((), Mtqc::new().with_layout(layout)),
            RegisterWrite::new((), Rxctrl::new().with_enable(true)),
        ];
        for setting in settings(plan, slots).iter().chain(&on) {
            holds &= registers.matches(setting)?;
        }
        Ok(holds)
    }
}
