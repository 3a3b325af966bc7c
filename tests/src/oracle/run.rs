//! A run of the program as a user runs it, against what the oracle says.
//!
//! Deliveries are read back from the captures that the run writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Delivery, Expected, Scene};
use crate::captures::deliveries;
use crate::program::lockgate;

/// What a run left.
pub struct Outcome {
    folder: tempfile::TempDir,
    report: serde_json::Value,
}

impl Outcome {
    /// What a tenant got, or what left on the `wire`.
    pub fn delivered(&self, name: &str) -> Vec<Delivery> {
        deliveries(
            &self
                .folder
                .path()
                .join("out")
                .join(format!("{name}.pcapng")),
        )
    }
}

/// Runs `scene` on `device` with the given replays and reads what it left.
///
/// # Panics
/// When the run fails.
pub fn run(scene: &Scene, device: &str, replays: &[(String, PathBuf)]) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, scene.policy(device)).expect("policy written");
    let report = folder.path().join("report.json");
    let mut command = lockgate();
    command.arg("run").arg(&policy);
    for (source, file) in replays {
        command
            .arg("--replay")
            .arg(format!("{source}={}", file.display()));
    }
    command.arg("--capture-dir").arg(folder.path().join("out"));
    command.arg("--report").arg(&report);
    let output = command.output().expect("lockgate starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        scene.policy(device)
    );
    let text = std::fs::read_to_string(&report).expect("a report");
    Outcome {
        folder,
        report: serde_json::from_str(&text).expect("JSON"),
    }
}

fn reasons(drops: &serde_json::Value) -> BTreeMap<String, u64> {
    drops
        .as_object()
        .expect("an object")
        .iter()
        .map(|(reason, n)| (reason.clone(), n.as_u64().expect("a count")))
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn owned(drops: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    drops
        .iter()
        .map(|(reason, n)| ((*reason).to_owned(), *n))
        .collect()
}

/// Frames of one queue keep their order; queues run beside each other.
pub fn by_queue(deliveries: &[Delivery]) -> BTreeMap<u32, Vec<&Delivery>> {
    let mut queues: BTreeMap<u32, Vec<&Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        queues.entry(delivery.queue).or_default().push(delivery);
    }
    queues
}

/// Compares every figure of the report.
///
/// # Panics
/// When one differs.
pub fn compare_counts(scene: &Scene, expected: &Expected, outcome: &Outcome, what: &str) {
    let wire = &outcome.report["wire"];
    assert_eq!(
        reasons(&wire["drops"]),
        owned(&expected.wire_drops),
        "{what}: drops"
    );
    assert_eq!(wire["rx_frames"], expected.arrived, "{what}: arrived");
    assert_eq!(wire["tx_frames"], expected.departures.len(), "{what}: left");
    for (i, tenant) in scene.tenants.iter().enumerate() {
        let figures = &outcome.report["partitions"][&tenant.name];
        let what = format!("{what}: {}", tenant.name);
        assert_eq!(
            figures["rx_frames"],
            expected.deliveries[i].len(),
            "{what} rx"
        );
        assert_eq!(figures["tx_frames"], expected.sent[i], "{what} tx");
        assert_eq!(
            reasons(&figures["drops"]),
            owned(&expected.tenant_drops[i]),
            "{what} drops"
        );
    }
}

/// The first delivery that one of two sorted lists has alone, in words.
fn difference(got: &[Delivery], wanted: &[Delivery]) -> String {
    let first = |these: &[Delivery], those: &[Delivery]| {
        these.iter().find(|one| !those.contains(one)).map_or_else(
            || "nothing".to_owned(),
            |one| {
                let head = &one.bytes[..one.bytes.len().min(200)];
                let (queue, hash) = (one.queue, one.hash);
                let length = one.bytes.len();
                format!("queue {queue}, hash {hash:x?}, {length} bytes {head:02x?}")
            },
        )
    };
    format!("{}, and not {}", first(got, wanted), first(wanted, got))
}

/// Compares the figures, and what everybody got and what left, whatever the order: tenants
/// and wire run beside each other.
///
/// # Panics
/// When something differs.
pub fn compare_all(scene: &Scene, mut expected: Expected, outcome: &Outcome, what: &str) {
    compare_counts(scene, &expected, outcome, what);
    let tenants = scene.tenants.iter().zip(&mut expected.deliveries);
    // What is reflected is in no capture.
    for (tenant, wanted) in tenants.filter(|(tenant, _)| !tenant.reflects) {
        let mut got = outcome.delivered(&tenant.name);
        got.sort();
        wanted.sort();
        assert!(
            &got == wanted,
            "{what}: {} got other frames: {}",
            tenant.name,
            difference(&got, wanted)
        );
    }
    let mut left: Vec<_> = outcome
        .delivered("wire")
        .into_iter()
        .map(|d| d.bytes)
        .collect();
    left.sort();
    expected.departures.sort();
    assert!(left == expected.departures, "{what}: other frames left");
}
