//! The card that a policy names: a built-in model, or a PCI function.
//!
//! Not here: what the card can do (`capabilities`) and opening it (`drivers`).

use crate::prelude::*;

/// Address of a PCI function, `0000:03:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// PCI domain; more than 16 bits where a controller is remapped.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

/// The text names no device that Lockgate can drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a device is model:82574, model:82576, model:82599 or a PCI address like 0000:03:00.0")]
pub struct NotADevice;

impl FromStr for PciAddress {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let read = || {
            let mut parts = text.split([':', '.']);
            let domain = u32::from_str_radix(parts.next()?, 16).ok()?;
            let mut number = || u8::from_str_radix(parts.next()?, 16).ok();
            let (bus, device, function) = (number()?, number()?, number()?);
            let address = Self {
                domain,
                bus,
                device,
                function,
            };
            // Printed again it shows signs, other separators and digits too many or too few.
            let same = address.to_string() == text.to_ascii_lowercase();
            (same && device < 32 && function < 8).then_some(address)
        };
        read().ok_or(NotADevice)
    }
}

/// The card a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The built-in model of an 82574.
    Model82574,
    /// The built-in model of an 82576.
    Model82576,
    /// The built-in model of an 82599.
    Model82599,
    /// A card of this machine.
    Pci(PciAddress),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model82574 => f.write_str("model:82574"),
            Self::Model82576 => f.write_str("model:82576"),
            Self::Model82599 => f.write_str("model:82599"),
            Self::Pci(address) => address.fmt(f),
        }
    }
}

impl FromStr for Device {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        match text {
            "model:82574" => Ok(Self::Model82574),
            "model:82576" => Ok(Self::Model82576),
            "model:82599" => Ok(Self::Model82599),
            _ => text.parse().map(Self::Pci),
        }
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
        for text in [
            "",
            "82576",
            "model:82575",
            "03:00.0",
            "0000:03:20.0",
            "0000:03:00.8",
            "0:3:0.0",
            "0000:03:00",
            "0000:03:00.0:1",
            "eth0",
            "0000:+3:00.0",
            "123456789:00:00.0",
        ] {
            assert_eq!(text.parse::<Device>(), Err(NotADevice), "{text:?}");
        }
    }
}
