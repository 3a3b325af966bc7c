//! What a policy file may say, and the places that values remember.
//!
//! Not here: policies that are refused (`refusals.rs`).

use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{
    Attach, Capabilities, Machine, Multicast, Policy, Segment, SteeringMode, Wire,
};

/// The example of the design, as far as it goes: one flow names a partition that
/// the excerpt leaves out.
const EXAMPLE: &str = r#"
[nic]
device = "model:82576"        # model:82574|82576|82599, or a PCI address "0000:03:00.0"
mtu = 1500
workers = [0]                 # cores of the trusted workers; default: the first usable core

[levels]                      # optional; lowest first
order = ["unclassified", "secret", "top-secret"]

[[partition]]
name = "secret"
level = "secret"
cores = [1]                   # where its endpoint runs; default: any core without a worker
queues = 2                    # receive queues; RSS spreads over them, the plan over the workers
macs = ["02:4c:47:00:00:02"]
vlans = [20]                  # [] or 0 means the untagged segment
wire = "both"                 # none | in | out | both
broadcast = true              # default true
multicast = ["01:00:5e:00:00:fb"]   # or "all"; default none
rss = { key = "symmetric", hash = ["ipv4", "ipv4-tcp", "ipv4-udp", "ipv6", "ipv6-tcp", "ipv6-udp"] }
tx = { weight = 2, rate = "200Mbit/s" }
attach = { kind = "memif", socket = "/run/lockgate/secret.sock" }
                              # default { kind = "pcap" }: deliveries are only captured;
                              # { kind = "pcap", replay = "secret.pcapng" }: it sends these frames

[wire]                        # model devices only
replay = "wire.pcapng"        # what arrives; paths are relative to this file

[[flow]]                      # frames from one partition to another; default deny
from = "unclassified"
to = "secret"
"#;

fn machine() -> Machine {
    Machine { cores: vec![0, 1] }
}

#[test]
fn the_example_of_the_design_checks_once_its_other_partition_exists() {
    let text = format!("{EXAMPLE}\n[[partition]]\nname = \"unclassified\"\nvlans = [30]\n");
    let policy = Policy::parse(&text).unwrap();
    let plan = policy.check(&Capabilities::I82576, &machine()).unwrap();
    let secret = &plan.partitions()[0];
    assert_eq!(secret.name, "secret");
    assert_eq!(secret.level.as_deref(), Some("secret"));
    assert_eq!((secret.cores.as_slice(), secret.queues), (&[1][..], 2));
    assert_eq!(secret.macs, ["02:4c:47:00:00:02".parse().unwrap()]);
    assert_eq!(secret.vlans, [Segment::new(20).unwrap()]);
    assert_eq!(secret.wire, Wire::Both);
    let group = "01:00:5e:00:00:fb".parse().unwrap();
    assert_eq!(secret.multicast, Multicast::List(vec![group]));
    assert_eq!(
        (secret.rss.key, secret.rss.hash),
        (Key::SYMMETRIC, HashKinds::ALL)
    );
    assert_eq!(secret.weight, 2);
    assert_eq!(
        secret.rate.map(|rate| rate.bits_per_second()),
        Some(200_000_000)
    );
    let socket = "/run/lockgate/secret.sock".into();
    assert_eq!(secret.attach, Attach::Memif { socket });
    assert_eq!((plan.workers(), plan.mtu()), (&[0][..], 1500));
    assert_eq!(plan.steering(), SteeringMode::Pools);
}
