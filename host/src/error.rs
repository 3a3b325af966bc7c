//! Why a card could not be opened, and what to do about it.

use std::io::{self, ErrorKind};

use lockgate_vmdq::PciAddress;

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
