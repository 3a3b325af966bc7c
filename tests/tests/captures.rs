//! Every capture of the collection, under policies made from its own addresses,
//! is delivered and accounted for as the oracle says.
//!
//! The program is run as a user runs it; deliveries are read back from the
//! captures that it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lockgate_tests::captures::{collection, deliveries, frames, write_pcap};
use lockgate_tests::oracle::{Delivery, Expected, Scene, derive};
use lockgate_tests::program::lockgate;

struct Outcome {
    folder: tempfile::TempDir,
    report: serde_json::Value,
}

impl Outcome {
    fn delivered(&self, name: &str) -> Vec<Delivery> {
        deliveries(&self.folder.path().join("out").join(format!("{name}.pcapng")))
    }
}

/// Runs `scene` with the given replays and reads what it left.
fn run(scene: &Scene, replays: &[(String, PathBuf)]) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, scene.policy("model:82576")).expect("policy written");
    let report = folder.path().join("report.json");
    let mut command = lockgate();
    command.arg("run").arg(&policy);
    for (source, file) in replays {
        command.arg("--replay").arg(format!("{source}={}", file.display()));
    }
    command.arg("--capture-dir").arg(folder.path().join("out"));
    command.arg("--report").arg(&report);
    let output = command.output().expect("lockgate starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        scene.policy("model:82576")
    );
    let text = std::fs::read_to_string(&report).expect("a report");
    Outcome { folder, report: serde_json::from_str(&text).expect("JSON") }
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
    drops.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect()
}

/// Frames of one queue keep their order; queues run beside each other.
fn by_queue(deliveries: &[Delivery]) -> BTreeMap<u32, Vec<&Delivery>> {
    let mut queues: BTreeMap<u32, Vec<&Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        queues.entry(delivery.queue).or_default().push(delivery);
    }
    queues
}

fn compare_counts(scene: &Scene, expected: &Expected, outcome: &Outcome, what: &str) {
    let wire = &outcome.report["wire"];
    assert_eq!(reasons(&wire["drops"]), owned(&expected.wire_drops), "{what}: drops");
    assert_eq!(wire["rx_frames"], expected.arrived, "{what}: arrived");
    assert_eq!(wire["tx_frames"], expected.departures.len(), "{what}: left");
    for (i, tenant) in scene.tenants.iter().enumerate() {
        let figures = &outcome.report["partitions"][&tenant.name];
        let what = format!("{what}: {}", tenant.name);
        assert_eq!(figures["rx_frames"], expected.deliveries[i].len(), "{what} rx");
        assert_eq!(figures["tx_frames"], expected.sent[i], "{what} tx");
        assert_eq!(reasons(&figures["drops"]), owned(&expected.tenant_drops[i]), "{what} drops");
    }
}

fn from_the_wire(file: &Path) {
    let what = file.file_name().expect("a name").to_string_lossy().into_owned();
    let arriving = frames(file);
    let scene = derive(&arriving);
    let mut expected = Expected::new(&scene);
    for frame in &arriving {
        expected.arrive(&scene, frame);
    }
    let outcome = run(&scene, &[("wire".to_owned(), file.to_owned())]);
    compare_counts(&scene, &expected, &outcome, &what);
    for (tenant, wanted) in scene.tenants.iter().zip(&expected.deliveries) {
        let got = outcome.delivered(&tenant.name);
        assert!(by_queue(&got) == by_queue(wanted), "{what}: {} got other frames", tenant.name);
    }
}

