//! A guest in which a DPDK program has the card through VFIO, and the far end of the cable.
//!
//! The program's drivers come along under the very names by which other libraries ask for
//! them, and are named to DPDK one by one: a driver that is loaded by two names is loaded
//! twice, and DPDK gives up.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::bench::bring;
use super::{Bench, Device};
use crate::emulator::Cable;
use crate::guest::{ADDRESS, Spec};
use crate::machine;

/// How long the guest may take for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Of 2 MiB: what the frames of 128 queues need.
const HUGEPAGES: u32 = 128;

/// Where a program's words go.
const SAID: &str = "/out/dpdk";

/// A booted guest with its card in the hands of vfio-pci.
pub struct Dpdk {
    bench: Bench,
    drivers: Vec<PathBuf>,
}

impl Deref for Dpdk {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Dpdk {
    /// Boots a guest with `device` in it, with testpmd and `pools`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn boot(device: Device) -> Self {
        Self::boot_with(device, (build_pools(), "/bin/pools".into()), &[])
    }

    /// The same with testpmd and another program, and files that it needs.
    pub(super) fn boot_with(
        device: Device,
        program: (PathBuf, PathBuf),
        files: &[PathBuf],
    ) -> Self {
        let mut spec = Spec::new("");
        // What is timed is not to be disturbed by ticks of the other core.
        spec.kernel_options += " nohz=on highres=on";
        spec.files.extend_from_slice(files);
        bring(&mut spec, "dpdk-testpmd", "/bin/testpmd");
        let testpmd = spec.programs[0].0.clone();
        let names = ["librte_bus_pci", "librte_mempool_ring", device.driver.pmd];
        let drivers = names.map(|name| driver(&testpmd, name)).to_vec();
        spec.programs
            .extend(drivers.iter().map(|path| (path.clone(), path.clone())));
        spec.programs.push(program);
        // Threads are cancelled by means of a library that nothing names. This program
        // names it.
        let this = std::env::current_exe().expect("a program knows where it is");
        let libraries = machine::libraries(&this).expect("ldd").into_iter();
        let cancels = |path: &PathBuf| path.to_string_lossy().contains("/libgcc_s.so.");
        spec.files.extend(libraries.filter(cancels));
        let dpdk = Self {
            bench: Bench::boot(device, spec, Cable::Wire),
            drivers,
        };
        let card = format!("/sys/bus/pci/devices/{ADDRESS}");
        dpdk.ok(&format!("echo vfio-pci >{card}/driver_override"));
        dpdk.ok(&format!("echo {ADDRESS} >/sys/bus/pci/drivers_probe"));
        dpdk.ok(&format!("echo {HUGEPAGES} >/proc/sys/vm/nr_hugepages"));
        // DPDK takes no drivers from where anybody may write.
        dpdk.ok("chmod 755 /");
        dpdk.ok("mkdir -p /var/run /dev/hugepages; mount -t hugetlbfs none /dev/hugepages");
        dpdk
    }

    /// Starts `program` with EAL's arguments and `arguments`, and waits until it says
    /// `ready`.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self, program: &str, arguments: &str, ready: &str) -> Session<'_> {
        let mut eal = format!("-l 0,1 -m 192 --iova-mode=va --no-telemetry -a {ADDRESS}");
        for driver in &self.drivers {
            eal += &format!(" -d {}", driver.display());
        }
        self.ok("rm -f /tmp/in; mkfifo /tmp/in");
        self.ok(&format!(
            "{program} {eal} -- {arguments} </tmp/in >{SAID} 2>&1 & pid=$!"
        ));
        self.ok("exec 4>/tmp/in");
        let session = Session { dpdk: self };
        session.wait_for(ready);
        session
    }

    /// Sends `frames` with no more than `window` on their way, hands every answer to
    /// `answer`, and ends when as many came back.
    ///
    /// # Panics
    /// When an answer stays out for ten seconds, or there are more of them than frames.
    pub fn exchange(&self, frames: &[Vec<u8>], window: usize, mut answer: impl FnMut(Vec<u8>)) {
        let over = AtomicBool::new(false);
        let (answers, came) = channel();
        thread::scope(|scope| {
            // Apart from the sender: a card that waits for its cable may take no frames.
            scope.spawn(|| self.collect(&over, answers));
            let _over = Raise(&over);
            let (mut sent, mut back) = (0, 0);
            while back < frames.len() {
                while sent < frames.len() && sent - back < window {
                    self.send(&frames[sent]);
                    sent += 1;
                }
                let frame = came.recv_timeout(Duration::from_secs(10));
                let frame = frame.unwrap_or_else(|_| panic!("of {sent} frames {back} came back"));
                answer(frame);
                back += 1;
            }
        });
        assert_eq!(came.try_iter().count(), 0, "more came back than was sent");
    }

    /// Collects what comes back until `over`.
    fn collect(&self, over: &AtomicBool, answers: Sender<Vec<u8>>) {
        while !over.load(Ordering::Relaxed) {
            if let Some(frame) = self.receive(Duration::from_millis(20)) {
                // Nobody waits for it any more, if the test has failed.
                let _ = answers.send(frame);
            }
        }
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
        self.words(&format!("cat {SAID}"))
    }
}

/// Raises a flag when it goes, also with a panic.
struct Raise<'f>(&'f AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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
            let alive = self.dpdk.run("kill -0 $pid").status == 0;
            assert!(alive && Instant::now() < deadline, "no `{words}`: {said}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it by a signal, and returns all that it said.
    ///
    /// # Panics
    /// When it ends with an error.
    pub fn interrupt(self) -> String {
        self.dpdk.ok("kill -INT $pid");
        self.end()
    }

    /// Waits until it ends by itself, and returns all that it said.
    ///
    /// # Panics
    /// When it ends with an error.
    pub fn end(self) -> String {
        let ended = self.dpdk.ok("wait $pid; echo status $?");
        let said = self.said();
        assert!(ended.contains("status 0"), "it ended with {ended}: {said}");
        said
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Nobody is left to tell, if the guest is gone: the words are for a report.
        self.dpdk
            .words("kill -9 $pid 2>/dev/null; wait $pid; exec 4>&-");
    }
}

/// The library `name` in the folder that DPDK loads its drivers from.
fn driver(testpmd: &Path, name: &str) -> PathBuf {
    let libraries = machine::libraries(testpmd).expect("ldd");
    let bus = |path: &&PathBuf| path.to_string_lossy().contains("/librte_bus_pci.so.");
    let bus = libraries
        .iter()
        .find(bus)
        .expect("testpmd takes PCI devices");
    let folder = bus.parent().expect("a file is in a folder");
    let version = bus
        .extension()
        .expect("librte_bus_pci.so.N")
        .to_string_lossy()
        .into_owned();
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
    assert!(
        flags.status.success(),
        "libdpdk-dev is missing: run `cargo xtask setup`"
    );
    let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
    let mut cc = Command::new("cc");
    cc.args([
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-parameter",
        "-o",
    ]);
    cc.arg(&program).arg(&source).args(flags.split_whitespace());
    let built = cc.output().expect("cc: run `cargo xtask setup`");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    program
}
