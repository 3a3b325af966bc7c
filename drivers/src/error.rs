//! What can go wrong with a card and with opening it, and what to do about it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use lockgate_vmdq::PciAddress;

use crate::device::DeviceId;

/// Why a driver gave up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum Error {
    #[error("the card stopped answering (its registers read all ones): check its slot and power")]
    Gone,
    #[error("no driver for {id}: use one of the cards that `lockgate nic list` names")]
    Unsupported { id: DeviceId },
    #[error("{register} did not confirm within {waited:?}: reset the card and start again")]
    Timeout {
        register: &'static str,
        waited: Duration,
    },
    #[error("cannot find {bytes} bytes of memory for DMA: free some, or use smaller rings")]
    NoMemory { bytes: usize, source: io::Error },
    #[error("cannot pin {bytes} bytes for DMA: raise the locked-memory limit (`ulimit -l`)")]
    PinMemory { bytes: usize, source: io::Error },
    #[error("cannot map {bytes} bytes for DMA: the kernel log may say why (`dmesg`)")]
    MapMemory { bytes: usize, source: io::Error },
    #[error("a ring has {slots} slots: use a power of two from 64 to 4096")]
    RingSize { slots: u16 },
    #[error("the plan was made for another card ({why}): check the policy against this one")]
    Plan { why: &'static str },
    #[error("the card is wired for SerDes or SGMII: use one with copper ports")]
    LinkMode,
    #[error("the PHY of the card does not answer: power-cycle the machine")]
    Phy,
    #[error("queues of an earlier start are still in use: drop them before the next start")]
    QueuesInUse,
    #[error("cannot reset the PCI function: bind it to vfio-pci again")]
    Reset { source: io::Error },
    #[error("cannot switch bus mastering: bind the card to vfio-pci again")]
    BusMaster { source: io::Error },
}

/// Why a card could not be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum OpenError {
    #[error("cannot open {path}: {remedy}")]
    File {
        path: String,
        remedy: &'static str,
        source: io::Error,
    },
    #[error("IOMMU group {group} of {pci} is not viable: bind all its devices to vfio-pci")]
    GroupNotViable { pci: PciAddress, group: u32 },
    #[error("cannot put {pci} behind the IOMMU: the kernel log may say why (`dmesg`)")]
    Iommu { pci: PciAddress, source: io::Error },
    #[error("cannot open {pci} through VFIO: the kernel log may say why (`dmesg`)")]
    Device { pci: PciAddress, source: io::Error },
}

/// What to do about a file of VFIO that could not be opened.
pub(crate) fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "load the kernel module vfio-pci (`modprobe vfio-pci`)",
        ErrorKind::PermissionDenied => "run as root or be given the file",
        ErrorKind::ResourceBusy => "another process has the card, so stop that one first",
        _ => "the kernel log may say why (`dmesg`)",
    }
}
