//! The plan: who is on a card, what may pass, and what becomes of each frame.
//!
//! A [`PlanSpec`] says what is wanted, as plain data; [`Plan::new`] refuses whatever crosses a
//! line or does not fit the card, and derives the rest: pools, queues and filters for the card
//! ([`HardwarePlan`]), queues on workers, and the verdict on every frame. [`Plan::encode`] and
//! [`Plan::decode`] are the same by bytes. Pure: no clock, no files, no card.
//!
//! ```
//! use lockgate_vmdq::{
//!     Attachment, Capabilities, Mac, Multicast, PartitionId, PartitionSpec, Plan, PlanSpec, Poll,
//!     PoolId, Rss, Segment, Wire, WireSource, WireVerdict,
//! };
//!
//! let own = Mac::new([2, 0, 0, 0, 0, 1]);
//! let spec = PlanSpec {
//!     policy_hash: [0; 32],
//!     device: "model:82576".into(),
//!     mtu: 1500,
//!     poll: Poll::Spin,
//!     workers: vec![0],
//!     levels: vec![],
//!     partitions: vec![PartitionSpec {
//!         id: PartitionId::new(0).unwrap(),
//!         pool: Some(PoolId::new(0)),
//!         name: "a".into(),
//!         level: None,
//!         cores: vec![1],
//!         queues: 1,
//!         macs: vec![own],
//!         segments: vec![Segment::UNTAGGED],
//!         wire: Wire::Both,
//!         broadcast: true,
//!         multicast: Multicast::default(),
//!         rss: Rss::default(),
//!         weight: 1,
//!         rate: None,
//!         attachment: Attachment::default(),
//!     }],
//!     flows: vec![],
//!     wire: WireSource::Nothing,
//! };
//! let plan = Plan::new(spec, &Capabilities::I82576).unwrap();
//!
//! let mut frame = [0; 60];
//! frame[..6].copy_from_slice(&own.octets());
//! let WireVerdict::Deliver(to) = plan.from_wire(&frame, 60) else {
//!     panic!("nobody gets it");
//! };
//! assert_eq!(to.first().and_then(|id| plan.partition(id)).unwrap().name, "a");
//!
//! let bytes = plan.encode();
//! assert_eq!(Plan::decode(&bytes).unwrap().spec(), plan.spec());
//! ```
//!
//! Not here: policies as text (`lockgate-policy`), registers (`lockgate-drivers`), lanes and
//! workers (`lockgate-dataplane`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod attachment;
mod capabilities;
mod check;
mod codec;
mod error;
mod flow_cache;
pub mod frame;
mod hardware;
mod hex;
mod id;
mod limits;
mod mac;
mod numbers;
mod pci;
mod plan;
mod prelude;
mod rate;
mod rules;
#[cfg(test)]
mod sample;
mod spec;
mod verdict;

pub use attachment::{
    Attachment, AttachmentKind, InterfaceAddress, NotAnInterfaceAddress, Service, Side, Socket,
    Wait,
};
pub use capabilities::{Capabilities, Machine, PoolLayout};
pub use codec::DecodeError;
pub use error::{FlowPart, PartitionPart, PlanError, PlanErrorKind, SpecPlace};
pub use flow_cache::{Flow, FlowCache, FromPartition, FromWire, NextHop, Origin};
pub use frame::{FrameHeader, FrameStart, Segment};
pub use hardware::{
    FilterChange, HardwareChanges, HardwareDiff, HardwarePlan, MulticastChange, PoolChange,
    PoolPlan, ResetReason, RssPlan, SteeringMode, multicast_index,
};
pub use id::{MAX_PARTITIONS, PartitionId, PartitionSet, PoolId};
pub use limits::FrameLimits;
pub use mac::{Mac, NotAMac};
pub use numbers::{Numbers, number_partitions};
pub use pci::{NotAPciAddress, PciAddress};
pub use plan::{PartitionPlan, Plan};
pub use rate::{BitRate, NotARate};
pub use spec::{FlowSpec, Multicast, PartitionSpec, PlanSpec, Poll, Rss, Wire, WireSource};
pub use verdict::{Reason, SendVerdict, WireVerdict};
