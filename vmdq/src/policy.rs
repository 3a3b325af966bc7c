//! The policy file as typed values, each with the place it was written at.
//!
//! Every value here is well formed on its own; whether the whole is allowed and
//! fits a card is for [`Policy::check`]. Not here: reading TOML (`parse`).

use core::ops::Deref;

use lockgate_rss::{HashKinds, Key};
use serde::Deserialize;

use crate::parse::{hash, within, word};
use crate::prelude::*;
use crate::{Attach, BitRate, Device, Mac, Multicast, Segment, Wire};

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
    /// Whether RSS has to spread over its queues.
    pub(crate) fn spreads(&self) -> bool {
        *self.queues > 1 && self.wire.receives()
    }

    /// Its segments; the untagged one has the place of the name when none is listed.
    pub fn segments(&self) -> impl Iterator<Item = At<Segment>> {
        let untagged = At {
            value: Segment::UNTAGGED,
            at: self.name.at,
        };
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
        Self {
            key: Key::MICROSOFT,
            hash: HashKinds::ALL,
        }
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
        Self {
            weight: At::default(1),
            rate: None,
        }
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
