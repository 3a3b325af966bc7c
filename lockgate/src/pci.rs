//! The machine's PCI functions, as sysfs shows them, and who drives each.
//!
//! Reads and writes `/sys/bus/pci`; nothing here touches a card's registers. A
//! function changes its driver through `driver_override`, so that no other card of
//! the same kind is drawn in.
//!
//! Source: Linux `Documentation/ABI/testing/sysfs-bus-pci`. Not here: VFIO itself
//! (`lockgate-drivers`), and what is worth telling a person ([`crate::commands`]).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lockgate_drivers::device::DeviceId;
use lockgate_vmdq::PciAddress;

/// The driver that hands a function to user space.
pub const VFIO: &str = "vfio-pci";

/// PCI class 02, subclass 00.
const ETHERNET: u32 = 0x0200;

/// The PCI bus of a machine.
#[derive(Debug, Clone)]
pub struct Bus {
    root: PathBuf,
}

/// One PCI function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PciFunction {
    /// Where it is.
    pub address: PciAddress,
    /// Which card it is.
    pub id: DeviceId,
    /// Whether it is an Ethernet controller.
    pub ethernet: bool,
    /// The kernel driver that has it.
    pub driver: Option<String>,
    /// Its network interfaces, while a kernel driver has it.
    pub interfaces: Vec<String>,
    /// The IOMMU group that confines its DMA.
    pub group: Option<u32>,
}

impl Bus {
    /// The bus of this machine.
    pub fn system() -> Self {
        Self::at(Path::new("/sys/bus/pci"))
    }

    /// A bus in the shape of sysfs under `root`.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Every function, by address; empty where there is no PCI.
    ///
    /// # Errors
    /// The operating system's, from reading sysfs.
    pub fn functions(&self) -> io::Result<Vec<PciFunction>> {
        let entries = match fs::read_dir(self.root.join("devices")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut functions = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if let Some(address) = name.to_str().and_then(|name| name.parse().ok()) {
                functions.extend(self.function(address)?);
            }
        }
        functions.sort_by_key(|function| function.address);
        Ok(functions)
    }

    /// The function at `address`, if there is one.
    ///
    /// # Errors
    /// The operating system's, from reading sysfs.
    pub fn function(&self, address: PciAddress) -> io::Result<Option<PciFunction>> {
        let folder = self.folder(address);
        if !folder.exists() {
            return Ok(None);
        }
        let id = DeviceId {
            vendor: read_number(&folder.join("vendor"))? as u16,
            device: read_number(&folder.join("device"))? as u16,
        };
        Ok(Some(PciFunction {
            address,
            id,
            ethernet: read_number(&folder.join("class"))? >> 8 == ETHERNET,
            driver: link_name(&folder.join("driver")),
            interfaces: names(&folder.join("net")),
            group: group(&folder.join("iommu_group")),
        }))
    }

    /// The functions that share the IOMMU group of `function`, itself left out.
    ///
    /// # Errors
    /// The operating system's, from reading sysfs.
    pub fn companions(&self, function: &PciFunction) -> io::Result<Vec<PciFunction>> {
        let mut companions = self.functions()?;
        companions.retain(|other| {
            function.group.is_some()
                && other.group == function.group
                && other.address != function.address
        });
        Ok(companions)
    }

    /// Whether `interface` of `function` is up (IFF_UP).
    pub fn is_up(&self, function: &PciFunction, interface: &str) -> bool {
        let flags = self
            .folder(function.address)
            .join("net")
            .join(interface)
            .join("flags");
        read_number(&flags).is_ok_and(|flags| flags & 1 == 1)
    }

    /// Whether the kernel has `driver`.
    pub fn has_driver(&self, driver: &str) -> bool {
        self.root.join("drivers").join(driver).exists()
    }

