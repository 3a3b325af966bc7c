//! What every driver offers, whatever its family.
//!
//! A driver is started from a checked plan alone, and says what the registers
//! hold in the plan's own terms.
//!
//! Not here: the families, and who is told about a link or a statistic.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lockgate_regs::{igb, pci};
use lockgate_vmdq::{Capabilities, HardwarePlan, Plan};

use crate::device::{Card, DeviceId};
use crate::error::Error;
use crate::igb::Igb;
use crate::ring::{Queues, RingSizes};

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
    /// Lost in front of the packet buffer (MPC).
    pub rx_missed: u64,
    /// Dropped for want of a descriptor (RQDPC), by pool.
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
pub trait Nic: Send {
    /// Resets the card and sets it up as `plan` says: what arrives once the link
    /// is up goes to the queues.
    ///
    /// # Errors
    /// [`Error`]; the card is stopped again then.
    fn start(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error>;

    /// The state of the link. To be asked now and then: it also keeps what
    /// depends on the speed (rate limits) and on negotiation (flow control) right.
    ///
    /// # Errors
    /// [`Error::Gone`].
    fn link(&mut self) -> Result<Link, Error>;

    /// Waits until the link is up, or `stop` is set, which ends the wait without
    /// an error.
    ///
    /// # Errors
    /// [`Error::NoLink`] after `limit`; [`Error::Gone`].
    fn wait_link(&mut self, limit: Duration, stop: &AtomicBool) -> Result<Link, Error>;

    /// What was counted since the last call, or since the start.
    ///
    /// # Errors
    /// [`Error::Gone`].
    fn statistics(&mut self) -> Result<Statistics, Error>;

    /// The plan that the registers hold; right after a start it equals
    /// [`Plan::hardware`].
    ///
    /// # Errors
    /// [`Error::Gone`].
    fn read_back(&mut self) -> Result<HardwarePlan, Error>;

    /// Leaves the card quiet: queues off, bus mastering off. Stopping again is no
    /// error.
    ///
    /// # Errors
    /// The first thing that went wrong; the rest was tried all the same.
    fn stop(&mut self) -> Result<(), Error>;
}

/// The driver for `card`.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn open(card: Card) -> Result<Box<dyn Nic>, Error> {
    match capabilities(card.id) {
        Some(capabilities) if capabilities.family == "igb" => Ok(Box::new(Igb::new(card))),
        _ => Err(Error::Unsupported { id: card.id }),
    }
}

/// What the card `id` can do; `None` for a card without a driver here.
pub fn capabilities(id: DeviceId) -> Option<&'static Capabilities> {
    let known = id.vendor == pci::INTEL && igb::DEVICE_IDS.contains(&id.device);
    known.then_some(&Capabilities::I82576)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intel_cards_with_a_driver_have_capabilities() {
        let id = |vendor, device| DeviceId { vendor, device };
        let card = capabilities(id(0x8086, 0x10C9)).map(|card| card.card);
        assert_eq!(card, Some("82576"));
        assert_eq!(capabilities(id(0x8087, 0x10C9)), None);
        assert_eq!(capabilities(id(0x8086, 0x10CA)), None, "a virtual function");
    }
}
