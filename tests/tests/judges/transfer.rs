//! TCP both ways, every byte compared, with the card doing what the driver lets it do
//! and with the card doing nothing of it.

use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::{Case, PEER};

pub(crate) const CASES: &[Case<Linux>] = &[
    ("features are on as the driver has them", features),
    ("100 MB of TCP to the guest", |linux| to_guest(linux, LONG)),
    ("100 MB of TCP from the guest", |linux| {
        from_guest(linux, LONG)
    }),
    ("TCP without the card's help", without_help),
    ("TCP both ways at once", both_ways),
];

const LONG: u64 = 100_000_000;
const SHORT: u64 = 20_000_000;
const PORT: u16 = 5001;

fn features(linux: &Linux) {
    let said = linux.ok("host-ethtool -k $dev");
    for feature in [
        "rx-checksumming",
        "tx-checksumming",
        "scatter-gather",
        "tcp-segmentation-offload",
        "generic-segmentation-offload",
        "rx-vlan-offload",
        "tx-vlan-offload",
        "receive-hashing",
    ] {
        assert!(
            said.contains(&format!("\n{feature}: on")),
            "no {feature} in: {said}"
        );
    }
}

fn to_guest(linux: &Linux, bytes: u64) {
    linux.start(&format!("peer receive {PORT} {bytes}"));
    let sent = linux
        .network()
        .run(&peer(&format!("send {GUEST}:{PORT} {bytes}")));
    println!("to the guest: {sent}; {}", linux.wait());
}

fn from_guest(linux: &Linux, bytes: u64) {
    let receiver = linux
        .network()
        .start(&peer(&format!("receive {PORT} {bytes}")));
    let sent = linux.ok(&format!("peer send {HOST}:{PORT} {bytes}"));
    println!("from the guest: {sent}; {}", receiver.wait());
}

/// The same program on this machine.
pub(crate) fn peer(arguments: &str) -> String {
    format!("{} {arguments}", PEER)
}

fn without_help(linux: &Linux) {
    linux.ok("host-ethtool -K $dev tso off gso off gro off tx off rx off sg off");
    to_guest(linux, SHORT);
    from_guest(linux, SHORT);
}

fn both_ways(linux: &Linux) {
    let receiver = linux
        .network()
        .start(&peer(&format!("receive {PORT} {SHORT}")));
    linux.start(&format!("peer receive {PORT} {SHORT}"));
    let sender = linux
        .network()
        .start(&peer(&format!("send {GUEST}:{PORT} {SHORT}")));
    linux.ok(&format!("peer send {HOST}:{PORT} {SHORT}"));
    linux.wait();
    sender.wait();
    receiver.wait();
}