    /// Takes the function from its driver and lets the kernel find the next one,
    /// `driver` alone if one is named. Returns who has it then.
    ///
    /// # Errors
    /// The operating system's, naming the file; the function may be left without
    /// a driver.
    pub fn rebind(
        &self,
        address: PciAddress,
        driver: Option<&str>,
    ) -> Result<Option<String>, (PathBuf, io::Error)> {
        let folder = self.folder(address);
        let write = |path: PathBuf, text: &str| fs::write(&path, text).map_err(|e| (path, e));
        // A lone line end takes the override back.
        write(folder.join("driver_override"), driver.unwrap_or("\n"))?;
        if link_name(&folder.join("driver")).is_some() {
            write(folder.join("driver/unbind"), &address.to_string())?;
        }
        write(self.root.join("drivers_probe"), &address.to_string())?;
        Ok(link_name(&folder.join("driver")))
    }

    fn folder(&self, address: PciAddress) -> PathBuf {
        self.root.join("devices").join(address.to_string())
    }
}

/// A number as sysfs writes it: `0x8086`.
fn read_number(path: &Path) -> io::Result<u32> {
    let text = fs::read_to_string(path)?;
    let digits = text.trim().trim_start_matches("0x");
    u32::from_str_radix(digits, 16).map_err(|_| {
        let shown = path.display();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{shown} holds no number"),
        )
    })
}

/// The last part of what the link at `path` points at.
fn link_name(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// The group's number; the kernel's stand-in for a missing IOMMU is none.
fn group(link: &Path) -> Option<u32> {
    let name = fs::read_to_string(link.join("name")).unwrap_or_default();
    if name.trim() == "vfio-noiommu" {
        return None;
    }
    link_name(link)?.parse().ok()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A bus in a temporary folder with a card that igb has as eth0 in group 7.
    pub(crate) fn bus() -> (tempfile::TempDir, Bus) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let card = root.join("devices/0000:03:00.0");
        fs::create_dir_all(card.join("net/eth0")).unwrap();
        fs::create_dir_all(root.join("drivers/igb")).unwrap();
        fs::create_dir_all(root.join("groups/7")).unwrap();
        fs::write(card.join("vendor"), "0x8086\n").unwrap();
        fs::write(card.join("device"), "0x10c9\n").unwrap();
        fs::write(card.join("class"), "0x020000\n").unwrap();
        fs::write(card.join("net/eth0/flags"), "0x1002\n").unwrap();
        symlink(root.join("drivers/igb"), card.join("driver")).unwrap();
        symlink(root.join("groups/7"), card.join("iommu_group")).unwrap();
        let bus = Bus::at(root);
        (folder, bus)
    }

    pub(crate) fn address() -> PciAddress {
        "0000:03:00.0".parse().unwrap()
    }

    #[test]
    fn a_function_is_what_sysfs_says_of_it() {
        let (_folder, bus) = bus();
        let [function] = bus.functions().unwrap().try_into().unwrap();
        assert_eq!(function.id.to_string(), "8086:10c9");
        assert!(function.ethernet);
        assert_eq!(function.driver.as_deref(), Some("igb"));
        assert_eq!(function.interfaces, ["eth0"]);
        assert_eq!(function.group, Some(7));
        assert!(!bus.is_up(&function, "eth0"));
    }

    #[test]
    fn the_stand_in_for_a_missing_iommu_is_no_group() {
        let (folder, bus) = bus();
        fs::write(folder.path().join("groups/7/name"), "vfio-noiommu\n").unwrap();
        assert_eq!(bus.function(address()).unwrap().unwrap().group, None);
    }

    #[test]
    fn an_absent_function_and_an_absent_bus_are_no_errors() {
        let (folder, bus) = bus();
        let elsewhere = "0000:04:00.0".parse().unwrap();
        assert_eq!(bus.function(elsewhere).unwrap(), None);
        let none = Bus::at(&folder.path().join("none"));
        assert_eq!(none.functions().unwrap(), []);
    }

    #[test]
    fn a_function_changes_drivers_by_override_unbind_and_probe() {
        let (folder, bus) = bus();
        let root = folder.path();
        bus.rebind(address(), Some(VFIO)).unwrap();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(read("devices/0000:03:00.0/driver_override"), VFIO);
        assert_eq!(read("drivers/igb/unbind"), "0000:03:00.0");
        assert_eq!(read("drivers_probe"), "0000:03:00.0");

        bus.rebind(address(), None).unwrap();
        assert_eq!(read("devices/0000:03:00.0/driver_override"), "\n");
    }
}
