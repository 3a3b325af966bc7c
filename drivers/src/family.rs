//! What a family of cards has to do for [`Nic`](crate::Nic).
//!
//! Not here: which families there are ([`crate::registry`]).

use lockgate_vmdq::{HardwarePlan, Plan};

use crate::adapter::{Adapter, Link};
use crate::error::Error;
use crate::ring::{Queues, RingSizes};
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

    fn read_plan(&self) -> Result<HardwarePlan, Error>;
}
