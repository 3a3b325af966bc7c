//! A card that cannot be had is refused by the program in a guest, each time with one
//! cause, one remedy and exit status 2; and a run that is told to stop leaves its card
//! quiet.
//!
//! Not here: what the machine lacks, and cards in other hands (`guest_suite`).

use std::time::{Duration, Instant};

use lockgate_tests::guest::{ADDRESS, Guest, Output, Spec};
use lockgate_tests::machine::{build_lockgate, workspace};

const SHORT: Duration = Duration::from_secs(30);
const PROGRAM: &str = "/bin/lockgate";

/// A guest that has the program and an example policy.
fn boot() -> (Guest, String) {
    let mut spec = Spec::new("igb");
    spec.programs
        .push((build_lockgate().expect("it builds"), PROGRAM.into()));
    let folder = workspace().join("examples");
    let policy = folder.join("mils.toml");
    spec.files.push(policy.clone());
    for entry in std::fs::read_dir(&folder).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "pcap") {
            spec.files.push(path);
        }
    }
    let guest = Guest::boot(&spec, Instant::now() + Duration::from_secs(120));
    (guest.expect("a guest"), policy.display().to_string())
}

/// Runs the policy on a card of the guest, for three seconds at most.
fn run(guest: &Guest, policy: &str, device: &str) -> Output {
    let line = format!("{PROGRAM} run {policy} --device {device} --duration 3");
    guest.run(&line, SHORT).expect("an answer")
}

fn refused(output: &Output, words: &[&str]) {
    assert_eq!(output.status, 2, "{}", output.text);
    for word in words {
        assert!(
            output.text.contains(word),
            "no `{word}` in: {}",
            output.text
        );
    }
    assert_eq!(
        output.text.matches("help:").count(),
        1,
        "one remedy: {}",
        output.text
    );
    assert!(!output.text.contains("panicked"), "{}", output.text);
}

/// COMMAND bit 2 in the card's configuration space: it may start DMA.
fn bus_master(guest: &Guest) -> bool {
    let line = format!("hexdump -s 4 -n 1 -e '1/1 \"%d\"' /sys/bus/pci/devices/{ADDRESS}/config");
    let command: u8 = guest
        .succeed(&line, SHORT)
        .expect("a byte")
        .trim()
        .parse()
        .expect("digits");
    command & 4 != 0
}

#[test]
fn a_card_that_cannot_be_had_is_refused_with_its_remedy() {
    let (guest, policy) = boot();
    let bind = format!("lockgate nic bind {ADDRESS}");
    refused(
        &run(&guest, &policy, "0000:00:1e.0"),
        &["0000:00:1e.0", "lockgate nic list"],
    );
    // The host bridge is Intel's, but no network card.
    refused(
        &run(&guest, &policy, "0000:00:00.0"),
        &["0000:00:00.0", "8086"],
    );
    let foreign = "grep -l 0x1af4 /sys/bus/pci/devices/*/vendor | head -n 1";
    let foreign = guest
        .succeed(foreign, SHORT)
        .expect("the guest's own virtio device");
    let foreign = foreign
        .trim()
        .rsplit('/')
        .nth(1)
        .expect("an address")
        .to_owned();
    refused(&run(&guest, &policy, &foreign), &[&foreign, "1af4"]);
    refused(&run(&guest, &policy, ADDRESS), &[ADDRESS, &bind]);

    guest
        .succeed(&format!("{PROGRAM} nic bind {ADDRESS}"), SHORT)
        .expect("it is handed over");
    let first = format!(
        "{PROGRAM} run {policy} --device {ADDRESS} --duration 60 >/out/first 2>&1 & pid=$!; sleep 3"
    );
    guest.succeed(&first, SHORT).expect("a first process");
    assert!(bus_master(&guest), "the first process drives the card");
    refused(&run(&guest, &policy, ADDRESS), &["another process"]);
    let told = Instant::now();
    let stopped = "kill -INT $pid; wait $pid; echo status $?; cat /out/first";
    let said = guest.run(stopped, SHORT).expect("an answer").text;
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "it went on until its duration was over"
    );
    assert!(said.contains("status 0"), "{said}");
    assert!(said.contains("every frame accounted for"), "{said}");
    assert!(!bus_master(&guest), "the card may still start DMA");

    let last = run(&guest, &policy, ADDRESS);
    assert_eq!(last.status, 0, "the card can be had again: {}", last.text);
    let unbound = guest.succeed(&format!("{PROGRAM} nic unbind {ADDRESS}"), SHORT);
    unbound.expect("the kernel has it back");
    guest.shut_down(SHORT).expect("it ends");
}
