//! A checked policy: everything workers and drivers act on.
//!
//! [`Policy::check`](crate::Policy::check) is the only way to make a [`Plan`], and
//! what the policy does not allow is absent from it.

use alloc::string::String;
use alloc::vec::Vec;

use lockgate_rss::Table;

use crate::fit::Fit;
use crate::frame::Segment;
use crate::hardware::HardwarePlan;
use crate::levels::{Edges, Segments};
use crate::mac::Mac;
use crate::partition::{Attach, Multicast, MulticastPlan, Wire};
use crate::policy::{At, Partition, Policy, Rss};
use crate::rate::BitRate;
use crate::residual;
use crate::rules::Rules;
use crate::verdict::{SendVerdict, WireVerdict};

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

impl PartitionPlan {
    /// `first` is the number of its queue 0 among the queues of all partitions.
    fn new(partition: &Partition, fit: &Fit, first: usize) -> Self {
        let queues = *partition.queues;
        let worker = |queue| (first + usize::from(queue)) % fit.workers.len();
        Self {
            name: partition.name.value.clone(),
            level: partition.level.as_ref().map(|level| level.value.clone()),
            cores: endpoint_cores(partition, fit),
            queues,
            queue_workers: (0..queues).map(worker).collect(),
            worker: worker(0),
            macs: values(&partition.macs),
            vlans: partition.segments().map(|on| on.value).collect(),
            wire: partition.wire,
            broadcast: partition.broadcast,
            multicast: match &partition.multicast {
                Multicast::List(macs) => Multicast::List(values(macs)),
                Multicast::All => Multicast::All,
            },
            rss: partition.rss,
            table: Table::round_robin(fit.card.reta.into(), queues),
            weight: *partition.tx.weight,
            rate: partition.tx.rate.map(|rate| rate.value),
            attach: partition.attach.value.clone(),
        }
    }
}

/// The cores that the policy names, else those without a worker, else all.
fn endpoint_cores(partition: &Partition, fit: &Fit) -> Vec<u16> {
    let all = &fit.machine.cores;
    let free = || all.iter().copied().filter(|core| !fit.workers.contains(core));
    match &partition.cores {
        Some(cores) => values(cores),
        None if free().next().is_none() => all.clone(),
        None => free().collect(),
    }
}

fn values<T: Copy>(items: &[At<T>]) -> Vec<T> {
    items.iter().map(|item| item.value).collect()
}

/// A checked policy on one card.
#[derive(Debug, Clone)]
pub struct Plan {
    partitions: Vec<PartitionPlan>,
    workers: Vec<u16>,
    mtu: u16,
    steering: SteeringMode,
    hardware: HardwarePlan,
    rules: Rules,
    residual: Vec<String>,
    notes: Vec<String>,
}

impl Plan {
    /// The plan of a policy that has passed every check.
    pub(crate) fn new(policy: &Policy, fit: &Fit, edges: &Edges, segments: &Segments) -> Self {
        let (mut first, mut partitions) = (0, Vec::new());
        for partition in &policy.partitions {
            partitions.push(PartitionPlan::new(partition, fit, first));
            first += usize::from(*partition.queues);
        }
        let mtu = *policy.nic.mtu;
        Self {
            hardware: HardwarePlan::new(&partitions, fit, mtu),
            rules: Rules::new(&partitions, mtu, edges.keys().copied()),
            residual: residual::channels(&partitions, fit),
            notes: residual::notes(policy, &partitions, fit, edges, segments),
            partitions,
            workers: fit.workers.clone(),
            mtu,
            steering: match fit.layout {
                Some(_) => SteeringMode::Pools,
                None => SteeringMode::Software,
            },
        }
    }

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
    #[inline]
    pub fn from_wire(&self, header: &[u8], len: usize) -> WireVerdict {
        self.rules.arriving(header, len)
    }

    /// What becomes of a frame that partition `from` sends; arguments as for
    /// [`Plan::from_wire`].
    #[inline]
    pub fn from_partition(&self, from: usize, header: &[u8], len: usize) -> SendVerdict {
        self.rules.sent(from, header, len)
    }

    /// Whether `partition` gets this frame from the wire.
    #[inline]
    pub fn accepts(&self, partition: usize, header: &[u8], len: usize) -> bool {
        self.rules.accepts(partition, header, len)
    }
}
