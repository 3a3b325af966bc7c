//! The policy file as typed values, each with the place it was written at.
//!
//! Every value here is well formed on its own; whether the whole is allowed and
//! fits a card is for [`Policy::check`]. Not here: reading TOML (`parse`).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

use crate::frame::Segment;
use crate::mac::{Mac, hex};
use crate::partition::{Attach, Multicast, Rss, Tx, Wire};

/// A place in the policy text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value and where it was written; defaults stand where their table begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

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
#[error("not a device: write \"model:82576\" or a PCI address such as \"0000:03:00.0\"")]
pub struct NotADevice;

impl FromStr for PciAddress {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let read = || {
            let (rest, function) = text.rsplit_once('.')?;
            let mut parts = rest.split(':');
            let (domain, bus, device) = (parts.next()?, parts.next()?, parts.next()?);
            let address = Self {
                domain: (4..=8)
                    .contains(&domain.len())
                    .then(|| hex(domain, domain.len()))??,
                bus: hex(bus, 2)? as u8,
                device: hex(device, 2)? as u8,
                function: hex(function, 1)? as u8,
            };
            let fits = address.device < 32 && address.function < 8 && parts.next().is_none();
            fits.then_some(address)
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

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `[nic]`.
    pub nic: Nic,
    /// `levels.order`, lowest first; empty without `[levels]`.
    pub levels: Vec<At<String>>,
    /// `[[partition]]`, in the order of the file.
    pub partitions: Vec<Partition>,
    /// `[wire]`.
    pub wire: WireSource,
    /// `[[flow]]`, in the order of the file.
    pub flows: Vec<Flow>,
}

/// `[nic]`: the card and who drives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The card.
    pub device: At<Device>,
    /// Largest payload of a frame, in bytes.
    pub mtu: At<u16>,
    /// Cores of the trusted workers; `None`: the first usable core.
    pub workers: Option<Vec<At<u16>>>,
}

/// `[wire]`: what arrives at a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WireSource {
    /// Capture to replay, relative to the policy file.
    pub replay: Option<At<String>>,
}

/// One `[[partition]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name: letters, digits, `_`, `.`, `-`.
    pub name: At<String>,
    /// Its level, one of `levels.order`.
    pub level: Option<At<String>>,
    /// Cores of its endpoint; `None`: any core without a worker.
    pub cores: Option<Vec<At<u16>>>,
    /// Receive queues, 1 to 16.
    pub queues: At<u8>,
    /// Its own addresses, unicast.
    pub macs: Vec<At<Mac>>,
    /// Its segments, at least one.
    pub vlans: Vec<At<Segment>>,
    /// Which ways of the wire it has.
    pub wire: Wire,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Which multicast it takes.
    pub multicast: Multicast,
    /// How its queues are chosen.
    pub rss: At<Rss>,
    /// Its share of the wire; the place is that of `rate` where one is given.
    pub tx: At<Tx>,
    /// What its endpoint joins it to.
    pub attach: At<Attach>,
}

/// One `[[flow]]`: frames that may pass from one partition to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Name of the sender.
    pub from: At<String>,
    /// Name of the receiver.
    pub to: At<String>,
    /// Why this flow may go to a lower level.
    pub downgrade: Option<At<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

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
