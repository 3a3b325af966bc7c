//! A served card in a guest: the kernel's own driver takes it for the real one.

use std::time::{Duration, Instant};

use lockgate_tests::emulator::Cable;
use lockgate_tests::guest::{Guest, Spec};
use lockgate_tests::served::Served;

/// How long a guest may take to boot.
const BOOT: Duration = Duration::from_secs(120);

/// How long a command in it may take.
const COMMAND: Duration = Duration::from_secs(60);

const UP: &str = "ip link set eth0 up && for i in $(seq 100); do \
                  [ \"$(cat /sys/class/net/eth0/carrier)\" = 1 ] && break; sleep 0.1; done; \
                  cat /sys/class/net/eth0/carrier";

/// A broadcast frame of a local experimental type.
fn broadcast(last: u8) -> Vec<u8> {
    let mut frame = vec![0xFF; 6];
    frame.extend([2, 0, 0, 0, 0, 9, 0x88, 0xB5]);
    frame.resize(100, last);
    frame
}

/// Whether the card sends a frame of this EtherType soon.
fn sends(served: &Served, kind: [u8; 2]) -> bool {
    let deadline = Instant::now() + COMMAND;
    while Instant::now() < deadline {
        match served.receive(Duration::from_secs(1)).unwrap() {
            Some(frame) if frame.get(12..14) == Some(&kind[..]) => return true,
            _ => {}
        }
    }
    false
}

#[test]
fn linux_takes_a_served_82576_for_a_card_and_puts_it_down_again() {
    linux_takes_it("82576", "igb");
}

#[test]
fn linux_takes_a_served_82574_for_a_card_and_puts_it_down_again() {
    linux_takes_it("82574", "e1000e");
}

#[test]
fn linux_takes_a_served_82599_for_a_card_and_puts_it_down_again() {
    linux_takes_it("82599", "ixgbe");
}

/// Loads the kernel's own driver twice, and sends and receives with it.
fn linux_takes_it(card: &str, driver: &str) {
    let mut spec = Spec::new("");
    let served = Served::plug(card, &mut spec, &Cable::Wire).unwrap();
    let guest = Guest::boot(&spec, Instant::now() + BOOT).unwrap();
    for _ in 0..2 {
        guest.succeed(&format!("load {driver}"), COMMAND).unwrap();
        assert_eq!(guest.succeed(UP, COMMAND).unwrap(), "1");
        guest
            .succeed("ip addr add 10.0.0.2/24 dev eth0", COMMAND)
            .unwrap();
        guest.run("ping -c 1 -W 1 10.0.0.1", COMMAND).unwrap();
        assert!(sends(&served, [0x08, 0x06]), "an ARP request");

        let count = "cat /sys/class/net/eth0/statistics/rx_packets";
        let before: u64 = guest.succeed(count, COMMAND).unwrap().parse().unwrap();
        for last in 0..20 {
            served
                .send(&broadcast(last), Instant::now() + COMMAND)
                .unwrap();
        }
        let arrived = format!(
            "for i in $(seq 50); do [ $({count}) -ge {} ] && break; sleep 0.1; \
                               done; {count}",
            before + 20
        );
        let after: u64 = guest.succeed(&arrived, COMMAND).unwrap().parse().unwrap();
        assert_eq!(after, before + 20);
        let down = format!("ip link set eth0 down && rmmod {driver}");
        guest.succeed(&down, COMMAND).unwrap();
    }
    let console = guest.console();
    guest.shut_down(COMMAND).unwrap();
    let report = served.report(COMMAND).unwrap();
    assert!(
        report.contains("; 0 DMA faults") && !report.contains("misuse"),
        "{report}"
    );
    for word in ["WARNING", "Hang", "error", "failed"] {
        let line = console
            .lines()
            .find(|line| line.contains(driver) && line.contains(word));
        assert_eq!(line, None);
    }
}
