//! A guest in which Linux's own driver has the card.
//!
//! Every case begins with the driver loaded anew and the interface up, so that counters,
//! tables and features are as the driver sets them.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::bench::bring;
use super::{Bench, Device, Network};
use crate::emulator::Cable;
use crate::guest::{ADDRESS, Spec};

/// The guest's address.
pub const GUEST: &str = "10.0.0.1";

/// The address of this machine's end.
pub const HOST: &str = "10.0.0.2";

/// A booted guest, and its peer if it has one.
pub struct Linux {
    // First to go, then what it stands on.
    bench: Bench,
    network: Option<Network>,
}

impl Deref for Linux {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Linux {
    /// Boots a guest with `device` in it, its cable leading to a network of this machine.
    /// `peer` is the program that both ends talk by.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn in_network(device: Device, peer: &str) -> Self {
        let network = Network::new(&format!("{HOST}/24"));
        let cable = network.cable();
        Self::boot(device, peer, cable, Some(network))
    }

    /// The same with the cable leading to the test itself.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn on_wire(device: Device, peer: &str) -> Self {
        Self::boot(device, peer, Cable::Wire, None)
    }

    fn boot(device: Device, peer: &str, cable: Cable, network: Option<Network>) -> Self {
        let mut spec = Spec::new("");
        bring(&mut spec, "ethtool", "/bin/host-ethtool");
        bring(&mut spec, "ip", "/bin/host-ip");
        spec.programs.push((peer.into(), "/bin/peer".into()));
        // What nobody asked for is not said.
        spec.kernel_options += " ipv6.disable=1";
        // More than one, so that drivers use more than one queue.
        spec.cores = 4;
        let linux = Self {
            bench: Bench::boot(device, spec, cable),
            network,
        };
        linux.ok("ip link set lo up; load 8021q; dmesg -c >/dev/null");
        linux
    }

    /// The peer's network.
    ///
    /// # Panics
    /// When the cable leads to the test itself.
    pub fn network(&self) -> &Network {
        self.network
            .as_ref()
            .expect("a guest whose cable leads to a network")
    }

    /// The driver loaded anew, the interface up under the name `$dev`.
    ///
    /// # Panics
    /// When the driver does not take the card or its link does not come up.
    pub fn prepare(&self) {
        self.ok("killall -9 peer ping 2>/dev/null; true");
        if let Some(network) = &self.network {
            network.reset();
        }
        self.unload();
        self.load();
    }

    /// Takes the driver out.
    ///
    /// # Panics
    /// When it does not go.
    pub fn unload(&self) {
        let module = self.device.driver.module;
        self.ok(&format!(
            "if grep -q '^{module} ' /proc/modules; then rmmod {module}; fi"
        ));
    }

    /// Loads the driver and waits for the link.
    ///
    /// # Panics
    /// When the driver does not take the card or its link does not come up.
    pub fn load(&self) {
        let module = self.device.driver.module;
        let net = format!("/sys/bus/pci/devices/{ADDRESS}/net");
        self.ok(&format!(
            "load {module}; echo {ADDRESS} >/sys/bus/pci/drivers_probe; true"
        ));
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

    /// Starts a line in the guest; [`Linux::wait`] gives what it says.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn start(&self, line: &str) {
        self.ok(&format!(
            "rm -f /out/job; {{ {line}; }} >/out/job 2>&1 & pid=$!"
        ));
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
        let count = |queue| {
            statistics
                .get(&format!("rx_queue_{queue}_packets"))
                .copied()
        };
        (0..).map_while(count).collect()
    }

    /// What the kernel said at level "warning" or worse since it was last asked.
    ///
    /// An emulated core that was not run for a while is the host's affair, not the card's:
    /// `hrtimer: interrupt took` is left out.
    ///
    /// # Panics
    /// When the guest does not answer.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ok("dmesg -r -c");
        let complaint = |line: &&str| {
            let level = line
                .strip_prefix('<')
                .and_then(|rest| rest.split('>').next());
            let level = level.and_then(|level| level.parse::<u32>().ok());
            let late = line.contains("hrtimer: interrupt took");
            level.is_some_and(|level| level & 7 <= 4) && !late
        };
        log.lines().filter(complaint).map(str::to_owned).collect()
    }

    /// What a reader wants to see of a case that failed.
    pub fn last_words(&self) -> String {
        self.words("cat /out/job; host-ethtool -S $dev | grep -v ': 0$'")
    }
}
