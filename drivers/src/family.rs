//! What a family of cards has to do for [`Nic`](crate::Nic).
//!
//! Not here: which families there are ([`crate::registry`]).

use alloc::vec::Vec;

use lockgate_vmdq::{HardwarePlan, Plan};

use crate::access::RegisterWrite;
use crate::adapter::{Adapter, Link};
use crate::error::Error;
use crate::ring::{Queues, RingSizes};
use crate::slots::FilterSlots;
use crate::statistics::Statistics;

/// What is a family's own.
pub(crate) trait Family: Send {
    fn adapter(&self) -> &Adapter;

    /// Refuses a plan that was not made for this card; `Policy::check` makes none.
    fn check(&self, plan: &HardwarePlan) -> Result<(), Error>;

    /// Resets the card and sets it up.
    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error>;

    /// Stops everything but bus mastering.
    fn quiesce(&mut self) -> Result<(), Error>;

    fn poll_link(&mut self) -> Result<Link, Error>;

    fn take_statistics(&mut self) -> Result<Statistics, Error>;

    /// The registers of filters that the card has, holding nothing.
    fn filter_slots(&self) -> FilterSlots;

    /// What registers hold under `plan`, with filters in the registers that `slots` says, in the
    /// order in which a start sets them: an entry of several words becomes valid by its last. The
    /// same registers for all plans with one mode, number of pools and hash.
    fn settings(&self, plan: &HardwarePlan, slots: &FilterSlots) -> Vec<RegisterWrite>;

    /// Writes every register of a card on which nothing is received yet as `plan` has it.
    fn program(&self, plan: &HardwarePlan) {
        let mut slots = self.filter_slots();
        slots.assign(plan);
        for setting in self.settings(plan, &slots) {
            self.adapter().registers.set(&setting);
        }
    }

    /// Whether both plans use the same queues.
    fn same_queues(&self, one: &HardwarePlan, other: &HardwarePlan) -> bool;

    /// Sets rates and weights of pools on a card that runs.
    fn set_shares(&mut self, plan: &HardwarePlan) -> Result<(), Error>;

    fn read_plan(&self) -> Result<HardwarePlan, Error>;
}
