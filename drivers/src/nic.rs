//! What every driver offers, whatever its family.
//!
//! A driver is started from a checked plan alone, and says what the registers
//! hold in the plan's own terms. The rule: a card is either silent or started by one
//! plan, and silent again after a failed start, a stop and the driver's end.
//!
//! Not here: the families, and who waits for a link or is told of a statistic.

use alloc::boxed::Box;

use lockgate_vmdq::{HardwarePlan, Plan};

use crate::adapter::Link;
use crate::apply::Applied;
use crate::device::Card;
use crate::error::Error;
use crate::family::Family;
use crate::registry::SupportedCard;
use crate::ring::{Queues, RingSizes};
use crate::statistics::Statistics;

/// A card under control of its driver. Dropping it stops the card.
pub struct Nic {
    family: Box<dyn Family>,
    /// Whether there may be anything to stop.
    started: bool,
    /// What the card holds since its start, if that went well.
    applied: Option<Applied>,
}

impl Nic {
    /// Resets the card and sets it up as `plan` says: what arrives once the link
    /// is up goes to the queues.
    ///
    /// # Errors
    /// [`Error`]; the card is stopped again then.
    pub fn start(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        self.family.check(plan.hardware())?;
        self.stop()?;
        if self.family.adapter().queues.is_held() {
            return Err(Error::QueuesInUse);
        }
        self.started = true;
        let queues = self.family.bring_up(plan, sizes);
        if queues.is_err() {
            // The first error is the one that helps.
            let _ = self.stop();
        } else {
            self.applied = Some(Applied::new(plan, self.family.filter_slots()));
        }
        queues
    }

    /// Brings a started card to `plan` without a reset, while frames arrive: addresses, VLANs,
    /// multicast, broadcast, anti-spoof, rates and weights. At no moment does the card do anything
    /// that neither plan allows, and pools that are the same in both lose no frame.
    ///
    /// # Errors
    /// [`Error::NeedsReset`], before anything is written, where the plans differ in what cannot be
    /// changed so: the number of pools or queues, the MTU, the hash; [`Error::Plan`] for a plan of
    /// another card; [`Error::NotStarted`]; [`Error::NotHeld`] when a register did not take its
    /// value, after which the card does no more than the plans allow and is best started again.
    pub fn apply(&mut self, plan: &Plan) -> Result<(), Error> {
        let applied = self.applied.as_mut().ok_or(Error::NotStarted)?;
        applied.change(self.family.as_mut(), plan)
    }

    /// The state of the link. To be called now and then: it also keeps what
    /// depends on the speed (rate limits) and on negotiation (flow control) right.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn poll_link(&mut self) -> Result<Link, Error> {
        self.family.poll_link()
    }

    /// What was counted since the last call, or since the start.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.family.take_statistics()
    }

    /// The plan that the registers hold; right after [`Nic::start`] and [`Nic::apply`] it equals
    /// [`Plan::hardware`].
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn read_back(&mut self) -> Result<HardwarePlan, Error> {
        self.family.read_plan()
    }

    /// Leaves the card quiet: queues off, bus mastering off. Stopping again is no
    /// error.
    ///
    /// # Errors
    /// The first thing that went wrong; the rest was tried all the same.
    pub fn stop(&mut self) -> Result<(), Error> {
        if !self.started {
            return Ok(());
        }
        self.applied = None;
        let quiet = self.family.quiesce();
        let master = self.family.adapter().card.function.set_bus_master(false);
        self.started = master.is_err();
        quiet?;
        master.map_err(|source| Error::BusMaster { source })
    }
}

impl Drop for Nic {
    fn drop(&mut self) {
        // Nobody is left to tell; DMA memory is guarded by the IOMMU anyway.
        let _ = self.stop();
    }
}

/// The driver for `card`, which has it from now on.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn open(card: Card) -> Result<Nic, Error> {
    let id = card.id;
    let supported = SupportedCard::find(id).ok_or(Error::Unsupported { id })?;
    Ok(Nic {
        family: supported.driver(card),
        started: false,
        applied: None,
    })
}
