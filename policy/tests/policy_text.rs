//! What a policy file may say, and the places that values remember.
//!
//! Not here: policies that are refused (`refusals.rs`).

use lockgate_policy::{MulticastList, Place, Policy};
use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{
    AttachmentKind, Capabilities, Machine, Poll, Segment, Service, Side, Socket, SteeringMode,
    Wait, Wire, WireSource,
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
    assert_eq!(policy.partitions[0].wire, Wire::Both);
    let groups = policy.partitions[0]
        .multicast
        .listed()
        .iter()
        .map(|mac| mac.to_string());
    assert_eq!(groups.collect::<Vec<_>>(), ["01:00:5e:00:00:fb"]);
    assert_eq!(
        (secret.rss.key, secret.rss.hash),
        (Key::SYMMETRIC, HashKinds::ALL)
    );
    assert_eq!(secret.weight, 2);
    assert_eq!(
        secret.rate.map(|rate| rate.bits_per_second()),
        Some(200_000_000)
    );
    let kind = AttachmentKind::Memif {
        socket: Socket::at("/run/lockgate/secret.sock"),
        id: 0,
        peer: None,
    };
    assert_eq!(secret.attachment.kind, kind);
    assert_eq!((plan.workers(), plan.mtu()), (&[0][..], 1500));
    assert_eq!(plan.steering(), SteeringMode::Pools);
}

fn with(partition: &str) -> Policy {
    let text = format!("[nic]\ndevice = 'model:82576'\n[[partition]]\nname = 'a'\n{partition}");
    Policy::parse(&text).unwrap()
}

#[test]
fn no_vlan_listed_means_the_untagged_segment() {
    for text in ["", "vlans = []", "vlans = [0]"] {
        let plan = with(text).check(&Capabilities::I82576, &machine()).unwrap();
        assert_eq!(plan.partitions()[0].vlans, [Segment::UNTAGGED], "{text:?}");
    }
}

#[test]
fn attachments_of_every_kind_are_read_with_all_their_keys() {
    use AttachmentKind::*;
    let some = |text: &str| Some(text.to_owned());
    let shared = Socket {
        owner: some("alice"),
        group: some("kvm"),
        mode: 0o600,
        ..Socket::at("/s")
    };
    let stack = Stack {
        addresses: vec![
            "10.20.0.1/24".parse().unwrap(),
            "fd20::1/64".parse().unwrap(),
        ],
        serve: vec![Service::Ping, Service::Echo, Service::Http],
    };
    for (text, kind) in [
        ("", Pcap { replay: None }),
        ("kind = 'pcap'", Pcap { replay: None }),
        (
            "kind = 'pcap', replay = 'x.pcap'",
            Pcap {
                replay: some("x.pcap"),
            },
        ),
        ("kind = 'reflect'", Reflect),
        ("kind = 'vf'", Vf),
        (
            "kind = 'vhost-user', socket = '/s'",
            VhostUser {
                socket: Socket::at("/s"),
                side: Side::Listen,
                queues: None,
            },
        ),
        (
            "kind = 'vhost-user', socket = '/s', side = 'connect', queues = 2, owner = 'alice', \
             group = 'kvm', mode = 0o600",
            VhostUser {
                socket: shared.clone(),
                side: Side::Connect,
                queues: Some(2),
            },
        ),
        (
            "kind = 'memif', socket = '/s', id = 4294967295, peer = 'bob', owner = 'alice', \
             group = 'kvm', mode = '0600'",
            Memif {
                socket: shared,
                id: u32::MAX,
                peer: some("bob"),
            },
        ),
        (
            "kind = 'tap', name = 'lg0', netns = 'blue', owner = 'alice'",
            Tap {
                name: "lg0".into(),
                netns: some("blue"),
                owner: some("alice"),
            },
        ),
        (
            "kind = 'stack', addresses = ['10.20.0.1/24', 'fd20::1/64'], \
             serve = ['ping', 'echo', 'http']",
            stack,
        ),
        (
            "kind = 'lane', socket = '/s'",
            Lane {
                socket: Socket::at("/s"),
            },
        ),
    ] {
        let attach = if text.is_empty() {
            String::new()
        } else {
            format!("attach = {{ {text} }}")
        };
        let policy = with(&attach);
        assert_eq!(policy.partitions[0].attachment().kind, kind, "{text}");
        let plan = policy.check(&Capabilities::I82576, &machine()).unwrap();
        assert_eq!(plan.partitions()[0].attachment.kind, kind, "{text}");
    }
}

