//! A guest with the program in it, and the far end of its card's cable.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_tests::captures;
use lockgate_tests::guest::run::CardKind;
use lockgate_tests::guest::{ADDRESS, Guest, Output, Spec};
use lockgate_tests::machine::build_lockgate;
use lockgate_tests::subject::{frame, station};
use serde_json::Value;

/// How long the guest may take for anything, on a loaded machine.
pub(crate) const SHORT: Duration = Duration::from_secs(40);

pub(crate) const PROGRAM: &str = "/bin/lockgate";
pub(crate) const ASTRAY: &str = "/bin/astray";

/// Where the policy's files are, here and in the guest.
const POLICY: &str = "policy.toml";
const REPLAY: &str = "red.pcap";

/// How many frames red sends by itself.
const SENT: u32 = 20_000;

/// A booted guest.
pub(crate) struct Bench {
    pub(crate) guest: Guest,
    pub(crate) card: CardKind,
    /// The policy's path in the guest.
    pub(crate) policy: String,
}

/// A policy whose first partition sends a long replay, and what it needs, in `folder`.
fn policy(folder: &Path) -> String {
    let outgoing: Vec<_> = (0..SENT).map(|n| numbered(9, 1, n)).collect();
    captures::write_pcap(&folder.join(REPLAY), &outgoing);
    format!(
        r#"
        nic = {{ device = "model:82576" }}
        [[partition]]
        name = "red"
        macs = ["02:00:00:00:00:01"]
        vlans = [10]
        wire = "both"
        tx = {{ rate = "8Mbit/s" }}
        attach = {{ kind = "pcap", replay = "{REPLAY}" }}
        [[partition]]
        name = "blue"
        macs = ["02:00:00:00:00:02"]
        vlans = [10]
        wire = "both"
        "#
    )
}

/// Frame `number` to station `to` from station `from`.
pub(crate) fn numbered(to: u8, from: u8, number: u32) -> Vec<u8> {
    let mut frame = frame(station(to), from, Some(10), 64 + number as usize % 200);
    frame[18..22].copy_from_slice(&number.to_be_bytes());
    frame
}

impl Bench {
    /// Boots a guest with `card` in it.
    pub(crate) fn boot(card: CardKind) -> Self {
        Self::boot_with(card, "")
    }

    /// The same, with more on the kernel's command line.
    pub(crate) fn boot_with(card: CardKind, kernel_options: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [folder.path().join(POLICY), folder.path().join(REPLAY)];
        std::fs::write(&files[0], policy(folder.path())).expect("a policy");
        let mut spec = Spec::new(card.driver());
        spec.programs
            .push((build_lockgate().expect("it builds"), PROGRAM.into()));
        spec.programs
            .push((env!("CARGO_BIN_EXE_astray").into(), ASTRAY.into()));
        spec.programs
            .push(("/usr/bin/setpriv".into(), "/bin/host-setpriv".into()));
        spec.kernel_options += " ";
        spec.kernel_options += kernel_options;
        let policy = files[0].display().to_string();
        spec.files.extend(files);
        let guest = Guest::boot(&spec, Instant::now() + Duration::from_secs(120));
        Self {
            guest: guest.expect("a guest"),
            card,
            policy,
        }
    }

    /// No process on the card, the card in the hands of vfio-pci, the kernel's log empty.
    pub(crate) fn prepare(&self) {
        self.ok("killall -9 lockgate astray 2>/dev/null; wait; rm -rf /out/*; true");
        self.ok(&format!("{PROGRAM} nic bind {ADDRESS}"));
        self.ok("dmesg -c >/dev/null; echo 64 >/proc/sys/vm/nr_hugepages");
        while self.left(Duration::ZERO).is_some() {}
    }

    /// Runs a line that must succeed.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.guest
            .succeed(line, SHORT)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a line.
    pub(crate) fn run(&self, line: &str) -> Output {
        self.guest
            .run(line, SHORT)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// `lockgate run` on the card, with more arguments.
    pub(crate) fn command(&self, more: &str) -> String {
        format!("{PROGRAM} run {} --device {ADDRESS} {more}", self.policy)
    }

    /// Starts a run in the background, and waits until it receives.
    pub(crate) fn start(&self) {
        // With a duration it goes on when red has nothing more to send.
        let more = "--duration 300 --report /out/report.json >/out/summary 2>/out/log & pid=$!";
        self.ok(&format!(
            "rm -f /out/log /out/report.json; {}",
            self.command(more)
        ));
        self.until("grep -q 'running on' /out/log");
    }

    /// Tells the run to end, waits for it, and gives its report.
    pub(crate) fn stop(&self) -> Value {
        let ended = self.run("kill -INT $pid; wait $pid");
        assert_eq!(ended.status, 0, "{}", self.run("cat /out/log").text);
        let report = self.ok("cat /out/report.json");
        serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"))
    }

    /// Waits until a line succeeds.
    pub(crate) fn until(&self, line: &str) {
        let deadline = Instant::now() + SHORT;
        while self.run(line).status != 0 {
            let log = || self.run("cat /out/log").text;
            assert!(
                Instant::now() < deadline,
                "`{line}` never succeeds: {}",
                log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends frames to the card.
    pub(crate) fn send(&self, frames: &[Vec<u8>]) {
        let deadline = Instant::now() + SHORT;
        for frame in frames {
            let sent = self.guest.emulator().send(frame, deadline);
            sent.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// The next frame that the card sent.
    pub(crate) fn left(&self, timeout: Duration) -> Option<Vec<u8>> {
        self.guest
            .emulator()
            .receive(timeout)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends `count` frames to blue, few at a time, and takes out what leaves meanwhile.
    pub(crate) fn exchange(&self, count: u32) -> u32 {
        let mut left = 0;
        for number in 0..count {
            self.send(&[numbered(2, 9, number)]);
            // The guest needs time for each burst: QEMU drops where a ring is full.
            if number % 32 == 31 {
                thread::sleep(Duration::from_millis(30));
            }
            while let Some(frame) = self.left(Duration::ZERO) {
                let number = u32::from_be_bytes(frame[18..22].try_into().expect("a number"));
                assert_eq!(frame, numbered(9, 1, number), "a frame of red's");
                left += 1;
            }
        }
        left
    }

    /// What the IOMMU refused since the case began.
    pub(crate) fn refused(&self) -> String {
        self.run("dmesg | grep 'DMAR:'").text
    }
}

/// One cause, one remedy, exit status 2.
pub(crate) fn refused(output: &Output, words: &[&str]) {
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
