//! From policy text to a checked plan of pools, queues and filters.
//!
//! [`Policy::parse`] reads the text, [`Policy::check`] refuses whatever crosses a
//! line or does not fit the card, and the [`Plan`] it makes gives the verdict on
//! every frame. Pure: no clock, no files, no card.
//!
//! Not here: registers (`drivers`), lanes and workers (`dataplane`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod capabilities;
mod check;
mod device;
mod error;
mod fit;
pub mod frame;
mod hardware;
mod id;
mod levels;
mod limits;
mod mac;
mod parse;
mod partition;
mod plan;
mod policy;
mod prelude;
mod rate;
mod recent;
mod rules;
mod software;
mod verdict;

pub use capabilities::{Capabilities, Machine, PoolLayout};
pub use device::{Device, NotADevice, PciAddress};
pub use error::{Place, PolicyError, PolicyErrorKind};
pub use frame::{FrameHeader, Segment};
pub use hardware::{
    FilterChange, HardwareChanges, HardwareDiff, HardwarePlan, MulticastChange, PoolChange,
    PoolPlan, ResetReason, RssPlan, SteeringMode, multicast_index,
};
pub use id::{MAX_PARTITIONS, PartitionId, PartitionSet, PoolId};
pub use limits::FrameLimits;
pub use mac::{Mac, NotAMac};
pub use partition::{Attach, Multicast, Wire};
pub use plan::{PartitionPlan, Plan};
pub use policy::{At, Flow, Levels, Nic, Partition, Policy, Rss, Tx, WireSource};
pub use rate::{BitRate, NotARate};
pub use recent::Recent;
pub use verdict::{Reason, SendVerdict, WireVerdict};