fn from_the_tenants(file: &Path) {
    let what = file.file_name().expect("a name").to_string_lossy().into_owned();
    let sent = frames(file);
    let scene = derive(&sent);
    let mut expected = Expected::new(&scene);
    let mut replays = Vec::new();
    // Each tenant sends everything, its neighbours' frames included.
    for (i, tenant) in scene.tenants.iter().enumerate() {
        for frame in &sent {
            expected.send(&scene, i, frame);
        }
        replays.push((tenant.name.clone(), file.to_owned()));
    }
    let outcome = run(&scene, &replays);
    compare_counts(&scene, &expected, &outcome, &what);
    for (tenant, wanted) in scene.tenants.iter().zip(&mut expected.deliveries) {
        let mut got = outcome.delivered(&tenant.name);
        got.sort();
        wanted.sort();
        assert!(&got == wanted, "{what}: {} got other frames", tenant.name);
    }
    let mut left: Vec<_> = outcome.delivered("wire").into_iter().map(|d| d.bytes).collect();
    left.sort();
    expected.departures.sort();
    assert!(left == expected.departures, "{what}: other frames left");
}

#[test]
fn every_capture_that_arrives_is_delivered_as_the_oracle_says() {
    for file in collection() {
        from_the_wire(&file);
    }
}

#[test]
fn every_capture_that_tenants_send_goes_where_the_oracle_says() {
    for file in collection() {
        from_the_tenants(&file);
    }
}

#[test]
fn frames_at_every_edge_of_the_rules_go_where_the_oracle_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scene = edge_scene();
    let frames = edge_frames();
    let file = folder.path().join("edge.pcap");
    write_pcap(&file, &frames);
    let mut expected = Expected::new(&scene);
    for frame in &frames {
        expected.arrive(&scene, frame);
    }
    let mut replays = vec![("wire".to_owned(), file.clone())];
    for (i, tenant) in scene.tenants.iter().enumerate() {
        for frame in &frames {
            expected.send(&scene, i, frame);
        }
        replays.push((tenant.name.clone(), file.clone()));
    }
    let outcome = run(&scene, &replays);
    compare_counts(&scene, &expected, &outcome, "edge frames");
    for (tenant, wanted) in scene.tenants.iter().zip(&mut expected.deliveries) {
        let mut got = outcome.delivered(&tenant.name);
        got.sort();
        wanted.sort();
        assert!(&got == wanted, "{} got other frames", tenant.name);
    }
}

/// Three hosts on VLANs 0 and 7, flows one way round.
fn edge_scene() -> Scene {
    let mac = |n| [0x02, 0, 0, 0, 0, n];
    let frames: Vec<Vec<u8>> = Vec::new();
    let mut scene = derive(&frames);
    for (i, tenant) in scene.tenants.iter_mut().enumerate() {
        tenant.macs = vec![mac(u8::try_from(i).expect("five tenants") + 1)];
        tenant.vlans = if i % 2 == 0 { vec![0, 7] } else { vec![7] };
    }
    scene
}

/// Every length, tag, EtherType, destination and source that a rule mentions.
fn edge_frames() -> Vec<Vec<u8>> {
    let mac = |n| [0x02, 0, 0, 0, 0, n];
    let group = [0x01, 0, 0x5e, 0, 0, 0xfb];
    let reserved = [0x01, 0x80, 0xc2, 0, 0, 0x0e];
    let pause = [0x01, 0x80, 0xc2, 0, 0, 0x01];
    let destinations = [mac(1), mac(2), mac(3), mac(9), [0xff; 6], group, reserved, pause];
    let tags: [&[u8]; 7] = [
        &[],
        &[0x81, 0, 0, 0],
        &[0x81, 0, 0x60, 0],
        &[0x81, 0, 0, 7],
        &[0x81, 0, 0, 8],
        &[0x81, 0, 0x0f, 0xff],
        &[0x88, 0xa8, 0, 7],
    ];
    let lengths = [0, 13, 14, 15, 17, 18, 59, 60, 61, 1513, 1514, 1515, 1518, 1519, 9000];
    let mut frames = Vec::new();
    for dst in destinations {
        for src in [mac(1), mac(2), mac(4), mac(8)] {
            for tag in tags {
                for ethertype in [[0x08, 0x00], [0x88, 0x08], [0x12, 0x34]] {
                    for length in lengths {
                        let mut frame = [&dst[..], &src, tag, &ethertype].concat();
                        frame.resize(length, 0x45);
                        frames.push(frame);
                    }
                }
            }
        }
    }
    frames
}
