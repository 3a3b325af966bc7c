//! VLAN interfaces, with the tags put in and taken out by the card and by the kernel.
//!
//! The test is the peer here, so that it sees the tags themselves.

use std::time::{Duration, Instant};

use lockgate_tests::judges::Linux;

use super::Case;
use super::ethernet::{PEER_MAC, answer_to, datagram, echo_request, is_echo, tag};

pub(crate) const CASES: &[Case<Linux>] = &[
    ("VLAN tags by the card and by the kernel", tags),
    ("frames of a VLAN that is not there", foreign),
];

const VLAN: u16 = 20;
const PINGS: u16 = 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes the guest's interface of VLAN `id`.
fn add(linux: &Linux, id: u16) {
    linux.ok(&format!(
        "host-ip link add link $dev name v{id} type vlan id {id} && \
         ip addr add 10.0.{id}.1/24 dev v{id} && ip link set v{id} up"
    ));
}

fn tags(linux: &Linux) {
    add(linux, VLAN);
    for (rx, tx) in [("on", "on"), ("off", "on"), ("on", "off"), ("off", "off")] {
        let offloads = format!("rxvlan {rx} txvlan {tx}");
        linux.ok(&format!("host-ethtool -K $dev {offloads}"));
        linux.up();
        let state = linux.ok("host-ethtool -k $dev");
        // Some drivers switch both with the one for receiving.
        assert!(
            state.contains(&format!("rx-vlan-offload: {rx}")),
            "{offloads}: {state}"
        );
        // With a tag, and beside it without.
        for vlan in [Some(VLAN), None] {
            println!("{offloads}, {vlan:?}");
            from_guest(linux, vlan);
            to_guest(linux, vlan);
        }
    }
}

/// The third byte of the addresses on a VLAN, and of those on none.
fn net(vlan: Option<u16>) -> u8 {
    vlan.map_or(0, |id| id as u8)
}

/// The guest pings, and every request has its tag.
fn from_guest(linux: &Linux, vlan: Option<u16>) {
    let peer = format!("10.0.{}.2", net(vlan));
    linux.start(&format!("ping -q -c {PINGS} -i 0.02 -W 10 -s 1400 {peer}"));
    let deadline = Instant::now() + PATIENCE;
    let mut answered = 0;
    while answered < PINGS {
        assert!(
            Instant::now() < deadline,
            "of the guest's pings {answered} came"
        );
        let Some(frame) = linux.receive(Duration::from_millis(100)) else {
            continue;
        };
        let (found, bare) = tag(&frame);
        let Some(answer) = answer_to(&bare, [10, 0, net(vlan), 2]) else {
            continue;
        };
        assert_eq!(found, vlan, "the tag of {frame:02x?}");
        answered += u16::from(is_echo(&bare));
        linux.send(&tagged(answer, vlan));
    }
    let said = linux.wait();
    assert!(
        said.contains(&format!("{PINGS} packets received")),
        "{said}"
    );
}

/// The test pings, and every answer has its tag. Says how many frames that took.
fn to_guest(linux: &Linux, vlan: Option<u16>) -> u64 {
    let mut sent = 0;
    for number in 0..PINGS {
        let (from, to) = ([10, 0, net(vlan), 2], [10, 0, net(vlan), 1]);
        let request = echo_request(linux.device.mac, from, to, number);
        linux.send(&tagged(request.clone(), vlan));
        sent += 1;
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no answer to ping {number}");
            let Some(frame) = linux.receive(Duration::from_millis(100)) else {
                continue;
            };
            let (found, bare) = tag(&frame);
            // The guest may ask for the peer's address first.
            if let Some(answer) = answer_to(&bare, from) {
                linux.send(&tagged(answer, vlan));
                sent += 1;
            } else if bare[..6] == PEER_MAC {
                assert_eq!(found, vlan, "the tag of {frame:02x?}");
                assert_eq!(bare[38..], request[38..], "the answer to ping {number}");
                break;
            }
        }
    }
    sent
}

fn tagged(mut frame: Vec<u8>, vlan: Option<u16>) -> Vec<u8> {
    if let Some(id) = vlan {
        let [high, low] = id.to_be_bytes();
        frame.splice(12..12, [0x81, 0, high, low]);
    }
    frame
}

fn foreign(linux: &Linux) {
    const OTHER: u16 = 30;
    add(linux, VLAN);
    assert_eq!(
        counted(linux, Some(OTHER)),
        0,
        "of VLAN {OTHER}, which is not there"
    );
    add(linux, OTHER);
    assert_eq!(counted(linux, Some(OTHER)), FRAMES, "of VLAN {OTHER}");
    linux.ok(&format!("host-ip link del v{OTHER}"));
    assert_eq!(
        counted(linux, Some(OTHER)),
        0,
        "of VLAN {OTHER}, which is gone"
    );
    assert_eq!(counted(linux, Some(VLAN)), FRAMES, "of VLAN {VLAN}");
    assert_eq!(counted(linux, None), FRAMES, "without a tag");
}

const FRAMES: u64 = 50;

/// Sends frames of `vlan` and says how many the card took.
fn counted(linux: &Linux, vlan: Option<u16>) -> u64 {
    let name = linux.device.driver.counters.rx_frames;
    let before = linux.statistics()[name];
    for _ in 0..FRAMES {
        linux.send(&datagram(linux.device.mac, vlan, 1, 100));
    }
    // What is answered comes last, and is counted too.
    let asked = to_guest(linux, None);
    let grown = linux.statistics()[name] - before;
    grown
        .checked_sub(asked)
        .unwrap_or_else(|| panic!("{grown} frames and not {asked}"))
}
