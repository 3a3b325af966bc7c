//! The guest's kernel, as `cargo xtask setup` unpacked it: an image and modules.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::machine;

/// A kernel under the target folder.
#[derive(Debug, Clone)]
pub struct Kernel {
    folder: PathBuf,
}

impl Kernel {
    /// The modules that a guest loads to talk to this machine and to hand its card to a
    /// process, each with what it needs; what the kernel has built in is not there.
    pub const LOADED: [&'static str; 4] = [
        "virtio_pci",
        "virtio_console",
        "vfio_iommu_type1",
        "vfio-pci",
    ];

    /// The kernel's own drivers for the cards, and what else a guest loads when it is told
    /// to: VLAN interfaces.
    pub const DRIVERS: [&'static str; 4] = ["igb", "e1000e", "ixgbe", "8021q"];

    /// The folder of all kernels, one folder for each version.
    pub fn cache() -> PathBuf {
        machine::target().join("vm")
    }

    /// The newest kernel that is unpacked, if any is.
    pub fn find() -> Option<Self> {
        let entries = fs::read_dir(Self::cache()).ok()?;
        let folders = entries.flatten().map(|entry| entry.path());
        let kernels = folders.map(|folder| Self { folder });
        kernels
            .filter(Self::is_complete)
            .max_by_key(|kernel| numbers(&kernel.folder))
    }

    /// A folder is given its version's name only once it is whole.
    fn is_complete(&self) -> bool {
        let named = self.folder.file_name().and_then(|name| name.to_str());
        named.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            && self.image().is_file()
            && Self::DRIVERS
                .iter()
                .all(|name| self.order(name).is_ok_and(|o| !o.is_empty()))
            && self
                .order("loaded")
                .is_ok_and(|order| order.iter().all(|m| self.module(m).is_file()))
    }

    /// The image that QEMU boots.
    pub fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The file of a module.
    pub fn module(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.ko"))
    }

    /// The modules to load, in this order: for one of [`Kernel::DRIVERS`], or, as
    /// `"loaded"`, all of [`Kernel::LOADED`].
    ///
    /// # Errors
    /// The operating system's.
    pub fn order(&self, name: &str) -> io::Result<Vec<String>> {
        let text = fs::read_to_string(Self::order_file(&self.folder, name))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Where [`Kernel::order`] is kept under `folder`.
    pub fn order_file(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.order"))
    }
}

/// The numbers of a version, in order.
fn numbers(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}
