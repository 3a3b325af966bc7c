//! From one plan to another while frames arrive.
//!
//! A change is two passes over the registers. The first leaves what both plans allow, the second
//! adds what the new one allows besides. So at any moment what the card does is part of what one
//! of the two plans allows, whichever registers are written by then: a frame never finds an
//! address filter of the one and a VLAN filter of the other. Within a pass registers are written
//! in the order in which a start sets them, or in its reverse where something is taken away, so
//! that the half of an entry which makes it count is written last and cleared first. Each write is
//! read back.
//!
//! The rule: a register that does not change is not written, and filters that stay keep their
//! registers ([`crate::slots`]), so partitions that a change does not concern lose nothing.
//!
//! Not here: what a register holds under a plan (the families' `filter.rs`).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use lockgate_vmdq::{HardwareDiff, HardwarePlan, Plan, PoolPlan, ResetReason};

use crate::access::RegisterWrite;
use crate::error::Error;
use crate::family::Family;
use crate::slots::FilterSlots;

/// What a started card holds.
pub(crate) struct Applied {
    plan: HardwarePlan,
    mtu: u16,
    slots: FilterSlots,
}

impl Applied {
    /// The state of a card just started by `plan`, with the registers of filters that it has.
    pub(crate) fn new(plan: &Plan, mut slots: FilterSlots) -> Self {
        slots.assign(plan.hardware());
        Self {
            plan: plan.hardware().clone(),
            mtu: plan.mtu(),
            slots,
        }
    }

    /// Brings the card from what it holds to `plan`.
    ///
    /// # Errors
    /// [`Error::NeedsReset`], and nothing written, for what cannot be changed while the card runs;
    /// [`Error::NotHeld`] for a register that did not take its value: the card then does no more
    /// than both plans allow, or than the new one does.
    pub(crate) fn change(&mut self, family: &mut dyn Family, plan: &Plan) -> Result<(), Error> {
        let target = plan.hardware();
        family.check(target)?;
        if let Some(what) = self.fixed_difference(family, plan) {
            return Err(Error::NeedsReset { what });
        }
        let common = intersection(&self.plan, target);
        self.pass(family, &common, Pass::Remove)?;
        self.pass(family, target, Pass::Add)?;
        family.set_shares(target)
    }

    /// What of `plan` is different and cannot be changed while the card runs.
    fn fixed_difference(&self, family: &dyn Family, plan: &Plan) -> Option<&'static str> {
        let changes = match self.plan.diff(plan.hardware()) {
            HardwareDiff::NeedsReset(reason) => return Some(words(reason)),
            HardwareDiff::Changes(changes) => changes,
        };
        if self.mtu != plan.mtu() {
            Some(words(ResetReason::FrameLength))
        } else if changes.rss.is_some() {
            // Key and table are read for each frame, so a mixture would break flows apart; MRQC
            // must not change on a card that receives (82599 datasheet, 7.1.2.8).
            Some("the hash (its kinds, key or table)")
        } else if !family.same_queues(&self.plan, plan.hardware()) {
            Some("which queues there are (a partition that comes, goes, or changes its queues)")
        } else {
            None
        }
    }

    /// Writes what differs between what the card holds and `plan`.
    fn pass(&mut self, family: &dyn Family, plan: &HardwarePlan, pass: Pass) -> Result<(), Error> {
        let registers = &family.adapter().registers;
        let before = family.settings(&self.plan, &self.slots);
        self.slots.assign(plan);
        let after = family.settings(plan, &self.slots);
        let changes = before.iter().zip(&after).filter(|(old, new)| old != new);
        let change = |(_, new): (_, &RegisterWrite)| registers.set_and_check(new);
        match pass {
            Pass::Remove => changes.rev().try_for_each(change)?,
            Pass::Add => changes.into_iter().try_for_each(change)?,
        }
        self.plan.clone_from(plan);
        Ok(())
    }
}

/// What differs, as a part of [`Error::NeedsReset`].
fn words(reason: ResetReason) -> &'static str {
    match reason {
        ResetReason::Steering => "who steers frames",
        ResetReason::PoolLayout => "the number of pools",
        ResetReason::RssMode => "whether frames are hashed",
        ResetReason::FrameLength => "the MTU, and with it the size of every buffer",
    }
}

/// Which way registers are gone through.
#[derive(Debug, Clone, Copy)]
enum Pass {
    /// Against the order of a start.
    Remove,
    /// In the order of a start.
    Add,
}

/// What both plans allow. Where they differ in no permission, as in rates, it has the old one's.
fn intersection(old: &HardwarePlan, new: &HardwarePlan) -> HardwarePlan {
    let mut multicast = Box::new([0; 128]);
    for (both, (old, new)) in multicast
        .iter_mut()
        .zip(old.multicast.iter().zip(new.multicast.iter()))
    {
        *both = old & new;
    }
    let pools = old.pools.iter().zip(&new.pools);
    HardwarePlan {
        mode: old.mode,
        rss: old.rss.clone(),
        macs: shared_filters(&old.macs, &new.macs),
        vlans: shared_filters(&old.vlans, &new.vlans),
        multicast,
        pools: pools.map(|(old, new)| shared_pool(old, new)).collect(),
    }
}

/// The filters of both, each for the pools that it has in both.
fn shared_filters<Key: Ord + Copy>(
    old: &BTreeMap<Key, u64>,
    new: &BTreeMap<Key, u64>,
) -> BTreeMap<Key, u64> {
    old.iter()
        .map(|(key, pools)| (*key, pools & new.get(key).copied().unwrap_or(0)))
        .filter(|(_, pools)| *pools != 0)
        .collect()
}

/// What a pool may in both.
fn shared_pool(old: &PoolPlan, new: &PoolPlan) -> PoolPlan {
    PoolPlan {
        receive: old.receive && new.receive,
        transmit: old.transmit && new.transmit,
        broadcast: old.broadcast && new.broadcast,
        untagged: old.untagged && new.untagged,
        multicast: old.multicast && new.multicast,
        // Checks on what is sent are on where either has them.
        anti_spoof: old.anti_spoof || new.anti_spoof,
        ..*old
    }
}
