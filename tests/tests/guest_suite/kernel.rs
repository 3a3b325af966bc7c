//! The kernel's own driver takes the card back, and Lockgate after it.

use std::time::{Duration, Instant};

use lockgate_tests::guest::ADDRESS;

use super::Case;
use super::bench::{Bench, PROGRAM, SHORT, refused};

pub(crate) const CASES: &[Case] = &[("Linux's own driver takes the card back", taken_back)];

/// Who the guest asks for.
const PEER: [u8; 4] = [10, 0, 0, 2];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x99];

fn taken_back(bench: &Bench) {
    bench.start();
    bench.exchange(96);
    bench.stop();
    bench.ok(&format!("{PROGRAM} nic unbind {ADDRESS}"));
    let driver = bench.card.driver();
    bench.ok(&format!(
        "load {driver}; echo {ADDRESS} >/sys/bus/pci/drivers_probe"
    ));
    let net = format!("/sys/bus/pci/devices/{ADDRESS}/net");
    bench.until(&format!("test -d {net}"));
    // A card in other hands is not touched.
    refused(
        &bench.run(&bench.command("--duration 1")),
        &["lockgate nic bind"],
    );
    bench.ok(&format!(
        "dev=$(ls {net}); ip link set $dev up; ip addr add 10.0.0.1/24 dev $dev"
    ));
    bench.until("grep -q 1 /sys/class/net/$dev/carrier");
    bench.ok("ping -c 5 -i 0.2 -W 5 10.0.0.2 >/out/ping 2>&1 & pid=$!");
    let answered = answer_pings(bench, 5);
    let said = bench.run("wait $pid; cat /out/ping").text;
    assert!(
        answered >= 5 && said.contains(" 0% packet loss"),
        "{answered} answered: {said}"
    );
    let warnings = bench
        .run("dmesg | grep -iE 'warn|error|hang|reset adapter'")
        .text;
    assert_eq!(warnings, "", "{driver} finds the card in order");
    // Given to Lockgate again: bind takes it from the kernel's driver.
    bench.ok("ip link set $dev down");
    bench.ok(&format!("{PROGRAM} nic bind {ADDRESS}"));
    // What the kernel sent last may still be in the cable.
    while bench.left(Duration::from_millis(200)).is_some() {}
    bench.start();
    bench.exchange(96);
    assert_eq!(bench.stop()["partitions"]["blue"]["rx_frames"], 96);
}

/// Plays the peer until it has answered `count` pings; says how many.
fn answer_pings(bench: &Bench, count: usize) -> usize {
    let deadline = Instant::now() + SHORT;
    let mut answered = 0;
    while answered < count && Instant::now() < deadline {
        let Some(frame) = bench.left(Duration::from_millis(100)) else {
            continue;
        };
        if let Some(answer) = answer_to(&frame) {
            answered += usize::from(answer[12..14] == [8, 0]);
            bench.send(&[answer]);
        }
    }
    answered
}

/// What the peer says to a frame: the answer to an ARP request for it (RFC 826) or to an
/// echo request (RFC 792).
fn answer_to(frame: &[u8]) -> Option<Vec<u8>> {
    let mut answer = frame.to_vec();
    answer[..6].copy_from_slice(frame.get(6..12)?);
    answer[6..12].copy_from_slice(&PEER_MAC);
    match frame.get(12..14)? {
        [8, 6] if frame.get(20..22)? == [0, 1] && frame.get(38..42)? == PEER => {
            answer[21] = 2;
            answer[32..42].copy_from_slice(&frame[22..32]);
            answer[22..28].copy_from_slice(&PEER_MAC);
            answer[28..32].copy_from_slice(&PEER);
            Some(answer)
        }
        [8, 0] if frame.get(23)? == &1 && frame.get(30..34)? == PEER && frame.get(34)? == &8 => {
            answer[26..30].copy_from_slice(&PEER);
            answer[30..34].copy_from_slice(&frame[26..30]);
            answer[34] = 0;
            // The type is 8 less, so its ones' complement sum is 0x0800 more.
            let sum = u16::from_be_bytes([frame[36], frame[37]]);
            let (sum, carry) = sum.overflowing_add(0x0800);
            answer[36..38].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
            Some(answer)
        }
        _ => None,
    }
}
