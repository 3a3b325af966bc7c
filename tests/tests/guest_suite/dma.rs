//! DMA outside the card's domain: refused by VT-d, logged, and no byte moved.

use std::thread;
use std::time::{Duration, Instant};

use lockgate_tests::guest::{ADDRESS, PATTERN};
use lockgate_tests::subject::{frame, station};

use super::Case;
use super::bench::{ASTRAY, Bench, SHORT};

pub(crate) const CASES: &[Case] = &[
    ("DMA outside its domain: receive ring", |bench| {
        astray(bench, "receive-ring", "Read")
    }),
    ("DMA outside its domain: receive buffer", |bench| {
        astray(bench, "receive-buffer", "Write")
    }),
    ("DMA outside its domain: transmit buffer", |bench| {
        astray(bench, "transmit-buffer", "Read")
    }),
];

fn astray(bench: &Bench, kind: &str, way: &str) {
    let id = bench.ok(&format!("cut -c3- /sys/bus/pci/devices/{ADDRESS}/device"));
    bench.ok(&format!(
        "{ASTRAY} {kind} {ADDRESS} {id} >/out/log 2>&1 & pid=$!"
    ));
    bench.until("grep -q outside /out/log");
    let log = bench.ok("cat /out/log");
    let outside = log
        .split("outside is 0x")
        .nth(1)
        .expect("an address")
        .lines()
        .next();
    let outside = outside.expect("an address").to_owned();
    let expected = format!("fault addr 0x{outside}");
    let logged = |log: &str| {
        let this = |line: &str| line.contains(&format!("DMA {way}")) && line.contains("[00:03.0]");
        log.lines()
            .any(|line| this(line) && line.contains(&expected))
    };
    let deadline = Instant::now() + SHORT;
    while !logged(&bench.refused()) {
        // Something else than the pattern, so that a write would show.
        bench.send(&[frame(station(1), 9, None, 64)]);
        // The kernel logs ten faults in five seconds at most, also those of cases before.
        thread::sleep(Duration::from_millis(300));
        let seen = bench.refused();
        assert!(
            Instant::now() < deadline,
            "no refused {way} at {outside} in: {seen}"
        );
    }
    let ended = bench.run("touch /out/done; wait $pid; cat /out/log");
    assert!(ended.text.contains("memory is intact"), "{}", ended.text);
    while let Some(left) = bench.left(Duration::from_millis(50)) {
        assert!(
            !left.windows(8).any(|bytes| bytes == PATTERN),
            "memory left by the cable"
        );
    }
}
