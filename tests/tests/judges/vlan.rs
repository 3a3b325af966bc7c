//! VLAN interfaces, with the tags put in and taken out by the card and by the kernel.

use lockgate_tests::judges::{GUEST, Linux};

use super::Case;
use super::frames::counted;

pub(crate) const CASES: &[Case<Linux>] = &[
    ("VLAN with the card's help and without", tags),
    ("frames of a VLAN that is not there", foreign),
];

/// The interface of VLAN `id` on this machine, with its address.
fn here(linux: &Linux, id: u16) {
    let name = format!("wire.{id}");
    linux.network.run(&format!(
        "ip link del {name} 2>/dev/null; ip link add link wire name {name} type vlan id {id} && \
         ip addr add 10.0.{id}.2/24 dev {name} && ip link set {name} up"
    ));
}

/// The same in the guest.
fn there(linux: &Linux, id: u16) {
    linux.ok(&format!(
        "host-ip link add link $dev name v{id} type vlan id {id} && \
         ip addr add 10.0.{id}.1/24 dev v{id} && ip link set v{id} up"
    ));
}

fn tags(linux: &Linux) {
    here(linux, 20);
    there(linux, 20);
    for (rx, tx) in [("on", "on"), ("off", "on"), ("on", "off"), ("off", "off")] {
        linux.ok(&format!("host-ethtool -K $dev rxvlan {rx} txvlan {tx}"));
        linux.up();
        let ping = |to| format!("busybox ping -q -c 20 -i 0.01 -W 5 -s 1400 10.0.20.{to}");
        for said in [linux.ok(&ping(2)), linux.network.run(&ping(1))] {
            assert!(said.contains("20 packets received"), "rxvlan {rx}, txvlan {tx}: {said}");
        }
        // Beside it, what has no tag.
        super::link::pings(linux, 10, 56);
    }
}

fn foreign(linux: &Linux) {
    const VLAN: u16 = 30;
    here(linux, VLAN);
    there(linux, 20);
    let mac = linux.ok("cat /sys/class/net/$dev/address");
    // The guest would not answer a question of this VLAN.
    linux.network.run(&format!("ip neigh replace 10.0.{VLAN}.1 lladdr {mac} dev wire.{VLAN}"));
    let to = format!("10.0.{VLAN}.1");
    assert!(!counted(linux, &to), "the card takes frames of VLAN {VLAN}");
    there(linux, VLAN);
    assert!(counted(linux, &to), "the card takes no frames of VLAN {VLAN}");
    linux.ok(&format!("ip link set v{VLAN} down && host-ip link del v{VLAN}"));
    assert!(!counted(linux, &to), "the card still takes frames of VLAN {VLAN}");
    assert!(counted(linux, GUEST), "the card takes what has no tag");
}
