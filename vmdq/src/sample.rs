//! Specifications for unit tests: lawful until a test changes them.

use crate::prelude::*;
use crate::{
    Attachment, Capabilities, FlowSpec, Mac, Multicast, PartitionId, PartitionSpec, Plan, PlanSpec,
    Poll, PoolId, Rss, Segment, Wire, WireSource,
};

pub(crate) fn id(number: usize) -> PartitionId {
    PartitionId::new(number).unwrap()
}

pub(crate) fn segment(vid: u16) -> Segment {
    Segment::new(vid).unwrap()
}

/// A partition of that number and pool, alone on a VLAN, with one address.
pub(crate) fn partition(number: u8) -> PartitionSpec {
    PartitionSpec {
        id: id(number.into()),
        pool: Some(PoolId::new(number)),
        name: format!("p{number}"),
        level: None,
        cores: vec![1],
        queues: 1,
        macs: vec![Mac::new([2, 0, 0, 0, 0, number + 1])],
        segments: vec![segment(u16::from(number) + 1)],
        wire: Wire::Both,
        broadcast: true,
        multicast: Multicast::default(),
        rss: Rss::default(),
        weight: 1,
        rate: None,
        attachment: Attachment::default(),
    }
}

/// A specification for an 82576.
pub(crate) fn spec(partitions: Vec<PartitionSpec>, flows: Vec<FlowSpec>) -> PlanSpec {
    PlanSpec {
        policy_hash: [7; 32],
        device: "model:82576".into(),
        mtu: 1500,
        poll: Poll::Spin,
        workers: vec![0],
        levels: vec!["low".into(), "high".into()],
        partitions,
        flows,
        wire: WireSource::Nothing,
    }
}

pub(crate) fn flow(from: usize, to: usize) -> FlowSpec {
    FlowSpec {
        from: id(from),
        to: id(to),
        downgrade: None,
    }
}

pub(crate) fn plan(partitions: Vec<PartitionSpec>, flows: Vec<FlowSpec>) -> Plan {
    Plan::new(spec(partitions, flows), &Capabilities::I82576).unwrap()
}
