//! What the card counts is what was sent, and none of it in error.

use std::collections::BTreeMap;

use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::Case;
use super::transfer::peer;

pub(crate) const CASES: &[Case<Linux>] = &[
    ("counters of what is received", received),
    ("counters of what is sent", sent),
];

/// How many datagrams, and the sizes of their payload.
const COUNT: u64 = 1000;
const SIZES: [u64; 2] = [200, 1472];

/// What each has beside it: Ethernet, IPv4 and UDP headers, and the checksum that cards
/// count along.
const REST: u64 = 14 + 20 + 8 + 4;

fn received(linux: &Linux) {
    let counters = &linux.device.driver.counters;
    introduce(linux);
    for size in SIZES {
        linux.start(&format!("peer hear 7000 {COUNT} 60"));
        heard_by(linux);
        let line = peer(&format!("tell {HOST}:6000 1 1 {GUEST}:7000 {COUNT} {size}"));
        agree(
            linux,
            size,
            [counters.rx_frames, counters.rx_bytes],
            "tx_packets",
            || {
                linux.network().run(&line);
                linux.wait();
            },
        );
    }
}

fn sent(linux: &Linux) {
    let counters = &linux.device.driver.counters;
    introduce(linux);
    for size in SIZES {
        let hear = linux
            .network()
            .hear(&peer(&format!("hear 7000 {COUNT} 60")), 7000);
        agree(
            linux,
            size,
            [counters.tx_frames, counters.tx_bytes],
            "rx_packets",
            || {
                linux.ok(&format!(
                    "peer tell {GUEST}:6000 1 1 {HOST}:7000 {COUNT} {size}"
                ));
                hear.wait();
            },
        );
    }
}

/// Waits until the guest's port 7000 is open: 1B58 in the kernel's table.
pub(crate) fn heard_by(linux: &Linux) {
    linux.until("grep -q ':1B58 ' /proc/net/udp");
}

/// Lets both ends know each other's address, so that nobody asks: a TAP does not pad
/// what is short, and cards count that as an error.
fn introduce(linux: &Linux) {
    let there = linux.ok("cat /sys/class/net/$dev/address");
    linux
        .network()
        .run(&format!("ip neigh replace {GUEST} lladdr {there} dev wire"));
    let here = linux.network().run("cat /sys/class/net/wire/address");
    linux.ok(&format!(
        "host-ip neigh replace {HOST} lladdr {here} dev $dev"
    ));
}

/// Sends, and compares the card's counters of frames and bytes with the TAP's `frames`
/// and with what was sent.
fn agree(linux: &Linux, size: u64, names: [&str; 2], frames: &str, send: impl FnOnce()) {
    let before = (linux.statistics(), linux.network().counter(frames));
    send();
    let after = (linux.statistics(), linux.network().counter(frames));
    assert_eq!(after.1 - before.1, COUNT, "the TAP has just the datagrams");
    for (name, expected) in names.into_iter().zip([COUNT, COUNT * (size + REST)]) {
        assert_eq!(
            after.0[name] - before.0[name],
            expected,
            "{name}, {size} bytes each"
        );
    }
    no_errors(&before.0, &after.0);
}

/// No counter that stands for a loss or an error has moved.
fn no_errors(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) {
    const BAD: [&str; 9] = [
        "error",
        "drop",
        "miss",
        "fail",
        "crc",
        "no_buffer",
        "hang",
        "timeout",
        "abort",
    ];
    let bad = |name: &str| BAD.iter().any(|word| name.contains(word));
    let moved = |(name, count): &(&String, &u64)| bad(name) && before.get(*name) != Some(*count);
    let found: Vec<_> = after.iter().filter(moved).collect();
    assert!(found.is_empty(), "errors and losses: {found:?}");
}
