//! From a PCI address to a card: every check that can fail, in the order in which a
//! person can do something about it, each with its remedy.
//!
//! The rule: a card that no IOMMU confines is never opened, whatever the kernel
//! offers instead.
//!
//! Source: Linux `Documentation/driver-api/vfio.rst`. Not here: binding
//! a card to vfio-pci.

use std::ffi::CString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockgate_vmdq::PciAddress;

use crate::device::{Card, DeviceId};
use crate::nic::capabilities;
use crate::sys::{Alarm, Failure, Vfio};

/// The driver that hands a function to user space.
const VFIO: &str = "vfio-pci";

/// Why a card could not be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum OpenError {
    #[error("there is no PCI device {pci}: `lockgate nic list` shows those of this machine")]
    Absent { pci: PciAddress },
    #[error("cannot look at PCI device {pci}: check that sysfs is mounted on /sys")]
    Sysfs { pci: PciAddress, source: io::Error },
    #[error("PCI device {pci} is {id}, not a supported Intel controller: see `lockgate nic list`")]
    Unsupported { pci: PciAddress, id: DeviceId },
    #[error("no IOMMU confines {pci}: enable VT-d in the firmware and boot with intel_iommu=on")]
    NoIommu { pci: PciAddress },
    #[error("{pci} belongs to the kernel driver {driver}: run `lockgate nic bind {pci}`")]
    Bound { pci: PciAddress, driver: String },
    #[error("{pci} has no driver: run `lockgate nic bind {pci}`")]
    Unbound { pci: PciAddress },
    #[error("{} is missing: load the kernel module vfio-pci (`modprobe vfio-pci`)", path.display())]
    NoFile { path: PathBuf, source: io::Error },
    #[error("no permission to open {}: run as root or be given the file", path.display())]
    Permission { path: PathBuf, source: io::Error },
    #[error("{pci} is in use by another process: stop that one first")]
    Busy { pci: PciAddress, source: io::Error },
    #[error("cannot open {}: the kernel log may say why (`dmesg`)", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("IOMMU group {group} of {pci} is not viable: bind all its devices to vfio-pci")]
    GroupNotViable { pci: PciAddress, group: u32 },
    #[error("cannot put {pci} behind the IOMMU: the kernel log may say why (`dmesg`)")]
    Iommu { pci: PciAddress, source: io::Error },
    #[error("cannot open {pci} through VFIO: the kernel log may say why (`dmesg`)")]
    Device { pci: PciAddress, source: io::Error },
}

/// Opens the card at `pci`; it can do nothing yet. The second value tells when the
/// card is in trouble.
///
/// # Errors
/// [`OpenError`].
pub fn open_pci(pci: PciAddress) -> Result<(Card, Alarm), OpenError> {
    open_at(Path::new("/"), pci)
}

/// As [`open_pci`], on a machine whose file system is at `root`.
fn open_at(root: &Path, pci: PciAddress) -> Result<(Card, Alarm), OpenError> {
    let (id, group) = inspect(root, pci)?;
    let folder = root.join("dev/vfio");
    let (container, file) = (folder.join("vfio"), folder.join(group.to_string()));
    let name = CString::new(pci.to_string()).unwrap_or_default();
    let opened = Vfio::open(&container, &file, &name);
    let (vfio, bar, alarm) = opened.map_err(|failure| match failure {
        Failure::Container(source) => cannot_open(pci, container, source),
        Failure::Group(source) => cannot_open(pci, file, source),
        Failure::NotViable => OpenError::GroupNotViable { pci, group },
        Failure::Iommu(source) => OpenError::Iommu { pci, source },
        Failure::Device(source) => OpenError::Device { pci, source },
    })?;
    let vfio = Arc::new(vfio);
    let card = Card { id, bar: Arc::new(bar), iommu: vfio.clone(), function: vfio };
    Ok((card, alarm))
}

/// What sysfs says: which card it is, and its IOMMU group.
fn inspect(root: &Path, pci: PciAddress) -> Result<(DeviceId, u32), OpenError> {
    let folder = root.join("sys/bus/pci/devices").join(pci.to_string());
    if !folder.exists() {
        return Err(OpenError::Absent { pci });
    }
    let number = |name| read_hex(&folder.join(name));
    let sysfs = |source| OpenError::Sysfs { pci, source };
    let id = DeviceId {
        vendor: number("vendor").map_err(sysfs)?,
        device: number("device").map_err(sysfs)?,
    };
    if capabilities(id).is_none() {
        return Err(OpenError::Unsupported { pci, id });
    }
    let group = group(&folder.join("iommu_group")).ok_or(OpenError::NoIommu { pci })?;
    match link_name(&folder.join("driver")) {
        Some(driver) if driver == VFIO => Ok((id, group)),
        Some(driver) => Err(OpenError::Bound { pci, driver }),
        None => Err(OpenError::Unbound { pci }),
    }
}

