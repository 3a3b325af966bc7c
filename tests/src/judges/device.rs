//! The cards under judgement, and what is known of their drivers.

use std::time::{Duration, Instant};

use crate::emulator::Cable;
use crate::guest::Spec;
use crate::served::Served;

/// The far end of a cable that does not lead through QEMU.
pub trait Port: Send + Sync {
    /// Sends one frame to the card, waiting while it takes none.
    ///
    /// # Errors
    /// When it takes none until `deadline`, or is gone.
    fn send(&self, frame: &[u8], deadline: Instant) -> Result<(), String>;

    /// The next frame that the card sent, or `None` after `timeout`.
    ///
    /// # Errors
    /// When the card is gone.
    fn receive(&self, timeout: Duration) -> Result<Option<Vec<u8>>, String>;
}

/// Puts a card into a guest's machine, its cable leading where [`Cable`] says. One that
/// another process serves starts that process here, sets [`Cable::Elsewhere`], and
/// returns what keeps the process alive and is its port.
pub type Plug = fn(&mut Spec, Cable) -> Option<Box<dyn Port>>;

/// A card under judgement.
#[derive(Debug, Clone)]
pub struct Device {
    /// What tables call it.
    pub name: &'static str,
    /// Vendor and device, as `lspci -n` writes them.
    pub id: &'static str,
    /// Its station address.
    pub mac: [u8; 6],
    /// How it gets into a guest.
    pub plug: Plug,
    /// The drivers that it has to please.
    pub driver: Driver,
}

impl Device {
    /// QEMU's own 82576.
    pub const QEMU_IGB: Self = Self {
        name: "QEMU igb",
        id: "8086:10c9",
        mac: [2, 0, 0, 0, 0, 1],
        plug: |spec, cable| {
            spec.device = "igb".into();
            spec.cable = cable;
            None
        },
        driver: Driver::IGB,
    };

    /// QEMU's own 82574.
    pub const QEMU_E1000E: Self = Self {
        name: "QEMU e1000e",
        id: "8086:10d3",
        mac: [2, 0, 0, 0, 0, 1],
        plug: |spec, cable| {
            spec.device = "e1000e".into();
            spec.cable = cable;
            None
        },
        driver: Driver::E1000E,
    };

    /// The model of an 82576.
    pub const MODEL_82576: Self = Self {
        name: "model 82576",
        id: "8086:10c9",
        mac: [2, 0x4c, 0x47, 0xff, 0x82, 0x76],
        plug: |spec, cable| serve("82576", spec, &cable),
        driver: Driver::IGB,
    };

    /// The model of an 82599.
    pub const MODEL_82599: Self = Self {
        name: "model 82599",
        id: "8086:10fb",
        mac: [2, 0x4c, 0x47, 0xff, 0x82, 0x99],
        plug: |spec, cable| serve("82599", spec, &cable),
        driver: Driver::IXGBE,
    };
}

/// Puts a served model into a guest.
fn serve(card: &str, spec: &mut Spec, cable: &Cable) -> Option<Box<dyn Port>> {
    let served = Served::plug(card, spec, cable);
    Some(Box::new(served.unwrap_or_else(|error| panic!("{error}"))))
}

impl Port for Served {
    fn send(&self, frame: &[u8], deadline: Instant) -> Result<(), String> {
        Served::send(self, frame, deadline).map_err(|error| error.to_string())
    }

    fn receive(&self, timeout: Duration) -> Result<Option<Vec<u8>>, String> {
        Served::receive(self, timeout).map_err(|error| error.to_string())
    }
}

/// What is known of the Linux and the DPDK driver of a family.
#[derive(Debug, Clone)]
pub struct Driver {
    /// The module, and the name that `ethtool -i` has.
    pub module: &'static str,
    /// The link's speed in Mbit/s, as `ethtool` has it.
    pub speed: u32,
    /// The most queues that `ethtool -l` offers.
    pub queues: u32,
    /// The entries of its indirection table.
    pub table: usize,
    /// What `ethtool -S` calls the card's own counters.
    pub counters: Counters,
    /// The library of its DPDK driver, without version.
    pub pmd: &'static str,
    /// The pools that the DPDK driver makes for VMDq alone.
    pub pools: u16,
    /// The queues of each pool; VMDq alone uses the first.
    pub pool_queues: u16,
    /// Whether its VMDq looks at MAC address and VLAN together, or at the VLAN alone.
    pub pools_by_mac: bool,
    /// The pool that then has what is for no pool, if the driver does not switch it off.
    pub default_pool: Option<u16>,
}

/// What `ethtool -S` calls the counters that the card itself keeps.
#[derive(Debug, Clone)]
pub struct Counters {
    /// Frames received.
    pub rx_frames: &'static str,
    /// Their bytes, checksums included.
    pub rx_bytes: &'static str,
    /// Frames sent.
    pub tx_frames: &'static str,
    /// Their bytes, checksums included.
    pub tx_bytes: &'static str,
}

impl Driver {
    /// 82575, 82576 and their successors: Linux's igb, DPDK's `net_e1000_igb`.
    pub const IGB: Self = Self {
        module: "igb",
        speed: 1000,
        queues: 8,
        table: 128,
        counters: Counters {
            rx_frames: "rx_packets",
            rx_bytes: "rx_bytes",
            tx_frames: "tx_packets",
            tx_bytes: "tx_bytes",
        },
        pmd: "librte_net_e1000",
        pools: 8,
        pool_queues: 1,
        pools_by_mac: false,
        default_pool: Some(0),
    };

    /// 82574: Linux's e1000e, DPDK's `net_e1000_em`. It has neither pools nor, to those
    /// drivers, more than one queue.
    pub const E1000E: Self = Self {
        module: "e1000e",
        queues: 1,
        pools: 0,
        pool_queues: 0,
        default_pool: None,
        ..Self::IGB
    };

    /// 82598, 82599 and their successors: Linux's ixgbe, DPDK's `net_ixgbe`.
    pub const IXGBE: Self = Self {
        module: "ixgbe",
        speed: 10_000,
        // Of 63 no more than the guest has cores.
        queues: 4,
        table: 128,
        counters: Counters {
            rx_frames: "rx_pkts_nic",
            rx_bytes: "rx_bytes_nic",
            tx_frames: "tx_pkts_nic",
            tx_bytes: "tx_bytes_nic",
        },
        pmd: "librte_net_ixgbe",
        pools: 64,
        pool_queues: 2,
        pools_by_mac: true,
        default_pool: None,
    };
}
