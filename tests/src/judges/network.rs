//! A network namespace with one TAP in it: the far end of a card's cable, with this
//! machine's own network stack behind it.
//!
//! The rule: nothing outside the namespace is touched, and it goes with its value; what a
//! killed process left is swept away by the next.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::emulator::Cable;

/// What namespaces are called: this, the process, a number.
const PREFIX: &str = "lockgate-judge";

/// The TAP in each.
const TAP: &str = "wire";

/// How long a program may take to open a port.
const PATIENCE: Duration = Duration::from_secs(20);

/// No command may take longer, in seconds.
const LONGEST: &str = "300";

/// A namespace.
#[derive(Debug)]
pub struct Network {
    name: String,
}

impl Network {
    /// Makes a namespace whose TAP has `address` (`"10.0.0.2/24"`).
    ///
    /// # Panics
    /// When it cannot: this takes root, `ip` and `/dev/net/tun`.
    pub fn new(address: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}-{}-{number}", std::process::id());
        let mut add = Command::new("ip");
        succeed(add.args(["netns", "add", &name]));
        let network = Self { name };
        // Without IPv6 nothing is said that no test asked for.
        let silence = "test ! -e /proc/sys/net/ipv6 || \
                       for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done";
        network.run(silence);
        network.run(&format!(
            "ip tuntap add dev {TAP} mode tap && ip link set lo up"
        ));
        network.run(&format!(
            "ip addr add {address} dev {TAP} && ip link set {TAP} up"
        ));
        network
    }

    /// As it was made: nobody's address known, an ordinary MTU.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn reset(&self) {
        self.run(&format!(
            "ip neigh flush dev {TAP} nud all; ip link set {TAP} mtu 1500"
        ));
    }

    /// The cable, as QEMU is told of it.
    pub fn cable(&self) -> Cable {
        Cable::Tap {
            namespace: self.name.clone(),
            interface: TAP.into(),
        }
    }

    /// What the namespace is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a line of shell in the namespace that must succeed, and returns what it said.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn run(&self, line: &str) -> String {
        succeed(&mut self.command(line))
    }

    /// Starts a line of shell in the namespace.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, line: &str) -> Job {
        let mut command = self.command(line);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Job {
            child: Some(child),
            line: line.into(),
        }
    }

    /// The same, and waits until it has the UDP `port` open.
    ///
    /// # Panics
    /// When it cannot be started, or opens none.
    pub fn hear(&self, line: &str, port: u16) -> Job {
        let job = self.start(line);
        let deadline = Instant::now() + PATIENCE;
        while !self
            .run("cat /proc/net/udp")
            .contains(&format!(":{port:04X} "))
        {
            assert!(Instant::now() < deadline, "{line}: never opens port {port}");
            thread::sleep(Duration::from_millis(10));
        }
        job
    }

    /// A counter of the TAP: `"rx_packets"` is what the card sent.
    ///
    /// # Panics
    /// When there is no such counter.
    pub fn counter(&self, name: &str) -> u64 {
        let text = self.run(&format!("cat /sys/class/net/{TAP}/statistics/{name}"));
        text.parse()
            .unwrap_or_else(|error| panic!("{name}: {text}: {error}"))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args([
            "--pdeathsig",
            "KILL",
            "--",
            "ip",
            "netns",
            "exec",
            &self.name,
        ]);
        command.args(["timeout", "--signal", "KILL", LONGEST, "sh", "-c", line]);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may be gone already; a test that fails has more to say.
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}

/// A line of shell that runs.
#[derive(Debug)]
pub struct Job {
    child: Option<Child>,
    line: String,
}

impl Job {
    /// Waits for the end, which must be a good one, and returns what was said.
    ///
    /// # Panics
    /// When it did not succeed.
    pub fn wait(mut self) -> String {
        let line = self.line.clone();
        let child = self
            .child
            .take()
            .unwrap_or_else(|| unreachable!("waited for once"));
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        judge(&line, &output)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn succeed(command: &mut Command) -> String {
    let line = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    judge(
        &line,
        &output.unwrap_or_else(|error| panic!("{line}: {error}")),
    )
}

fn judge(line: &str, output: &std::process::Output) -> String {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    assert!(
        output.status.success(),
        "on this machine, {line}: {} {said}",
        output.status
    );
    said
}

/// Deletes what processes left that are no more.
fn sweep() {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').nth(1));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another process may sweep at the same time.
            let _ = Command::new("ip").args(["netns", "delete", &name]).status();
        }
    }
}
