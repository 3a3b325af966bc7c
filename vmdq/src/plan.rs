//! A checked policy: everything workers and drivers act on.
//!
//! [`Policy::check`](crate::Policy::check) is the only way to make a [`Plan`], and
//! what the policy does not allow is absent from it.

use alloc::string::String;
use alloc::vec::Vec;

use lockgate_rss::Table;

use crate::frame::Segment;
use crate::hardware::HardwarePlan;
use crate::mac::Mac;
use crate::partition::{Attach, Rss, Wire};
use crate::rate::BitRate;
use crate::verdict::{SendVerdict, WireVerdict};
use crate::{Capabilities, Machine, Policy, PolicyError, PolicyErrorKind};

/// Who finds the partition of a frame from the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteeringMode {
    /// The card, by pool; the worker checks.
    Pools,
    /// The worker, by look-up.
    Software,
}

/// One partition of the plan.
#[derive(Debug, Clone)]
pub struct PartitionPlan {
    /// Its name.
    pub name: String,
    /// Its level, if it has one.
    pub level: Option<String>,
    /// Cores of its endpoint.
    pub cores: Vec<u16>,
    /// Receive queues.
    pub queues: u8,
    /// Worker (index into [`Plan::workers`]) of each receive queue.
    pub queue_workers: Vec<usize>,
    /// Worker of its transmit side, that of queue 0.
    pub worker: usize,
    /// Its own addresses.
    pub macs: Vec<Mac>,
    /// Its segments.
    pub vlans: Vec<Segment>,
    /// Which ways of the wire it has.
    pub wire: Wire,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Which multicast it takes.
    pub multicast: MulticastPlan,
    /// Key and kinds of its hash.
    pub rss: Rss,
    /// Hash to receive queue.
    pub table: Table,
    /// Weight on transmit.
    pub weight: u16,
    /// Limit on transmit.
    pub rate: Option<BitRate>,
    /// What its endpoint joins it to.
    pub attach: Attach,
}

/// Which multicast addresses a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MulticastPlan {
    /// These, perhaps none.
    List(Vec<Mac>),
    /// Every one.
    All,
}

/// A checked policy on one card.
#[derive(Debug, Clone)]
pub struct Plan {
    partitions: Vec<PartitionPlan>,
    workers: Vec<u16>,
    mtu: u16,
    steering: SteeringMode,
    hardware: HardwarePlan,
    residual: Vec<String>,
    notes: Vec<String>,
}

impl Policy {
    /// Checks the whole policy against `card` and `machine`.
    ///
    /// # Errors
    /// The first refusal found.
    pub fn check(&self, _card: &Capabilities, _machine: &Machine) -> Result<Plan, PolicyError> {
        Err(unfinished())
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// The first item that is not TOML, not known or not well formed.
    pub fn parse(_text: &str) -> Result<Self, PolicyError> {
        Err(unfinished())
    }
}

fn unfinished() -> PolicyError {
    let kind = PolicyErrorKind::Syntax("not written yet".into());
    PolicyError {
        kind,
        line: 1,
        column: 1,
        also: None,
    }
}

impl Plan {
    /// The partitions; the index is partition, pool and bit of a set.
    pub fn partitions(&self) -> &[PartitionPlan] {
        &self.partitions
    }

    /// Core of each worker.
    pub fn workers(&self) -> &[u16] {
        &self.workers
    }

    /// Largest payload of a frame, in bytes.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Who steers.
    pub fn steering(&self) -> SteeringMode {
        self.steering
    }

    /// What the card is told.
    pub fn hardware(&self) -> &HardwarePlan {
        &self.hardware
    }

    /// What one level can modulate and another observe, a sentence each.
    pub fn residual_channels(&self) -> &[String] {
        &self.residual
    }

    /// What is allowed but may not be meant, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What becomes of a frame from the wire. `header` is its start, at least 18
    /// bytes if it has them; `len` its length before padding.
    pub fn from_wire(&self, _header: &[u8], _len: usize) -> WireVerdict {
        WireVerdict::Drop(crate::Reason::Runt)
    }

    /// What becomes of a frame that partition `from` sends; arguments as for
    /// [`Plan::from_wire`].
    pub fn from_partition(&self, _from: usize, _header: &[u8], _len: usize) -> SendVerdict {
        SendVerdict::Refuse(crate::Reason::Runt)
    }

    /// Whether `partition` gets this frame from the wire.
    pub fn accepts(&self, _partition: usize, _header: &[u8], _len: usize) -> bool {
        false
    }
}
