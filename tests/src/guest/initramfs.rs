//! The guest's files: a cpio archive that the kernel unpacks into memory.
//!
//! Format: "new ASCII" cpio (`Documentation/driver-api/early-userspace/
//! buffer-format.rst` of Linux): a header of hexadecimal fields, a name, the bytes,
//! each padded to four.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Kernel;
use super::error::{Error, at};
use crate::machine;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// What the last entry is called.
const TRAILER: &str = "TRAILER!!!";

/// An archive in the making.
pub(super) struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// What every guest has: a shell, the modules that give a card to a process, and init.
    pub(super) fn new(kernel: &Kernel) -> Result<Self, Error> {
        let mut archive = Self {
            bytes: Vec::new(),
            entries: 0,
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
        };
        for folder in ["/proc", "/sys", "/dev", "/tmp", "/out"] {
            archive.folder(Path::new(folder));
        }
        let busybox = machine::find_program("busybox");
        let busybox = busybox.filter(|path| machine::is_static(path));
        let busybox = busybox.ok_or(Error::Missing { program: "busybox" })?;
        archive.copy(&busybox, Path::new("/bin/busybox"))?;
        for name in Kernel::DRIVERS.into_iter().chain(["loaded"]) {
            let order = kernel.order(name).map_err(at(name))?;
            for module in &order {
                let target = format!("/modules/{module}.ko");
                archive.copy(&kernel.module(module), Path::new(&target))?;
            }
            let target = format!("/modules/{name}.order");
            archive.add(Path::new(&target), (order.join("\n") + "\n").as_bytes());
        }
        archive.add(Path::new("/init"), include_bytes!("init.sh"));
        Ok(archive)
    }

    /// Adds a program of this machine and the libraries it loads, those where they are here.
    pub(super) fn program(&mut self, program: &Path, target: &Path) -> Result<(), Error> {
        for library in machine::libraries(program).map_err(at("ldd"))? {
            self.copy(&library, &library)?;
        }
        self.copy(program, target)
    }

    /// Adds a file of this machine.
    pub(super) fn copy(&mut self, file: &Path, target: &Path) -> Result<(), Error> {
        let bytes = fs::read(file).map_err(at(file))?;
        self.add(target, &bytes);
        Ok(())
    }

    /// Adds a file, once; the folders above it come first.
    fn add(&mut self, target: &Path, bytes: &[u8]) {
        if self.files.insert(target.to_owned()) {
            if let Some(folder) = target.parent() {
                self.folder(folder);
            }
            self.entry(target, PROGRAM, bytes);
        }
    }

    fn folder(&mut self, folder: &Path) {
        let mut above: Vec<&Path> = folder.ancestors().collect();
        above.reverse();
        // The root itself is there.
        for folder in above.into_iter().skip(1) {
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, &[]);
            }
        }
    }

    fn entry(&mut self, target: &Path, mode: u32, bytes: &[u8]) {
        self.entries += 1;
        let name = target.to_string_lossy();
        let name = name.trim_start_matches('/');
        let links = 1;
        let fields = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            // The format has no room for longer files, nor has a guest.
            u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            0,
            0,
            0,
            0,
            u32::try_from(name.len() + 1).unwrap_or(u32::MAX),
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(Path::new(TRAILER), 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_once_and_before_what_is_in_them() {
        let mut archive = Initramfs {
            bytes: Vec::new(),
            entries: 0,
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
        };
        archive.add(Path::new("/a/b/one"), b"1");
        archive.add(Path::new("/a/b/two"), b"22");
        archive.add(Path::new("/a/b/two"), b"again");
        let text = String::from_utf8_lossy(&archive.finish()).into_owned();
        let names: Vec<&str> = text
            .split("070701")
            .skip(1)
            .map(|entry| entry[104..].split('\0').next().unwrap())
            .collect();
        assert_eq!(names, ["a", "a/b", "a/b/one", "a/b/two", TRAILER]);
    }

    #[test]
    fn every_part_begins_at_a_multiple_of_four() {
        let mut archive = Initramfs {
            bytes: Vec::new(),
            entries: 0,
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
        };
        archive.add(Path::new("/file"), b"12345");
        assert_eq!(archive.bytes.len(), 110 + 6 + 8);
        assert_eq!(&archive.bytes[116..121], b"12345");
    }
}
