//! What every driver offers, whatever its family.
//!
//! A driver is started from a checked plan alone, and says what the registers
//! hold in the plan's own terms. The rule: a card is either silent or started by one
//! plan, and silent again after a failed start, a stop and the driver's end.
//!
//! Not here: the families, and who waits for a link or is told of a statistic.

use std::sync::Arc;

use lockgate_regs::{e1000e, igb, ixgbe, pci};
use lockgate_vmdq::{Capabilities, HardwarePlan, Plan};

use crate::access::Registers;
use crate::device::{Card, DeviceId};
use crate::e1000e::E1000e;
use crate::error::Error;
use crate::igb::Igb;
use crate::ixgbe::Ixgbe;
use crate::ring::{Lease, Queues, RingSizes};

/// The state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Whether frames can travel.
    pub up: bool,
    /// Speed in Mbit/s, 0 while down.
    pub mbit: u32,
}

/// What the MAC counted since the last time it was asked. Lengths include the
/// frame check sequence; a replicated frame may count once per copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named by the datasheet's words")]
pub struct Statistics {
    /// Good frames that passed the filters (GPRC).
    pub rx_good: u64,
    pub rx_octets: u64,
    /// Good frames that left (GPTC).
    pub tx_good: u64,
    pub tx_octets: u64,
    /// Lost in front of the packet buffer (MPC); on an 82599 with more receiving pools than
    /// the 16 that can be told apart, dropped for want of a descriptor too.
    pub rx_missed: u64,
    /// Dropped for want of a descriptor (RQDPC, QPRDC), by pool.
    pub rx_no_descriptor: Vec<u64>,
    pub rx_crc_errors: u64,
    /// Too short, or too short and damaged (RUC, RFC).
    pub rx_undersize: u64,
    /// Too long, or too long and damaged (ROC, RJC).
    pub rx_oversize: u64,
    /// Refused by the card's anti-spoof checks (SSVPC).
    pub tx_spoofed: u64,
}

/// A card under control of its driver. Dropping it stops the card.
pub struct Nic {
    family: Box<dyn Family>,
    /// Whether there may be anything to stop.
    started: bool,
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
        if Arc::strong_count(&self.family.port().lease) > 1 {
            return Err(Error::QueuesInUse);
        }
        self.started = true;
        let queues = self.family.bring_up(plan, sizes);
        if queues.is_err() {
            // The first error is the one that helps.
            let _ = self.stop();
        }
        queues
    }

    /// The state of the link. To be asked now and then: it also keeps what
    /// depends on the speed (rate limits) and on negotiation (flow control) right.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn link(&mut self) -> Result<Link, Error> {
        self.family.link()
    }

    /// What was counted since the last call, or since the start.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.family.take_statistics()
    }

    /// The plan that the registers hold; right after a start it equals
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
        let quiet = self.family.quiesce();
        let master = self.family.port().card.function.set_bus_master(false);
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

/// What every family holds of its card.
pub(crate) struct Port {
    pub(crate) card: Card,
    pub(crate) registers: Registers,
    /// Held by the queues of the last start as well.
    pub(crate) lease: Lease,
}

impl Port {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            registers: Registers(Arc::clone(&card.bar)),
            card,
            lease: Lease::default(),
        }
    }
}

/// What is a family's own.
pub(crate) trait Family: Send {
    fn port(&self) -> &Port;

    /// Refuses a plan that was not made for this card; `Policy::check` makes none.
    fn check(&self, plan: &HardwarePlan) -> Result<(), Error>;

    /// Resets the card and sets it up.
    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error>;

    /// Stops everything but bus mastering.
    fn quiesce(&mut self) -> Result<(), Error>;

    fn link(&mut self) -> Result<Link, Error>;

    fn take_statistics(&mut self) -> Result<Statistics, Error>;

    fn read_plan(&self) -> Result<HardwarePlan, Error>;
}

/// The driver for `card`.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn open(card: Card) -> Result<Nic, Error> {
    let id = card.id;
    let family: Box<dyn Family> = match capabilities(id).map(|known| known.family) {
        Some("e1000e") => Box::new(E1000e::new(card)),
        Some("igb") => Box::new(Igb::new(card)),
        Some("ixgbe") => Box::new(Ixgbe::new(card)),
        _ => return Err(Error::Unsupported { id }),
    };
    Ok(Nic {
        family,
        started: false,
    })
}

/// What the card `id` can do; `None` for a card without a driver here.
pub fn capabilities(id: DeviceId) -> Option<&'static Capabilities> {
    match id.device {
        _ if id.vendor != pci::INTEL => None,
        device if e1000e::DEVICE_IDS.contains(&device) => Some(&Capabilities::I82574),
        device if igb::DEVICE_IDS.contains(&device) => Some(&Capabilities::I82576),
        device if ixgbe::DEVICE_IDS.contains(&device) => Some(&Capabilities::I82599),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intel_cards_with_a_driver_have_capabilities() {
        let id = |vendor, device| DeviceId { vendor, device };
        let card = |device| capabilities(id(0x8086, device)).map(|card| card.card);
        assert_eq!((card(0x10C9), card(0x10D3)), (Some("82576"), Some("82574")));
        assert_eq!(card(0x10FB), Some("82599"));
        assert_eq!(capabilities(id(0x8087, 0x10C9)), None);
        assert_eq!(capabilities(id(0x8086, 0x10CA)), None, "a virtual function");
    }
}
