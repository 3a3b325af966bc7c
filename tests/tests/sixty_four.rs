//! 64 partitions on one 82599: whole runs against the oracle, and the example.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lockgate_tests::captures::write_pcap;
use lockgate_tests::machine;
use lockgate_tests::oracle::run::{compare_all, run};
use lockgate_tests::oracle::{Expected, Groups, Scene, Tenant};
use lockgate_tests::program::lockgate;
use lockgate_tests::random::Random;

const DEVICE: &str = "model:82599";
const PARTITIONS: u64 = 64;

/// Random frames for each partition: so many arrive for it, and so many it sends.
const FRAMES: usize = 5_000;

/// VLANs, 1 to this; with VID 0 they are the card's 64 filters.
const VLANS: u64 = 63;

fn group(n: u64) -> [u8; 6] {
    [0x01, 0, 0x5e, 0, 0, n as u8]
}

/// 64 tenants with two addresses each, all 128 filters of the card, on one to three VLANs.
fn scene(random: &mut Random) -> Scene {
    let mut scene = Scene {
        mtu: 1500,
        tenants: Vec::new(),
        flows: Vec::new(),
    };
    for n in 0..PARTITIONS {
        let macs = [0, 1].map(|second| [0x02, random.below(256) as u8, 0, second, 0x64, n as u8]);
        let vlans = (0..=random.below(3)).map(|_| random.below(VLANS + 1) as u16);
        let mut vlans: Vec<u16> = vlans.collect();
        vlans.sort_unstable();
        vlans.dedup();
        let mut tenant = Tenant::new(&format!("t{n}"), macs.to_vec(), vlans);
        tenant.queues = 1 + u32::from(!random.once_in(4));
        tenant.broadcast = !random.once_in(4);
        tenant.hears = !random.once_in(8);
        tenant.speaks = !random.once_in(8);
        tenant.groups = match random.below(4) {
            0 => Groups::All,
            1 => Groups::These((0..3).map(|_| group(random.below(40))).collect()),
            _ => Groups::These(Vec::new()),
        };
        if let Groups::These(list) = &mut tenant.groups {
            list.sort_unstable();
            list.dedup();
        }
        scene.tenants.push(tenant);
    }
    for from in 0..PARTITIONS as usize {
        for to in (0..PARTITIONS as usize).filter(|to| *to != from) {
            if random.once_in(6) {
                scene.flows.push((from, to));
            }
        }
    }
    scene
}

/// A frame for `tenant`, or by it: mostly as it should be, and at times wrong in any way.
fn frame(random: &mut Random, scene: &Scene, tenant: usize, sends: bool) -> Vec<u8> {
    let own = &scene.tenants[tenant];
    let other = &scene.tenants[random.below(PARTITIONS) as usize];
    let outside = [0x02, 0xaa, 0, 0, 0, random.below(8) as u8];
    let mine = own.macs[random.below(own.macs.len() as u64) as usize];
    let destination = match random.below(24) {
        0 => [0xff; 6],
        1 => group(random.below(48)),
        2 => outside,
        3..6 => other.macs[0],
        _ if sends => outside,
        _ => mine,
    };
    let source = match random.below(24) {
        0 => other.macs[1],
        _ if sends => mine,
        _ => outside,
    };
    let vid = match random.below(16) {
        0 => random.below(VLANS + 4) as u16,
        1 => other.vlans[0],
        _ => own.vlans[random.below(own.vlans.len() as u64) as usize],
    };
    let mut bytes = [destination, source].concat();
    if vid != 0 || random.once_in(2) {
        let priority = random.below(8) as u16;
        bytes.extend([0x81, 0]);
        bytes.extend((priority << 13 | vid).to_be_bytes());
    }
    bytes.extend(packet(random));
    if random.once_in(100) {
        bytes.truncate(random.below(20) as usize);
    } else if random.once_in(400) {
        bytes.resize(1510 + random.below(20) as usize, 0);
    }
    bytes
}

