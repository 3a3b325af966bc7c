//! Lets a card go astray on purpose: `astray KIND PCI-ADDRESS PCI-ID`, in a guest.
//!
//! The driver starts the card; then one address that the card is told is that of memory
//! outside its IOMMU domain, by its physical address. Whatever the IOMMU lets through
//! shows: what is written there changes the pattern, what is read from there leaves by
//! the cable.
//!
//! Not here: who looks at the kernel's log and at the cable (`guest_suite`).
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lockgate_drivers::device::{Bar, DeviceId};
use lockgate_drivers::{RingSizes, capabilities, open};
use lockgate_host::{dma, open_pci};
use lockgate_policy::Policy;
use lockgate_shm::Memory;
use lockgate_tests::cards;
use lockgate_tests::guest::PATTERN;
use lockgate_vmdq::Machine;

const PAGE: usize = 4096;

/// The file that ends this.
const DONE: &str = "/out/done";

/// Descriptors of the ring that is put in place of the driver's.
const SLOTS: u32 = 64;

const POLICY: &str = r#"
nic = { device = "model:82576" }
[[partition]]
name = "red"
macs = ["02:00:00:00:00:01"]
wire = "both"
"#;

/// Where a family has queue 0 each way, and what switches a queue on (0: nothing does).
struct Family {
    rx: u32,
    tx: u32,
    enable: u32,
    /// DTYP of a transmit data descriptor.
    data: u64,
}

const IGB: Family = Family {
    rx: 0xC000,
    tx: 0xE000,
    enable: 1 << 25,
    data: 3,
};
const E1000E: Family = Family {
    rx: 0x2800,
    tx: 0x3800,
    enable: 0,
    data: 1,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, id] = arguments.as_slice() else {
        eprintln!("astray KIND PCI-ADDRESS PCI-ID");
        std::process::exit(2);
    };
    if let Err(error) = go(kind, address, id) {
        eprintln!("astray: {error}");
        std::process::exit(1);
    }
}

fn go(kind: &str, address: &str, id: &str) -> Result<(), Box<dyn std::error::Error>> {
    let device = DeviceId {
        vendor: 0x8086,
        device: u16::from_str_radix(id, 16)?,
    };
    let group = std::fs::read_link(format!("/sys/bus/pci/devices/{address}/iommu_group"))?;
    let group = group
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .parse()?;
    let (card, _alarm) = open_pci(device, address.parse()?, group)?;
    let known = capabilities(device).ok_or("no such card")?;
    let machine = Machine { cores: vec![0] };
    let plan = Policy::parse(POLICY)?.check(known, &machine)?;
    let (bar, iommu) = (Arc::clone(&card.bar), Arc::clone(&card.iommu));
    let mut nic = open(card)?;
    let _queues = nic.start(&plan, RingSizes { rx: 64, tx: 64 })?;
    cards::linked(&mut nic);

    let victim = dma::zeroed(PAGE)?;
    assert!(victim.write(0, &PATTERN.repeat(PAGE / PATTERN.len())));
    let outside = physical(&victim)?;
    let family = if known.family == "igb" { IGB } else { E1000E };
    let mapped = iommu.map(PAGE)?;
    let (ring, iova) = (&mapped.memory, mapped.iova.get());
    match kind {
        "receive-ring" => family.receive(&*bar, outside),
        "receive-buffer" => {
            (0..SLOTS as usize).for_each(|slot| assert!(ring.store_u64(slot * 16, outside)));
            family.receive(&*bar, iova);
        }
        "transmit-buffer" => {
            assert!(ring.store_u64(0, outside));
            // 64 bytes, DTYP, EOP, IFCS, RS, DEXT; PAYLEN where there is one.
            let command = 64 | family.data << 20 | 1 << 24 | 1 << 25 | 1 << 27 | 1 << 29;
            let payload = if family.data == 3 { 64 << 46 } else { 0 };
            assert!(ring.store_u64(8, command | payload));
            family.place(&*bar, family.tx, iova);
            bar.write(family.tx + 0x18, 1);
        }
        _ => return Err("receive-ring, receive-buffer or transmit-buffer".into()),
    }
    bar.flush();
    println!("outside is {outside:#x}");
    // Whoever watches says when it has seen enough.
    while !Path::new(DONE).exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let mut bytes = vec![0; PAGE];
    assert!(victim.read(0, &mut bytes));
    let intact = bytes.chunks(PATTERN.len()).all(|chunk| chunk == PATTERN);
    println!("memory is {}", if intact { "intact" } else { "changed" });
    Ok(())
}

impl Family {
    /// Has queue 0 receive by the ring at `base`, all of it the card's.
    fn receive(&self, bar: &dyn Bar, base: u64) {
        self.place(bar, self.rx, base);
        bar.write(self.rx + 0x18, SLOTS - 1);
    }

    /// Puts the ring at `base` in the place of the one of the queue at `queue`.
    fn place(&self, bar: &dyn Bar, queue: u32, base: u64) {
        let control = bar.read(queue + 0x28);
        bar.write(queue + 0x28, control & !self.enable);
        bar.flush();
        bar.write(queue, base as u32);
        bar.write(queue + 0x04, (base >> 32) as u32);
        bar.write(queue + 0x08, 16 * SLOTS);
        bar.write(queue + 0x10, 0);
        bar.write(queue + 0x18, 0);
        bar.write(queue + 0x28, control | self.enable);
        bar.flush();
    }
}

/// The physical address of memory that is in use (Linux, admin-guide/mm/pagemap).
fn physical(memory: &Memory) -> io::Result<u64> {
    const FRAME: u64 = (1 << 55) - 1;
    const PRESENT: u64 = 1 << 63;
    let page = (memory.address() / PAGE) as u64;
    let mut entry = [0; 8];
    File::open("/proc/self/pagemap")?.read_exact_at(&mut entry, 8 * page)?;
    let entry = u64::from_le_bytes(entry);
    let frame = entry & FRAME;
    if entry & PRESENT == 0 || frame == 0 {
        return Err(io::Error::other(
            "the kernel does not tell where memory is: run as root",
        ));
    }
    Ok(frame * PAGE as u64)
}
