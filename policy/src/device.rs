//! The card that a policy names: a built-in model, or a PCI function.
//!
//! Not here: what a card can do (`lockgate-vmdq`) and opening it.

use std::fmt;
use std::str::FromStr;

use lockgate_vmdq::{Capabilities, PciAddress};

/// The card that a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The built-in model of this card.
    Model(&'static Capabilities),
    /// A card of this machine.
    Pci(PciAddress),
}

impl Device {
    /// What stands before the name of a model's card.
    const MODEL: &'static str = "model:";
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(card) => write!(f, "{}{}", Self::MODEL, card.card),
            Self::Pci(address) => address.fmt(f),
        }
    }
}

/// The text names no device that Lockgate can drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADevice;

impl fmt::Display for NotADevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device is ")?;
        for card in Capabilities::ALL {
            write!(f, "{}{}, ", Device::MODEL, card.card)?;
        }
        f.write_str("or a PCI address like 0000:03:00.0")
    }
}

impl std::error::Error for NotADevice {}

impl FromStr for Device {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let device = match text.strip_prefix(Self::MODEL) {
            Some(card) => Capabilities::of(card).map(Self::Model),
            None => text.parse().ok().map(Self::Pci),
        };
        device.ok_or(NotADevice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_print_as_they_are_written() {
        for text in [
            "model:82574",
            "model:82576",
            "model:82599",
            "0000:03:00.0",
            "10000:e1:1f.7",
        ] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_model_nor_pci_address_is_no_device() {
        for text in ["", "82576", "model:82575", "model:", "03:00.0", "eth0"] {
            assert_eq!(text.parse::<Device>(), Err(NotADevice), "{text:?}");
        }
        let words = NotADevice.to_string();
        assert!(
            words.contains("model:82576") && words.contains("0000:03:00.0"),
            "{words}"
        );
    }
}