#[test]
fn every_attachment_says_how_it_waits_and_who_runs_it() {
    for kind in [
        "'pcap'",
        "'reflect'",
        "'vf'",
        "'tap', name = 'x'",
        "'lane', socket = 'x'",
    ] {
        let policy = with(&format!(
            "attach = {{ kind = {kind}, wait = 'sleep', user = 'lg' }}"
        ));
        let attachment = policy.partitions[0].attachment();
        assert_eq!(attachment.wait, Wait::Sleep);
        assert_eq!(attachment.user.as_deref(), Some("lg"));
    }
    let attachment = with("").partitions[0].attachment().clone();
    assert_eq!((attachment.wait, attachment.user), (Wait::Auto, None));
}

#[test]
fn the_wire_of_a_model_and_the_way_to_poll_are_read() {
    for (text, wire) in [
        ("", WireSource::Nothing),
        ("replay = 'w.pcap'", WireSource::Replay("w.pcap".into())),
        ("tap = 'lg0'", WireSource::Tap("lg0".into())),
        ("interface = 'eth0'", WireSource::Interface("eth0".into())),
    ] {
        let plan = with(&format!("[wire]\n{text}"));
        let plan = plan.check(&Capabilities::I82576, &machine()).unwrap();
        assert_eq!((&plan.spec().wire, plan.spec().poll), (&wire, Poll::Spin));
    }
    let text = "[nic]\ndevice = 'model:82576'\npoll = 'adaptive'\n[[partition]]\nname = 'a'";
    let plan = Policy::parse(text).unwrap();
    let plan = plan.check(&Capabilities::I82576, &machine()).unwrap();
    assert_eq!(plan.spec().poll, Poll::Adaptive);
}

#[test]
fn multicast_is_a_list_or_all() {
    assert_eq!(
        with("multicast = 'all'").partitions[0].multicast,
        MulticastList::All
    );
    assert_eq!(
        with("multicast = []").partitions[0].multicast,
        MulticastList::List(vec![])
    );
}

#[test]
fn values_know_where_they_stand_and_flows_their_reason() {
    let text = "[nic]\ndevice = 'model:82576'\n[[flow]]\nfrom = 'a'\nto = 'b'\ndowngrade = 'why'";
    let policy = Policy::parse(text).unwrap();
    assert_eq!(policy.nic.device.at, text.find("'model").unwrap());
    assert_eq!(policy.flows[0].to.at, text.find("'b'").unwrap());
    assert_eq!(policy.flows[0].downgrade.as_ref().unwrap().value, "why");
}

proptest::proptest! {
    /// A policy is a file, and no file may panic the program.
    #[test]
    fn no_text_can_break_the_reader(noise in "[ -~\\n\u{e4}]{0,12}", at: usize, cut in 0_usize..40) {
        let at = (0..=at % EXAMPLE.len()).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap();
        let rest = EXAMPLE.get(at + cut..).unwrap_or("");
        let text = format!("{}{noise}{rest}", &EXAMPLE[..at]);
        match Policy::parse(&text).and_then(|policy| policy.check(&Capabilities::I82576, &machine())) {
            Ok(_) => {}
            Err(errors) => {
                for error in errors.iter() {
                    let Place { line, column } = Place::of(&text, error.at);
                    assert!(line > 0 && column > 0);
                    assert!(!error.to_string().is_empty() && !error.help().is_empty());
                }
            }
        }
    }
}
