//! The policy file as typed values, each with the place it was written at.
//!
//! Every value here is well formed on its own; whether the whole is allowed and
//! fits a card is for [`Policy::check`]. Not here: reading TOML (`parse`).

use std::ops::Deref;

use lockgate_vmdq::{Attachment, BitRate, Mac, Poll, Rss, Segment, Wire};
use serde::Deserialize;

use crate::Device;
use crate::attach::Attach;
use crate::parse::{RssTable, WireWord, cores, device, macs, rate, segments, within};

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

/// A list of cores, each with its place.
pub type CoreList = At<Vec<At<u16>>>;

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct Policy {
    /// SHA-256 of the text.
    #[serde(skip)]
    pub hash: [u8; 32],
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
    pub wire: WireSection,
    /// `[[flow]]`, in the order of the file.
    #[serde(default, rename = "flow")]
    pub flows: Vec<Flow>,
}

/// `[nic]`: the card and who drives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct Nic {
    /// The card.
    #[serde(deserialize_with = "device")]
    pub device: At<Device>,
    /// Largest payload of a frame, in bytes.
    #[serde(default = "mtu", deserialize_with = "within::<_, _, 68, 65513>")]
    pub mtu: At<u16>,
    /// Cores of the trusted workers; `None`: the first usable core.
    #[serde(default, deserialize_with = "cores")]
    pub workers: Option<CoreList>,
    /// How the workers wait for frames.
    #[serde(default = "poll", deserialize_with = "crate::parse::poll")]
    pub poll: At<Poll>,
}

/// `[levels]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct Levels {
    /// Their names, lowest first.
    pub order: Vec<At<String>>,
}

/// `[wire]`: what a model's cable leads to; one of these at most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct WireSection {
    /// Capture to replay, relative to the policy file.
    pub replay: Option<At<String>>,
    /// Name of a TAP interface.
    pub tap: Option<At<String>>,
    /// Name of a Linux interface.
    pub interface: Option<At<String>>,
}

/// One `[[partition]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct Partition {
    /// Its name.
    pub name: At<String>,
    /// Its level, one of `levels.order`.
    pub level: Option<At<String>>,
    /// Cores of its endpoint; `None`: any core without a worker.
    #[serde(default, deserialize_with = "cores")]
    pub cores: Option<CoreList>,
    /// Receive queues, 1 to 16.
    #[serde(default = "queues", deserialize_with = "within::<_, _, 1, 16>")]
    pub queues: At<u8>,
    /// Its own addresses.
    #[serde(default, deserialize_with = "macs")]
    pub macs: Vec<At<Mac>>,
    /// Its segments as listed; none listed means the untagged one.
    #[serde(default, deserialize_with = "segments")]
    pub vlans: Vec<At<Segment>>,
    /// Which ways of the wire it has.
    #[serde(default, with = "WireWord")]
    pub wire: Wire,
    /// Whether it takes broadcast.
    #[serde(default = "broadcast")]
    pub broadcast: bool,
    /// Which multicast it takes.
    #[serde(default)]
    pub multicast: MulticastList,
    /// How its queues are chosen.
    #[serde(default, with = "RssTable")]
    pub rss: Rss,
    /// Its share of the wire.
    #[serde(default)]
    pub tx: Tx,
    /// What its lane is joined to, as it is written.
    pub(crate) attach: Option<At<Attach>>,
    /// The same, read.
    #[serde(skip)]
    pub(crate) attachment: Attachment,
}

impl Partition {
    /// What its lane is joined to.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// Byte offset of its attachment; of its name if it has the default.
    pub fn attachment_at(&self) -> usize {
        self.attach
            .as_ref()
            .map_or(self.name.at, |attach| attach.at)
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

/// Which multicast addresses a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MulticastList {
    /// These, perhaps none.
    List(Vec<At<Mac>>),
    /// Every one.
    All,
}

impl MulticastList {
    /// Those that are listed.
    pub fn listed(&self) -> &[At<Mac>] {
        match self {
            Self::List(macs) => macs,
            Self::All => &[],
        }
    }
}

impl Default for MulticastList {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// A partition's share of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct Tx {
    /// Weight in the deficit round robin, 1 to 1000.
    #[serde(deserialize_with = "within::<_, _, 1, 1000>")]
    pub weight: At<u16>,
    /// The most it may send, over all its frames.
    #[serde(deserialize_with = "rate")]
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
#[serde(deny_unknown_fields, expecting = "a table")]
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

fn poll() -> At<Poll> {
    At::default(Poll::Spin)
}

fn queues() -> At<u8> {
    At::default(1)
}

fn broadcast() -> bool {
    true
}
