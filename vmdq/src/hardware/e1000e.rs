//! What a card without pools is told: one pool that takes whatever some partition may
//! get.
//!
//! Only the e1000e family has such cards. Not here: the filters, which are as ever.

use lockgate_rss::{HashKind, HashKinds};

use super::{HardwarePlan, PoolPlan, RssPlan, SteeringMode};
use crate::prelude::*;
use crate::{Capabilities, PlanSpec, Rss};

/// What the 82574 can hash. It only spreads the work over workers: each partition's
/// own hash is the worker's to compute.
const KINDS: HashKinds = HashKinds::NONE
    .with(HashKind::Ipv4)
    .with(HashKind::Ipv4Tcp)
    .with(HashKind::Ipv6)
    .with(HashKind::Ipv6Tcp);

impl HardwarePlan {
    /// The plan of a whole card, from one of a pool for each partition.
    pub(super) fn without_pools(mut self, spec: &PlanSpec, card: &Capabilities) -> Self {
        let queues = spec.workers.len().min(card.rx_queues.into()) as u8;
        self.mode = SteeringMode::Software;
        let rss = Rss {
            hash: KINDS,
            ..Rss::default()
        };
        self.rss = (queues > 1).then(|| RssPlan::new(rss, queues, card));
        self.pools = vec![PoolPlan::whole(&self.pools, queues)];
        self
    }
}

impl PoolPlan {
    /// The pool that is a whole card and does what any of `pools` does.
    fn whole(pools: &[Self], queues: u8) -> Self {
        let any = |does: fn(&Self) -> bool| pools.iter().any(does);
        let receive = any(|pool| pool.receive);
        Self {
            receive,
            transmit: any(|pool| pool.transmit),
            broadcast: any(|pool| pool.broadcast),
            // There is no filter for frames without a tag.
            untagged: receive,
            multicast: any(|pool| pool.multicast),
            queues: if receive { queues } else { 0 },
            max_frame: pools.iter().map(|pool| pool.max_frame).max().unwrap_or(0),
            ..Self::default()
        }
    }
}
