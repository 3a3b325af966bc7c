//! A checked policy: everything workers and drivers act on.
//!
//! [`Policy::check`](crate::Policy::check) is the only way to make a [`Plan`], and
//! what the policy does not allow is absent from it.

use lockgate_rss::Table;

use crate::error::Checked;
use crate::fit::Fit;
use crate::prelude::*;
use crate::rules::Rules;
use crate::{
    Attach, BitRate, FrameLimits, HardwarePlan, Mac, Partition, PartitionId, Policy, PoolId, Rss,
    Segment, SendVerdict, SteeringMode, WireVerdict,
};

/// One partition of the plan.
#[derive(Debug, Clone)]
pub struct PartitionPlan {
    /// Its number.
    pub id: PartitionId,
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
    /// Key and kinds of its hash.
    pub rss: Rss,
    /// Hash to receive queue.
    pub table: Table,
    /// Weight on transmit.
    pub weight: u16,
    /// Limit on transmit.
    pub rate: Option<BitRate>,
    /// Whether the worker sends its frames back; it has no endpoint then.
    pub reflects: bool,
}

impl PartitionPlan {
    /// `first` is the number of its queue 0 among the queues of all partitions.
    fn new(id: PartitionId, partition: &Partition, fit: &Fit, first: usize) -> Self {
        let queues = *partition.queues;
        let worker = |queue| (first + usize::from(queue)) % fit.workers.len();
        Self {
            id,
            name: partition.name.value.clone(),
            level: partition.level.as_ref().map(|level| level.value.clone()),
            cores: fit.endpoint_cores(partition),
            queues,
            queue_workers: (0..queues).map(worker).collect(),
            worker: worker(0),
            macs: partition.macs.iter().map(|mac| mac.value).collect(),
            vlans: partition.segments().map(|on| on.value).collect(),
            rss: partition.rss,
            table: Table::round_robin(fit.card.reta.into(), queues),
            weight: *partition.tx.weight,
            rate: partition.tx.rate.map(|rate| rate.value),
            reflects: *partition.attach == Attach::Reflect {},
        }
    }
}

/// A checked policy on one card.
#[derive(Debug, Clone)]
pub struct Plan {
    partitions: Vec<PartitionPlan>,
    workers: Vec<u16>,
    mtu: u16,
    hardware: HardwarePlan,
    pub(crate) rules: Rules,
}

impl Plan {
    /// The plan of a policy that has passed every other check.
    ///
    /// # Errors
    /// A filter more than the card has.
    pub(crate) fn new(
        policy: &Policy,
        fit: &Fit,
        flows: impl Iterator<Item = (usize, usize)>,
    ) -> Checked<Self> {
        let mut first = 0;
        let numbered = PartitionId::all().zip(&policy.partitions);
        let partitions = numbered.map(|(id, partition)| {
            let queue = first;
            first += usize::from(*partition.queues);
            PartitionPlan::new(id, partition, fit, queue)
        });
        Ok(Self {
            partitions: partitions.collect(),
            workers: fit.workers.clone(),
            mtu: *policy.nic.mtu,
            hardware: HardwarePlan::new(policy, fit)?,
            rules: Rules::new(policy, flows),
        })
    }

    /// The partitions, in the policy's order.
    pub fn partitions(&self) -> &[PartitionPlan] {
        &self.partitions
    }

    /// Core of each worker.
    pub fn workers(&self) -> &[u16] {
        &self.workers
    }

    /// The partition with this number; `None` if the plan has none.
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionPlan> {
        self.partitions.get(id.index())
    }

    /// The pool that is this partition's; `None` without pools, and for a partition that the
    /// plan does not have.
    pub fn pool_of(&self, id: PartitionId) -> Option<PoolId> {
        let pools = self.steering() == SteeringMode::Pools;
        self.partition(id)
            .filter(|_| pools)
            .map(|_| PoolId::new(id.index() as u8))
    }

    /// The partition whose pool this is; `None` for a pool that is nobody's, and without
    /// pools.
    pub fn partition_of(&self, pool: PoolId) -> Option<PartitionId> {
        let id = PartitionId::new(pool.index())?;
        self.pool_of(id).map(|_| id)
    }

    /// How long frames can be.
    pub fn limits(&self) -> FrameLimits {
        FrameLimits::new(self.mtu)
    }

    /// Largest payload of a frame, in bytes.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Who steers.
    pub fn steering(&self) -> SteeringMode {
        self.hardware.mode
    }

    /// What the card is told.
    pub fn hardware(&self) -> &HardwarePlan {
        &self.hardware
    }

    /// What becomes of a frame from the wire. `header` is its start, at least 18
    /// bytes if it has them; `len` its length before padding.
    pub fn from_wire(&self, header: &[u8], len: usize) -> WireVerdict {
        self.rules
            .arriving(header, len)
            .map_or_else(WireVerdict::Drop, WireVerdict::Deliver)
    }

    /// What becomes of a frame that partition `from` sends; arguments as for
    /// [`Plan::from_wire`].
    pub fn from_partition(&self, from: PartitionId, header: &[u8], len: usize) -> SendVerdict {
        self.rules
            .sent(from, header, len)
            .unwrap_or_else(SendVerdict::Refuse)
    }

    /// Whether `partition` gets this frame from the wire.
    pub fn accepts(&self, partition: PartitionId, header: &[u8], len: usize) -> bool {
        self.rules
            .arriving(header, len)
            .is_ok_and(|to| to.contains(partition))
    }
}
