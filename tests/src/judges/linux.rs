//! A guest in which Linux's own driver has the card.
//!
//! Every case begins with the driver loaded anew and the interface up, so that counters,
//! tables and features are as the driver sets them.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::{Device, Network, Port};
use crate::guest::{ADDRESS, Guest, Output, Spec};
use crate::machine;

/// The guest's address.
pub const GUEST: &str = "10.0.0.1";

/// The address of this machine's end.
pub const HOST: &str = "10.0.0.2";

/// How long the guest may take for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A booted guest, and its peer.
pub struct Linux {
    // First to go, then what it stands on.
    guest: Guest,
    /// Keeps a served card alive.
    _port: Option<Box<dyn Port>>,
    /// The card.
    pub device: Device,
    /// The peer.
    pub network: Network,
}

impl Linux {
    /// Boots a guest with `device` in it. `peer` is the program that both ends talk by.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn boot(device: Device, peer: &str) -> Self {
        let network = Network::new(&format!("{HOST}/24"));
        let mut spec = Spec::new("");
        let port = (device.plug)(&mut spec, network.cable());
        for name in ["ethtool", "ip"] {
            let program = machine::find_program(name);
            let program = program.unwrap_or_else(|| panic!("{name}: run `cargo xtask setup`"));
            spec.programs.push((program, format!("/bin/host-{name}").into()));
        }
        spec.programs.push((peer.into(), "/bin/peer".into()));
        spec.kernel_options += " ipv6.disable=1";
        // More than one, so that drivers use more than one queue.
        spec.cores = 4;
        let guest = Guest::boot(&spec, Instant::now() + PATIENCE);
        let guest = guest.unwrap_or_else(|error| panic!("{error}"));
        let linux = Self { guest, _port: port, device, network };
        linux.ok("ip link set lo up; load 8021q; dmesg -c >/dev/null");
        linux
    }

    /// The driver loaded anew, the interface up under the name `$dev`.
    ///
    /// # Panics
    /// When the driver does not take the card or its link does not come up.
    pub fn prepare(&self) {
        self.ok("killall -9 peer ping 2>/dev/null; true");
        self.unload();
        self.load();
    }

    /// Takes the driver out.
    ///
    /// # Panics
    /// When it does not go.
    pub fn unload(&self) {
        let module = self.device.driver.module;
        self.ok(&format!("if grep -q '^{module} ' /proc/modules; then rmmod {module}; fi"));
    }

    /// Loads the driver and waits for the link.
    ///
    /// # Panics
    /// When the driver does not take the card or its link does not come up.
    pub fn load(&self) {
        let module = self.device.driver.module;
        let net = format!("/sys/bus/pci/devices/{ADDRESS}/net");
        self.ok(&format!("load {module}; echo {ADDRESS} >/sys/bus/pci/drivers_probe; true"));
        self.until(&format!("test -d {net}"));
        self.ok(&format!("dev=$(ls {net}); ip addr add {GUEST}/24 dev $dev"));
        self.up();
    }

    /// Brings the interface up.
    ///
    /// # Panics
    /// When there is no link.
    pub fn up(&self) {
        self.ok("ip link set $dev up");
        self.until("grep -q 1 /sys/class/net/$dev/carrier");
    }

    /// Runs a line of shell that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&self, line: &str) -> String {
        self.guest.succeed(line, PATIENCE).unwrap_or_else(|error| panic!("in the guest, {error}"))
    }

    /// Runs a line of shell.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn run(&self, line: &str) -> Output {
        self.guest.run(line, PATIENCE).unwrap_or_else(|error| panic!("in the guest, {error}"))
    }

    /// Waits until a line succeeds.
    ///
    /// # Panics
    /// When it never does.
    pub fn until(&self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(line).status != 0 {
            assert!(Instant::now() < deadline, "`{line}` never succeeds");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts a line in the guest; [`Linux::wait`] gives what it says.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn start(&self, line: &str) {
        self.ok(&format!("rm -f /out/job; {{ {line}; }} >/out/job 2>&1 & pid=$!"));
    }

    /// Waits for what was started, which must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait(&self) -> String {
        let ended = self.run("wait $pid; status=$?; cat /out/job; (exit $status)");
        assert_eq!(ended.status, 0, "in the guest: {}", ended.text);
        ended.text
    }

    /// What `ethtool -S` says.
    ///
    /// # Panics
    /// When the driver has no statistics.
    pub fn statistics(&self) -> BTreeMap<String, u64> {
        let text = self.ok("host-ethtool -S $dev");
        let number = |line: &str| {
            let (name, value) = line.trim().rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(number).collect()
    }

    /// The frames that each receive queue has had.
    ///
    /// # Panics
    /// When the driver has no statistics.
    pub fn queues(&self) -> Vec<u64> {
        let statistics = self.statistics();
        let count = |queue| statistics.get(&format!("rx_queue_{queue}_packets")).copied();
        (0..).map_while(count).collect()
    }

    /// What the kernel said at level "warning" or worse since it was last asked.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ok("dmesg -r -c");
        let complaint = |line: &&str| {
            let level = line.strip_prefix('<').and_then(|rest| rest.split('>').next());
            let level = level.and_then(|level| level.parse::<u32>().ok());
            level.is_some_and(|level| level & 7 <= 4)
        };
        log.lines().filter(complaint).map(str::to_owned).collect()
    }

    /// What a reader wants to see of a case that failed.
    pub fn last_words(&self) -> String {
        let asked = self.guest.run(
            "cat /out/job; dmesg | tail -40; host-ethtool -S $dev | grep -v ': 0$'",
            Duration::from_secs(10),
        );
        let asked = asked.map_or_else(|error| error.to_string(), |output| output.text);
        format!("--- the guest\n{asked}\n--- its console\n{}", self.guest.console())
    }
}
