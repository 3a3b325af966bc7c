//! The guest's kernel, as `cargo xtask setup` unpacked it: an image and modules.

use std::fs;
use std::path::{Path, PathBuf};

use crate::machine;

/// A kernel under the target folder.
#[derive(Debug, Clone)]
pub struct Kernel {
    folder: PathBuf,
}

impl Kernel {
    /// The modules a guest loads to hand its card to a process, in this order.
    pub const MODULES: [&'static str; 5] =
        ["irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"];

    /// The folder of all kernels, one folder for each version.
    pub fn cache() -> PathBuf {
        machine::target().join("vm")
    }

    /// The newest kernel that is unpacked, if any is.
    pub fn find() -> Option<Self> {
        let entries = fs::read_dir(Self::cache()).ok()?;
        let folders = entries.flatten().map(|entry| entry.path());
        let kernels = folders.map(|folder| Self { folder });
        kernels.filter(Self::is_complete).max_by_key(|kernel| numbers(&kernel.folder))
    }

    /// A folder is given its version's name only once it is whole.
    fn is_complete(&self) -> bool {
        let named = self.folder.file_name().and_then(|name| name.to_str());
        named.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            && self.image().is_file()
            && Self::MODULES.iter().all(|name| self.module(name).is_file())
    }

    /// The image that QEMU boots.
    pub fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The file of one of [`Kernel::MODULES`].
    pub fn module(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.ko"))
    }
}

/// The numbers of a version, in order.
fn numbers(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}
