//! The cards that there are drivers for.
//!
//! The rule: a card is one entry of [`CARDS`], and whoever needs to know of cards iterates it. A
//! card that differs from its family in numbers alone is an entry and nothing else.
//!
//! Not here: what a card can hold (`lockgate_vmdq::Capabilities`).

use alloc::boxed::Box;

use lockgate_regs::{e1000e, igb, ixgbe, pci};
use lockgate_vmdq::Capabilities;

use crate::device::{Card, DeviceId};
use crate::e1000e::E1000e;
use crate::family::Family;
use crate::igb::Igb;
use crate::ixgbe::Ixgbe;

/// A kind of card that there is a driver for.
#[derive(Debug)]
pub struct SupportedCard {
    /// What its vendor calls the controller: `"82576"`.
    pub name: &'static str,
    /// The family of drivers, and of files and folders of that name: `"igb"`.
    pub family: &'static str,
    /// PCI device numbers of its physical functions; the vendor is Intel.
    pub device_ids: &'static [u16],
    /// What it can hold.
    pub capabilities: &'static Capabilities,
    /// Makes its driver.
    driver: fn(Card) -> Box<dyn Family>,
}

/// Every card that there is a driver for.
pub static CARDS: [SupportedCard; 3] = [
    SupportedCard {
        name: "82574",
        family: "e1000e",
        device_ids: &e1000e::DEVICE_IDS,
        capabilities: &Capabilities::I82574,
        driver: |card| Box::new(E1000e::new(card)),
    },
    SupportedCard {
        name: "82576",
        family: "igb",
        device_ids: &igb::DEVICE_IDS,
        capabilities: &Capabilities::I82576,
        driver: |card| Box::new(Igb::new(card)),
    },
    SupportedCard {
        name: "82599",
        family: "ixgbe",
        device_ids: &ixgbe::DEVICE_IDS,
        capabilities: &Capabilities::I82599,
        driver: |card| Box::new(Ixgbe::new(card)),
    },
];

impl SupportedCard {
    /// The entry for the card `id`; `None` for one without a driver here.
    pub fn find(id: DeviceId) -> Option<&'static Self> {
        let ours = |card: &&Self| card.device_ids.contains(&id.device);
        CARDS.iter().find(ours).filter(|_| id.vendor == pci::INTEL)
    }

    /// The driver for `card`.
    pub(crate) fn driver(&self, card: Card) -> Box<dyn Family> {
        (self.driver)(card)
    }
}

/// What the card `id` can hold; `None` for a card without a driver here.
pub fn capabilities(id: DeviceId) -> Option<&'static Capabilities> {
    SupportedCard::find(id).map(|card| card.capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(vendor: u16, device: u16) -> DeviceId {
        DeviceId { vendor, device }
    }

    #[test]
    fn only_intel_cards_with_a_driver_are_known() {
        let name = |device| SupportedCard::find(id(0x8086, device)).map(|card| card.name);
        assert_eq!((name(0x10C9), name(0x10D3)), (Some("82576"), Some("82574")));
        assert_eq!(name(0x10FB), Some("82599"));
        assert_eq!(capabilities(id(0x8087, 0x10C9)), None);
        assert_eq!(capabilities(id(0x8086, 0x10CA)), None, "a virtual function");
    }

    #[test]
    fn no_two_cards_have_one_number_or_name_and_each_is_what_its_capabilities_say() {
        for (at, card) in CARDS.iter().enumerate() {
            for other in &CARDS[at + 1..] {
                assert_ne!(card.name, other.name);
                let shared = |id: &u16| other.device_ids.contains(id);
                assert!(!card.device_ids.iter().any(shared), "{}", card.name);
            }
            assert_eq!(card.capabilities.card, card.name);
            assert_eq!(card.capabilities.family, card.family);
        }
    }
}
