//! A guest in which a DPDK program has the card through VFIO, and the far end of the cable.
//!
//! The program's drivers come along as DPDK wants them: in the folder that its libraries
//! look into by themselves, each once, so that none is loaded twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{Device, Port};
use crate::emulator::Cable;
use crate::guest::{ADDRESS, Guest, Spec};
use crate::machine;

/// How long the guest may take for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a program's words go.
const SAID: &str = "/out/dpdk";

/// A booted guest with its card in the hands of vfio-pci.
pub struct Dpdk {
    guest: Guest,
    port: Option<Box<dyn Port>>,
    /// The card.
    pub device: Device,
}

impl Dpdk {
    /// Boots a guest with `device` in it, with testpmd and `pools`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn boot(device: Device) -> Self {
        let mut spec = Spec::new("");
        let port = (device.plug)(&mut spec, Cable::Wire);
        let testpmd = machine::find_program("dpdk-testpmd");
        let testpmd = testpmd.expect("dpdk-testpmd: run `cargo xtask setup`");
        for name in [device.driver.pmd, "librte_mempool_ring"] {
            let library = driver(&testpmd, name);
            spec.programs.push((library.clone(), library));
        }
        spec.programs.push((testpmd, "/bin/testpmd".into()));
        spec.programs.push((build_pools(), "/bin/pools".into()));
        // 256 MiB; the last word on the command line is the one that counts.
        spec.kernel_options += " hugepages=128";
        let guest = Guest::boot(&spec, Instant::now() + PATIENCE);
        let guest = guest.unwrap_or_else(|error| panic!("{error}"));
        let dpdk = Self { guest, port, device };
        let card = format!("/sys/bus/pci/devices/{ADDRESS}");
        dpdk.ok(&format!("echo vfio-pci >{card}/driver_override"));
        dpdk.ok(&format!("echo {ADDRESS} >/sys/bus/pci/drivers_probe"));
        dpdk.ok("mkdir -p /dev/hugepages; mount -t hugetlbfs none /dev/hugepages");
        dpdk
    }

    /// Starts `program` with EAL's arguments and `arguments`, and waits until it says
    /// `ready`.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self, program: &str, arguments: &str, ready: &str) -> Session<'_> {
        let eal = format!("-l 0,1 -m 192 --iova-mode=va --no-telemetry -a {ADDRESS}");
        self.ok("rm -f /tmp/in; mkfifo /tmp/in");
        self.ok(&format!("{program} {eal} -- {arguments} </tmp/in >{SAID} 2>&1 & pid=$!"));
        self.ok("exec 4>/tmp/in");
        let session = Session { dpdk: self };
        session.wait_for(ready);
        session
    }

    /// Sends `frames` with no more than `window` on their way, hands every answer to
    /// `answer`, and ends when as many came back.
    ///
    /// # Panics
    /// When an answer stays out for ten seconds.
    pub fn exchange(&self, frames: &[Vec<u8>], window: usize, mut answer: impl FnMut(Vec<u8>)) {
        let (mut sent, mut back) = (0, 0);
        while back < frames.len() {
            while sent < frames.len() && sent - back < window {
                self.send(&frames[sent]);
                sent += 1;
            }
            let frame = self.receive(Duration::from_secs(10));
            let frame = frame.unwrap_or_else(|| panic!("of {sent} frames {back} came back"));
            answer(frame);
            back += 1;
        }
    }

    /// Sends one frame to the card.
    ///
    /// # Panics
    /// When the card is gone or takes none.
    pub fn send(&self, frame: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        let sent = match &self.port {
            Some(port) => port.send(frame, deadline),
            None => self.guest.emulator().send(frame, deadline).map_err(|e| e.to_string()),
        };
        sent.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The next frame that the card sent.
    ///
    /// # Panics
    /// When the card is gone.
    pub fn receive(&self, timeout: Duration) -> Option<Vec<u8>> {
        let received = match &self.port {
            Some(port) => port.receive(timeout),
            None => self.guest.emulator().receive(timeout).map_err(|e| e.to_string()),
        };
        received.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a line of shell that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&self, line: &str) -> String {
        self.guest.succeed(line, PATIENCE).unwrap_or_else(|error| panic!("in the guest, {error}"))
    }

    /// What the IOMMU refused since the guest came up.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn refused(&self) -> String {
        self.ok("dmesg | grep 'DMAR:.*fault' || true")
    }

    /// What a reader wants to see of a case that failed.
    pub fn last_words(&self) -> String {
        let asked = self.guest.run(&format!("cat {SAID}; dmesg | tail"), Duration::from_secs(10));
        let asked = asked.map_or_else(|error| error.to_string(), |output| output.text);
        format!("--- the guest\n{asked}\n--- its console\n{}", self.guest.console())
    }
}

/// A program that has the card; it is ended with its value.
pub struct Session<'d> {
    dpdk: &'d Dpdk,
}

impl Session<'_> {
    /// Types a line.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn say(&self, line: &str) {
        self.dpdk.ok(&format!("echo '{line}' >&4"));
    }

    /// All that it said so far.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn said(&self) -> String {
        self.dpdk.ok(&format!("cat {SAID}"))
    }

    /// Waits until it has said `words`.
    ///
    /// # Panics
    /// When it never does, with what it said.
    pub fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.said();
            if said.contains(words) {
                return;
            }
            let alive = self.dpdk.guest.run("kill -0 $pid", PATIENCE);
            let alive = alive.is_ok_and(|output| output.status == 0);
            assert!(alive && Instant::now() < deadline, "no `{words}`: {said}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it as a user does, and returns all that it said.
    ///
    /// # Panics
    /// When it ends with an error.
    pub fn end(self) -> String {
        let ended = self.dpdk.ok("kill -INT $pid; wait $pid; echo status $?");
        let said = self.said();
        assert!(ended.contains("status 0"), "it ended with {ended}: {said}");
        said
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let line = "kill -9 $pid 2>/dev/null; wait $pid; exec 4>&-";
        // Nobody left to tell, if the guest is gone.
        let _ = self.dpdk.guest.run(line, PATIENCE);
    }
}

/// The library `name` in the folder that DPDK loads its drivers from.
fn driver(testpmd: &Path, name: &str) -> PathBuf {
    let libraries = machine::libraries(testpmd).expect("ldd");
    let bus = |path: &&PathBuf| path.to_string_lossy().contains("/librte_bus_pci.so.");
    let bus = libraries.iter().find(bus).expect("testpmd takes PCI devices");
    let folder = bus.parent().expect("a file is in a folder");
    let version = bus.extension().expect("librte_bus_pci.so.N").to_string_lossy().into_owned();
    let file = folder.join(format!("{name}.so.{version}"));
    let real = fs::canonicalize(&file);
    real.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", file.display()));
    file
}

/// Builds `pools.c` against this machine's DPDK.
fn build_pools() -> PathBuf {
    let folder = machine::target().join("judges");
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let program = folder.join("pools");
    let source = machine::workspace().join("tests/src/judges/pools.c");
    let mut flags = Command::new("pkg-config");
    let flags = flags.args(["--cflags", "--libs", "libdpdk"]).output();
    let flags = flags.expect("pkg-config: run `cargo xtask setup`");
    assert!(flags.status.success(), "libdpdk-dev is missing: run `cargo xtask setup`");
    let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-o"]);
    cc.arg(&program).arg(&source).args(flags.split_whitespace());
    let built = cc.output().expect("cc: run `cargo xtask setup`");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}
