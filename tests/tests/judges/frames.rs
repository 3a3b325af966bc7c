//! The address filters: what is for the guest comes in, and nothing else.

use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::Case;
use super::counters::heard_by;
use super::transfer::peer;

pub(crate) const CASES: &[Case<Linux>] = &[
    ("multicast groups that were joined, and others", multicast),
    ("frames for another station", foreign),
];

/// How many datagrams, and how many frames may come in between.
const COUNT: u64 = 50;
const STRAY: u64 = 10;

/// Sends datagrams to `to`, which nobody hears, and says whether the card took them.
/// Neither all nor none is an error.
fn counted(linux: &Linux, to: &str) -> bool {
    let name = linux.device.driver.counters.rx_frames;
    let before = linux.statistics()[name];
    linux.network().run(&peer(&format!(
        "shout 0.0.0.0:6000 1 1 {to}:7001 {COUNT} 100"
    )));
    // Behind them comes one that is answered.
    linux
        .network()
        .run(&format!("busybox ping -q -c 1 -W 5 {GUEST}"));
    let grown = linux.statistics()[name] - before;
    assert!(
        grown <= STRAY || grown >= COUNT,
        "of {COUNT} datagrams to {to}: {grown}"
    );
    grown >= COUNT
}

fn multicast(linux: &Linux) {
    linux.network().run("ip route replace 224.0.0.0/4 dev wire");
    let group = "239.1.2.3";
    assert!(!counted(linux, group), "not joined");
    linux.start(&format!("peer hear 7000 {COUNT} 60 {group} {GUEST}"));
    heard_by(linux);
    assert!(counted(linux, group), "joined");
    assert!(!counted(linux, "239.9.9.9"), "another group");
    linux.network().run(&peer(&format!(
        "tell {HOST}:6000 1 1 {group}:7000 {COUNT} 100"
    )));
    println!("joined: {}", linux.wait());
    assert!(!counted(linux, group), "left again");
    linux.ok("host-ip link set $dev allmulticast on");
    assert!(counted(linux, "239.9.9.9"), "all groups");
    linux.ok("host-ip link set $dev allmulticast off");
    assert!(!counted(linux, "239.9.9.9"), "no groups again");
}

fn foreign(linux: &Linux) {
    let other = "10.0.0.77";
    linux.network().run(&format!(
        "ip neigh replace {other} lladdr 02:00:00:00:00:77 dev wire"
    ));
    assert!(!counted(linux, other), "not promiscuous");
    linux.ok("ip link set $dev promisc on");
    assert!(counted(linux, other), "promiscuous");
    linux.ok("ip link set $dev promisc off");
    assert!(!counted(linux, other), "not promiscuous again");
    assert!(counted(linux, GUEST), "its own address");
    // Another address of its own.
    linux.ok("ip link set $dev down; ip link set $dev address 02:00:00:00:00:77");
    linux.up();
    // Whoever knew the old one asks again.
    linux
        .network()
        .run(&format!("ip neigh del {GUEST} dev wire"));
    assert!(counted(linux, other), "a new address");
}