fn cannot_open(pci: PciAddress, path: PathBuf, source: io::Error) -> OpenError {
    match source.kind() {
        ErrorKind::NotFound => OpenError::NoFile { path, source },
        ErrorKind::PermissionDenied => OpenError::Permission { path, source },
        ErrorKind::ResourceBusy => OpenError::Busy { pci, source },
        _ => OpenError::File { path, source },
    }
}

/// A number as sysfs writes it: `0x8086`.
fn read_hex(path: &Path) -> io::Result<u16> {
    let text = fs::read_to_string(path)?;
    let digits = text.trim().trim_start_matches("0x");
    u16::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData.into())
}

/// The number of an IOMMU group. The kernel can make up a group for a device that
/// nothing confines, under a name that says so; that is none.
fn group(link: &Path) -> Option<u32> {
    let name = fs::read_to_string(link.join("name")).unwrap_or_default();
    if name.trim() == "vfio-noiommu" {
        return None;
    }
    link_name(link)?.parse().ok()
}

/// The last part of where the link at `path` leads.
fn link_name(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn address() -> PciAddress {
        "0000:03:00.0".parse().unwrap()
    }

    /// A machine with one 82576 that vfio-pci has, in group 7.
    fn machine() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let card = card(root);
        fs::create_dir_all(&card).unwrap();
        fs::create_dir_all(root.join("dev/vfio")).unwrap();
        fs::create_dir_all(root.join("groups/7")).unwrap();
        fs::write(card.join("vendor"), "0x8086\n").unwrap();
        fs::write(card.join("device"), "0x10c9\n").unwrap();
        symlink("../groups/vfio-pci", card.join("driver")).unwrap();
        symlink(root.join("groups/7"), card.join("iommu_group")).unwrap();
        folder
    }

    fn card(root: &Path) -> PathBuf {
        root.join("sys/bus/pci/devices/0000:03:00.0")
    }

    fn refusal(root: &Path) -> String {
        open_at(root, address()).err().unwrap().to_string()
    }

    #[test]
    fn an_absent_address_and_another_card_are_refused_first() {
        let folder = machine();
        let root = folder.path();
        fs::remove_file(card(root).join("iommu_group")).unwrap();
        fs::write(card(root).join("device"), "0x1572\n").unwrap();
        assert!(refusal(root).contains("is 8086:1572, not a supported"));
        fs::remove_dir_all(card(root)).unwrap();
        assert!(refusal(root).starts_with("there is no PCI device 0000:03:00.0"));
    }

    #[test]
    fn a_card_without_an_iommu_is_refused_whatever_vfio_offers() {
        let folder = machine();
        let root = folder.path();
        fs::write(root.join("groups/7/name"), "vfio-noiommu\n").unwrap();
        assert!(refusal(root).contains("intel_iommu=on"));
        fs::remove_file(card(root).join("iommu_group")).unwrap();
        assert!(refusal(root).contains("intel_iommu=on"));
    }

    #[test]
    fn a_card_that_the_kernel_has_is_refused_with_the_command_to_run() {
        let folder = machine();
        let root = folder.path();
        let driver = card(root).join("driver");
        fs::remove_file(&driver).unwrap();
        assert!(refusal(root).contains("`lockgate nic bind 0000:03:00.0`"));
        symlink("../../drivers/igb", driver).unwrap();
        assert!(refusal(root).contains("kernel driver igb"));
    }

    #[test]
    fn a_missing_group_file_names_the_module_to_load() {
        let folder = machine();
        let root = folder.path();
        let message = refusal(root);
        assert!(message.contains("dev/vfio/7 is missing") && message.contains("modprobe"));
        fs::write(root.join("dev/vfio/7"), "").unwrap();
        assert!(refusal(root).contains("dev/vfio/vfio is missing"));
    }

    #[test]
    fn a_group_that_another_process_holds_is_told_apart_from_a_forbidden_one() {
        let open = |kind: ErrorKind| cannot_open(address(), "/dev/vfio/7".into(), kind.into());
        let busy = open(ErrorKind::ResourceBusy).to_string();
        assert!(busy.contains("in use by another process"));
        let forbidden = open(ErrorKind::PermissionDenied).to_string();
        assert!(forbidden.contains("no permission to open /dev/vfio/7"));
    }
}
