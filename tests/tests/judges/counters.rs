//! What the card counts is what was sent, and none of it in error.

use std::collections::BTreeMap;

use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::Case;
use super::transfer::peer;

pub(crate) const CASES: &[Case<Linux>] =
    &[("counters of what is received", received), ("counters of what is sent", sent)];

/// How many datagrams, and the sizes of their payload.
const COUNT: u64 = 1000;
const SIZES: [u64; 2] = [200, 1472];

/// What each has beside it: Ethernet, IPv4 and UDP headers, and the checksum that cards
/// count along.
const REST: u64 = 14 + 20 + 8 + 4;

/// What an ARP frame between two datagrams has, padded and not; a TAP does not pad.
const ARP: (u64, u64) = (60 + 4, 42 + 4);

fn received(linux: &Linux) {
    let counters = &linux.device.driver.counters;
    for size in SIZES {
        linux.start(&format!("peer hear 7000 {COUNT} 60"));
        heard_by(linux);
        let line = peer(&format!("tell {HOST}:6000 1 1 {GUEST}:7000 {COUNT} {size}"));
        agree(linux, size, [counters.rx_frames, counters.rx_bytes], "tx_packets", || {
            linux.network.run(&line);
            linux.wait();
        });
    }
}

fn sent(linux: &Linux) {
    let counters = &linux.device.driver.counters;
    for size in SIZES {
        let hear = linux.network.hear(&peer(&format!("hear 7000 {COUNT} 60")), 7000);
        agree(linux, size, [counters.tx_frames, counters.tx_bytes], "rx_packets", || {
            linux.ok(&format!("peer tell {GUEST}:6000 1 1 {HOST}:7000 {COUNT} {size}"));
            hear.wait();
        });
    }
}

/// Waits until the guest's port 7000 is open: 1B58 in the kernel's table.
pub(crate) fn heard_by(linux: &Linux) {
    linux.until("grep -q ':1B58 ' /proc/net/udp");
}

/// Sends, and compares the card's counters of frames and bytes with the TAP's `frames`
/// and with what was sent.
fn agree(linux: &Linux, size: u64, names: [&str; 2], frames: &str, send: impl FnOnce()) {
    let before = (linux.statistics(), linux.network.counter(frames));
    send();
    let after = (linux.statistics(), linux.network.counter(frames));
    let [cards, bytes] = names.map(|name| after.0[name] - before.0[name]);
    let wires = after.1 - before.1;
    assert_eq!(cards, wires, "{}: frames of {size} bytes, and what the TAP counts", names[0]);
    let others = wires.checked_sub(COUNT).expect("all datagrams went over the wire");
    let sent = COUNT * (size + REST);
    let expected = sent + others * ARP.1..=sent + others * ARP.0;
    assert!(expected.contains(&bytes), "{}: {bytes} and not {expected:?}", names[1]);
    no_errors(&after.0);
}

/// No counter that stands for a loss or an error is anything but 0.
fn no_errors(statistics: &BTreeMap<String, u64>) {
    const BAD: [&str; 9] =
        ["error", "drop", "miss", "fail", "crc", "no_buffer", "hang", "timeout", "abort"];
    let bad = |name: &str| BAD.iter().any(|word| name.contains(word));
    let found: Vec<_> =
        statistics.iter().filter(|(name, count)| bad(name) && **count > 0).collect();
    assert!(found.is_empty(), "errors and losses: {found:?}");
}
