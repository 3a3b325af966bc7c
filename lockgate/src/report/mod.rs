//! The report of a run: what arrived, who got it, what was dropped and why.
//!
//! The JSON is a contract (schema 1) that other programs read: every reason that
//! can occur in a place is there, zero or not, and partitions keep the order of
//! the policy.
//!
//! Not here: how it looks to a person ([`crate::report::summary`]) and who counts.

pub mod accounting;
pub mod chart;
pub mod summary;
pub mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::atomic_file::{AtomicFile, cannot_write};
use lockgate_vmdq::{PartitionPlan, Plan, Reason};

use crate::error::Failure;
use crate::snapshot::{self, Latency, Snapshot};

/// Frames dropped, by the reason's name.
pub type Drops = BTreeMap<&'static str, u64>;

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this shape: [`Report::SCHEMA`].
    pub schema: u32,
    /// As the policy or `--device` names it: `model:82576`, `0000:03:00.0`.
    pub device: String,
    /// From the first frame that could arrive to the last that did, in seconds.
    pub elapsed_s: f64,
    /// What crossed the wire.
    pub wire: WireReport,
    /// Each partition, in the policy's order.
    #[serde(serialize_with = "by_name")]
    pub partitions: Vec<PartitionReport>,
    /// What became of everything that came in; for people, not in the JSON.
    #[serde(skip)]
    pub accounts: Accounts,
}

/// Reasons for which a frame from the wire is dropped.
const FROM_WIRE: [Reason; 6] = [
    Reason::Runt,
    Reason::Oversize,
    Reason::ControlFrame,
    Reason::UnknownVlan,
    Reason::UnknownMac,
    Reason::NotPermitted,
];

/// Reasons for which a partition loses a frame, sent or due to it.
const AT_PARTITION: [Reason; 8] = [
    Reason::Runt,
    Reason::Oversize,
    Reason::ControlFrame,
    Reason::SpoofedMac,
    Reason::ForeignVlan,
    Reason::FlowDenied,
    Reason::LinkDown,
    Reason::RingFull,
];

impl Report {
    /// The version of the JSON's shape.
    pub const SCHEMA: u32 = 1;

    /// The figures of `snapshot`, of a session on `device` under `plan`.
    pub fn new(plan: &Plan, device: &str, snapshot: &Snapshot) -> Self {
        let partitions = plan.partitions().iter().zip(&snapshot.partitions);
        Self {
            schema: Self::SCHEMA,
            device: device.to_owned(),
            elapsed_s: snapshot.elapsed_ns as f64 / 1e9,
            wire: WireReport::new(&snapshot.wire),
            partitions: partitions
                .map(|(partition, figures)| PartitionReport::new(partition, figures))
                .collect(),
            accounts: accounting::accounts(snapshot),
        }
    }

    /// Whether the figures are the built-in model's and not a card's.
    pub fn is_model(&self) -> bool {
        self.device.starts_with("model:")
    }

    /// Whether a report could be written to `path`, before anything is run for it.
    ///
    /// # Errors
    /// A usage failure when its folder takes no new file or it is a folder.
    pub fn check_target(path: &Path) -> Result<(), Failure> {
        AtomicFile::check_target(path)
    }

    /// Writes the report to `path` as JSON, whole or not at all.
    ///
    /// # Errors
    /// A usage failure when its folder takes no new file, a running failure when
    /// the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut file = AtomicFile::create(path)?;
        serde_json::to_writer_pretty(&mut file, self)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(|error| cannot_write(path, &error))?;
        file.persist()
    }
}

/// What crossed the wire.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WireReport {
    /// Frames that arrived.
    pub rx_frames: u64,
    /// Their bytes, without checksum.
    pub rx_bytes: u64,
    /// Frames that left.
    pub tx_frames: u64,
    /// Their bytes, without checksum.
    pub tx_bytes: u64,
    /// Arrived frames that nobody was given, by reason.
    pub drops: Drops,
}

impl WireReport {
    fn new(wire: &snapshot::Wire) -> Self {
        let mut drops = named(&wire.drops, &FROM_WIRE);
        // Only a card that lost some has this.
        if wire.drops.get(Reason::RingFull) > 0 {
            drops.extend(named(&wire.drops, &[Reason::RingFull]));
        }
        Self {
            rx_frames: wire.rx.frames,
            rx_bytes: wire.rx.bytes,
            tx_frames: wire.tx.frames,
            tx_bytes: wire.tx.bytes,
            drops,
        }
    }
}

