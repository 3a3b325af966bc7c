//! The policy file as typed values, each with the place it was written at.
//!
//! Every value here is well formed on its own; whether the whole is allowed and
//! fits a card is for [`Policy::check`]. Not here: reading TOML (`parse`).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

use lockgate_rss::{HashKinds, Key};
use serde::Deserialize;

use crate::frame::Segment;
use crate::mac::{Mac, hex};
use crate::parse::{hash, within, word};
use crate::partition::{Attach, Multicast, Wire};
use crate::rate::BitRate;

/// A place in the policy text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Byte offset in the policy text; 0 for a default.
    pub at: usize,
}

impl<T> At<T> {
    const fn default(value: T) -> Self {
        Self { value, at: 0 }
    }
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
        let Self { domain, bus, device, function } = self;
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
            let (rest, function) = text.rsplit_once('.')?;
            let mut parts = rest.split(':');
            let (domain, bus, device) = (parts.next()?, parts.next()?, parts.next()?);
            let address = Self {
                domain: (4..=8).contains(&domain.len()).then(|| hex(domain, domain.len()))??,
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// `[nic]`.
    pub nic: Nic,
    /// `[levels]`; no level without it.
    #[serde(default)]
    pub levels: Levels,
    /// `[[partition]]`, in the order of the file.
    #[serde(default, rename = "partition")]
    pub partitions: Vec<Partition>,
    /// `[wire]`.
    #[serde(default)]
    pub wire: WireSource,
    /// `[[flow]]`, in the order of the file.
    #[serde(default, rename = "flow")]
    pub flows: Vec<Flow>,
    /// The text, to turn offsets into places.
    #[serde(skip)]
    pub(crate) text: String,
}

/// `[nic]`: the card and who drives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nic {
    /// The card.
    pub device: At<Device>,
    /// Largest payload of a frame, in bytes; no card has longer fields than 16 bits.
    #[serde(default = "mtu", deserialize_with = "within::<_, _, 68, 65513>")]
    pub mtu: At<u16>,
    /// Cores of the trusted workers; `None`: the first usable core.
    pub workers: Option<At<Vec<At<u16>>>>,
}

/// `[levels]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Their names, lowest first.
    pub order: Vec<At<String>>,
}

impl Deref for Levels {
    type Target = [At<String>];

    fn deref(&self) -> &[At<String>] {
        &self.order
    }
}

/// `[wire]`: what arrives at a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireSource {
    /// Capture to replay, relative to the policy file.
    pub replay: Option<At<String>>,
}

/// One `[[partition]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Its name.
    pub name: At<String>,
    /// Its level, one of `levels.order`.
    pub level: Option<At<String>>,
    /// Cores of its endpoint; `None`: any core without a worker.
    pub cores: Option<At<Vec<At<u16>>>>,
    /// Receive queues, 1 to 16.
    #[serde(default = "queues", deserialize_with = "within::<_, _, 1, 16>")]
    pub queues: At<u8>,
    /// Its own addresses.
    #[serde(default)]
    pub macs: Vec<At<Mac>>,
    /// Its segments as listed; none listed means the untagged one.
    #[serde(default)]
    pub vlans: Vec<At<Segment>>,
    /// Which ways of the wire it has.
    #[serde(default)]
    pub wire: Wire,
    /// Whether it takes broadcast.
    #[serde(default = "broadcast")]
    pub broadcast: bool,
    /// Which multicast it takes.
    #[serde(default)]
    pub multicast: Multicast,
    /// How its queues are chosen.
    #[serde(default)]
    pub rss: Rss,
    /// Its share of the wire.
    #[serde(default)]
    pub tx: Tx,
    /// What its endpoint joins it to.
    #[serde(default = "attach")]
    pub attach: At<Attach>,
}

impl Partition {
    /// Its segments; the untagged one has the place of the name when none is listed.
    pub(crate) fn segments(&self) -> impl Iterator<Item = At<Segment>> {
        let untagged = At { value: Segment::UNTAGGED, at: self.name.at };
        let default = self.vlans.is_empty().then_some(untagged);
        self.vlans.iter().copied().chain(default)
    }
}

/// How a partition's frames spread over its receive queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rss {
    /// Key of the hash.
    #[serde(deserialize_with = "word")]
    pub key: Key,
    /// Kinds of packet that are hashed.
    #[serde(deserialize_with = "hash")]
    pub hash: HashKinds,
}

impl Default for Rss {
    fn default() -> Self {
        Self { key: Key::MICROSOFT, hash: HashKinds::ALL }
    }
}

/// A partition's share of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tx {
    /// Weight in the deficit round robin, 1 to 1000.
    #[serde(deserialize_with = "within::<_, _, 1, 1000>")]
    pub weight: At<u16>,
    /// The most it may send, over all its frames.
    pub rate: Option<At<BitRate>>,
}

impl Default for Tx {
    fn default() -> Self {
        Self { weight: At::default(1), rate: None }
    }
}

/// One `[[flow]]`: frames that may pass from one partition to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Name of the sender.
    pub from: At<String>,
    /// Name of the receiver.
    pub to: At<String>,
    /// Why this flow may go to a lower level.
    pub downgrade: Option<At<String>>,
}

fn mtu() -> At<u16> {
    At::default(1500)
}

fn queues() -> At<u8> {
    At::default(1)
}

fn attach() -> At<Attach> {
    At::default(Attach::Pcap { replay: None })
}

fn broadcast() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn devices_print_as_they_are_written() {
        for text in ["model:82574", "model:82576", "model:82599", "0000:03:00.0", "10000:e1:1f.7"] {
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