/// What follows the addresses: EtherType and an IP packet, or something else.
fn packet(random: &mut Random) -> Vec<u8> {
    let body = 8 + random.below(120) as usize;
    let protocol = random.among(&[6, 17, 17, 1]);
    let mut bytes = match random.below(8) {
        0 => vec![0x88, 0x08, 0, 1],
        1 => vec![0x08, 0x06],
        2 | 3 => {
            let mut ip = vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, body as u8, protocol, 64];
            ip.extend((0..4).flat_map(|_| random.word().to_be_bytes()));
            ip
        }
        _ => {
            let length = (20 + body) as u16;
            let fragment = if random.once_in(20) { 0x20 } else { 0 };
            let mut ip = vec![0x08, 0x00, 0x45, 0];
            ip.extend(length.to_be_bytes());
            ip.extend([0, 1, fragment, 0, 64, protocol, 0, 0]);
            ip.extend(random.word().to_be_bytes());
            ip
        }
    };
    let word = random.word().to_be_bytes();
    bytes.extend(word.iter().cycle().take(body));
    bytes
}

#[test]
fn ten_thousand_random_frames_for_each_partition_go_where_the_oracle_says() {
    let seed = Random::seed("LOCKGATE_SEED");
    println!("LOCKGATE_SEED={seed}");
    let mut random = Random::new(seed);
    let scene = scene(&mut random);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut expected = Expected::new(&scene);
    let mut replays = Vec::new();
    let mut arriving = Vec::new();
    for tenant in 0..scene.tenants.len() {
        let mut sent = Vec::new();
        for _ in 0..FRAMES {
            arriving.push(frame(&mut random, &scene, tenant, false));
            sent.push(frame(&mut random, &scene, tenant, true));
        }
        sent.iter()
            .for_each(|frame| expected.send(&scene, tenant, frame));
        let name = scene.tenants[tenant].name.clone();
        let file = folder.path().join(format!("{name}.pcap"));
        write_pcap(&file, &sent);
        replays.push((name, file));
    }
    // Everybody's at once, not one partition after the other.
    for at in (1..arriving.len()).rev() {
        arriving.swap(at, random.below(at as u64 + 1) as usize);
    }
    arriving
        .iter()
        .for_each(|frame| expected.arrive(&scene, frame));
    let file = folder.path().join("wire.pcap");
    write_pcap(&file, &arriving);
    replays.push(("wire".to_owned(), file));
    let least = expected.deliveries.iter().map(Vec::len).min();
    println!(
        "{} arrive; the least delivered to one partition: {least:?}",
        expected.arrived
    );
    let outcome = run(&scene, DEVICE, &replays);
    compare_all(&scene, expected, &outcome, "64 partitions");
}

fn example(name: &str) -> PathBuf {
    machine::workspace().join("examples").join(name)
}

#[test]
fn the_generator_writes_the_example_that_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new("python3")
        .arg(example("sixty-four.py"))
        .arg(folder.path())
        .status();
    assert!(made.expect("python3 is installed").success());
    for name in ["sixty-four.toml", "sixty-four.pcap"] {
        let (made, there) = (fs::read(folder.path().join(name)), fs::read(example(name)));
        assert!(
            made.expect("a file") == there.expect("a file"),
            "{name} is out of date"
        );
    }
}

#[test]
fn the_example_accounts_for_every_frame() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = folder.path().join("report.json");
    let mut command = lockgate();
    let run = command
        .arg("run")
        .arg(example("sixty-four.toml"))
        .arg("--report")
        .arg(&report);
    assert!(run.output().expect("it runs").status.success());
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(report).expect("a report")).expect("JSON");
    let wire = &report["wire"];
    // 16 flows for each of 64; 4 broadcasts and 4 multicasts on 16 VLANs; 32 strays.
    assert_eq!(wire["rx_frames"], 16 * 64 + 2 * 4 * 16 + 32);
    assert_eq!(wire["drops"]["unknown-mac"], 16);
    assert_eq!(wire["drops"]["unknown-vlan"], 16);
    for customer in 0..16 {
        let rx = |role: &str| &report["partitions"][format!("{role}-{customer:02}")]["rx_frames"];
        assert_eq!(
            [rx("web"), rx("db"), rx("log"), rx("ops")],
            [24, 20, 20, 16]
        );
    }
}