/// The counts of `reasons`, zero or not, by name.
fn named(drops: &snapshot::Drops, reasons: &[Reason]) -> Drops {
    let count = |&reason: &Reason| (reason.name(), drops.get(reason));
    reasons.iter().map(count).collect()
}

/// What one partition received and sent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PartitionReport {
    /// Its name: the key in the JSON.
    #[serde(skip)]
    pub name: String,
    /// Its level, if the policy has levels; for people, not in the JSON.
    #[serde(skip)]
    pub level: Option<String>,
    /// Frames delivered to it.
    pub rx_frames: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames that it sent and that were let go, to the wire or to a partition.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames that it sent and were refused, and frames that it could not take.
    pub drops: Drops,
    /// Its receive queues, in order.
    pub queues: Vec<QueueReport>,
    /// From a frame's arrival in the core to its delivery.
    pub latency_ns: Latency,
}

/// One receive queue.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct QueueReport {
    /// Frames delivered through it.
    pub rx_frames: u64,
}

impl PartitionReport {
    fn new(partition: &PartitionPlan, figures: &snapshot::Partition) -> Self {
        Self {
            name: partition.name.clone(),
            level: partition.level.clone(),
            rx_frames: figures.rx.frames,
            rx_bytes: figures.rx.bytes,
            tx_frames: figures.tx.frames,
            tx_bytes: figures.tx.bytes,
            drops: named(&figures.drops, &AT_PARTITION),
            queues: figures
                .queues
                .iter()
                .map(|&rx_frames| QueueReport { rx_frames })
                .collect(),
            latency_ns: figures.port.map(|port| port.latency).unwrap_or_default(),
        }
    }
}

/// What became of every frame that came in, from the wire and from partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Frames that came in.
    pub received: u64,
    /// Of these, frames that reached at least one place.
    pub delivered: u64,
    /// Of these, frames that reached none, under whatever reason.
    pub dropped: u64,
    /// Places reached beyond each frame's first.
    pub copies: u64,
}

impl Accounts {
    /// Whether every frame is accounted for.
    pub fn balance(&self) -> bool {
        self.delivered.checked_add(self.dropped) == Some(self.received)
    }
}

fn by_name<S: Serializer>(
    partitions: &[PartitionReport],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(partitions.iter().map(|entry| (&entry.name, entry)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn report() -> Report {
        let partition = |name: &str| PartitionReport {
            name: name.to_owned(),
            level: Some("high".to_owned()),
            drops: Drops::from([("flow-denied", 0), ("ring-full", 2)]),
            queues: vec![QueueReport { rx_frames: 5 }],
            ..PartitionReport::default()
        };
        Report {
            schema: Report::SCHEMA,
            device: "model:82576".to_owned(),
            elapsed_s: 1.5,
            wire: WireReport::default(),
            partitions: vec![partition("b"), partition("a")],
            accounts: Accounts::default(),
        }
    }

    #[test]
    fn the_json_has_the_keys_of_schema_1_and_no_others() {
        let partition = serde_json::json!({
            "rx_frames": 0, "rx_bytes": 0, "tx_frames": 0, "tx_bytes": 0,
            "drops": {"flow-denied": 0, "ring-full": 2},
            "queues": [{"rx_frames": 5}],
            "latency_ns": {"p50": 0, "p90": 0, "p99": 0, "p999": 0, "max": 0},
        });
        let expected = serde_json::json!({
            "schema": 1, "device": "model:82576", "elapsed_s": 1.5,
            "wire": {
                "rx_frames": 0, "rx_bytes": 0, "tx_frames": 0, "tx_bytes": 0, "drops": {},
            },
            "partitions": {"a": partition, "b": partition},
        });
        assert_eq!(serde_json::to_value(report()).unwrap(), expected);
    }

    #[test]
    fn partitions_are_written_in_the_order_of_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        report().write(&path).unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert!(text.find("\"b\"").unwrap() < text.find("\"a\"").unwrap());
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn a_target_is_tried_without_being_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        fs::write(&path, "older").unwrap();
        assert_eq!(Report::check_target(&path), Ok(()));
        assert_eq!(fs::read(&path).unwrap(), b"older");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        for wrong in [folder.path(), &folder.path().join("no/r.json")] {
            assert_eq!(Report::check_target(wrong).unwrap_err().status(), 2);
        }
    }

    #[test]
    fn an_account_balances_only_when_every_frame_is_in_it() {
        let accounts = |received, delivered, dropped| Accounts {
            received,
            delivered,
            dropped,
            copies: 7,
        };
        assert!(accounts(3, 2, 1).balance());
        assert!(!accounts(3, 2, 2).balance());
        assert!(!accounts(0, u64::MAX, 1).balance());
    }
}
