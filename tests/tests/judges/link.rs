//! The driver takes the card, finds a link, and says what it should.

use lockgate_tests::guest::ADDRESS;
use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::Case;

pub(crate) const CASES: &[Case<Linux>] = &[
    ("the driver takes the card and finds a link", takes),
    ("ping both ways", ping),
    ("jumbo frames", jumbo),
    ("the driver goes and comes back", again),
];

fn takes(linux: &Linux) {
    let (device, driver) = (&linux.device, &linux.device.driver);
    let card = format!("/sys/bus/pci/devices/{ADDRESS}");
    let id = linux.ok(&format!("cat {card}/vendor {card}/device"));
    assert_eq!(id.replace("0x", "").replace('\n', ":"), device.id);
    let said = linux.ok("host-ethtool -i $dev");
    says(&said, &format!("driver: {}", driver.module));
    says(&said, &format!("bus-info: {ADDRESS}"));
    let said = linux.ok("host-ethtool $dev");
    says(&said, &format!("Speed: {}Mb/s", driver.speed));
    says(&said, "Duplex: Full");
    says(&said, "Link detected: yes");
    let mac = device.mac.map(|byte| format!("{byte:02x}")).join(":");
    assert_eq!(linux.ok("cat /sys/class/net/$dev/address"), mac);
}

/// Whether one line of `text` is `line`, but for the space around it.
fn says(text: &str, line: &str) {
    assert!(
        text.lines().any(|found| found.trim() == line),
        "no `{line}` in: {text}"
    );
}

fn ping(linux: &Linux) {
    pings(linux, 100, 56);
}

/// So many pings each way, all answered.
pub(crate) fn pings(linux: &Linux, count: u32, size: u32) {
    let line = |to: &str| format!("busybox ping -q -c {count} -i 0.01 -W 5 -s {size} {to}");
    let all = format!("{count} packets transmitted, {count} packets received");
    let said = linux.ok(&line(HOST));
    assert!(said.contains(&all), "from the guest: {said}");
    let said = linux.network().run(&line(GUEST));
    assert!(said.contains(&all), "to the guest: {said}");
}

fn jumbo(linux: &Linux) {
    linux.ok("ip link set $dev mtu 9000");
    linux.network().run("ip link set wire mtu 9000");
    linux.up();
    for size in [1472, 1473, 4000, 8972] {
        pings(linux, 20, size);
    }
}

fn again(linux: &Linux) {
    for _ in 0..3 {
        linux.unload();
        linux.load();
        pings(linux, 10, 56);
    }
    for _ in 0..3 {
        linux.ok("ip link set $dev down");
        linux.up();
        pings(linux, 10, 56);
    }
}
