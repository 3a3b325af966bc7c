//! Every capture of the collection, under policies made from its own addresses,
//! is delivered and accounted for as the oracle says.
//!
//! The program is run as a user runs it; deliveries are read back from the
//! captures that it writes.

use std::path::Path;

use lockgate_tests::captures::{collection, frames, write_pcap};
use lockgate_tests::oracle::run::{by_queue, compare_all, compare_counts, run};
use lockgate_tests::oracle::{Expected, KINDS, Scene, derive};

const DEVICE: &str = "model:82576";

/// A card with pools, and one without, on which the worker steers.
const BOTH: [&str; 2] = [DEVICE, "model:82574"];

fn from_the_wire(file: &Path, device: &str) {
    let what = format!(
        "{} on {device}",
        file.file_name().expect("a name").to_string_lossy()
    );
    let arriving = frames(file);
    let scene = derive(&arriving);
    let mut expected = Expected::new(&scene);
    for frame in &arriving {
        expected.arrive(&scene, frame);
    }
    let outcome = run(&scene, device, &[("wire".to_owned(), file.to_owned())]);
    compare_counts(&scene, &expected, &outcome, &what);
    for (tenant, wanted) in scene.tenants.iter().zip(&expected.deliveries) {
        let got = outcome.delivered(&tenant.name);
        assert!(
            by_queue(&got) == by_queue(wanted),
            "{what}: {} got other frames",
            tenant.name
        );
    }
}

/// Two of the tenants reflect, others send meanwhile, on a card with pools and on one
/// without.
fn reflected(file: &Path, device: &str) {
    let what = format!(
        "{} on {device}",
        file.file_name().expect("a name").to_string_lossy()
    );
    let arriving = frames(file);
    let mut scene = derive(&arriving);
    scene.tenants[0].reflects = true;
    // It may not send to the wire, so all its answers are refused.
    scene.tenants[2].reflects = true;
    // An 82599 hashes for every pool what it hashes for one.
    scene.tenants[4].kinds = KINDS.to_vec();
    let mut expected = Expected::new(&scene);
    for frame in &arriving {
        expected.arrive(&scene, frame);
        expected.send(&scene, 1, frame);
    }
    let replay = |source: &str| (source.to_owned(), file.to_owned());
    let outcome = run(&scene, device, &[replay("wire"), replay("tenant-1")]);
    compare_all(&scene, expected, &outcome, &what);
}

fn from_the_tenants(file: &Path) {
    let what = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
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
    let outcome = run(&scene, DEVICE, &replays);
    compare_all(&scene, expected, &outcome, &what);
}

#[test]
fn every_capture_that_arrives_is_delivered_as_the_oracle_says() {
    for file in collection() {
        BOTH.iter().for_each(|device| from_the_wire(&file, device));
    }
}

#[test]
fn every_capture_that_tenants_send_goes_where_the_oracle_says() {
    for file in collection() {
        from_the_tenants(&file);
    }
}

#[test]
fn tenants_that_reflect_send_back_what_the_oracle_says() {
    let devices = [DEVICE, "model:82574", "model:82599"];
    for (file, device) in collection().iter().zip(devices.iter().cycle()) {
        reflected(file, device);
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
    for device in BOTH {
        let outcome = run(&scene, device, &replays);
        compare_all(
            &scene,
            expected.clone(),
            &outcome,
            &format!("edge frames on {device}"),
        );
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
    let destinations = [
        mac(1),
        mac(2),
        mac(3),
        mac(9),
        [0xff; 6],
        group,
        reserved,
        pause,
    ];
    let tags: [&[u8]; 7] = [
        &[],
        &[0x81, 0, 0, 0],
        &[0x81, 0, 0x60, 0],
        &[0x81, 0, 0, 7],
        &[0x81, 0, 0, 8],
        &[0x81, 0, 0x0f, 0xff],
        &[0x88, 0xa8, 0, 7],
    ];
    let lengths = [
        0, 13, 14, 15, 17, 18, 59, 60, 61, 1513, 1514, 1515, 1518, 1519, 9000,
    ];
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
