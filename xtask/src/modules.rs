//! Kernel modules out of an unpacked package, with what they need, in loading order.
//!
//! A module says itself what it needs (`depends=` in its `.modinfo` section). One that
//! the package does not have is built into the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_tests::guest::Kernel;

use crate::command::output;
use crate::error::Error;

/// Copies what guests load from the package under `from` into `into`.
pub(crate) fn unpack(from: &Path, into: &Path) -> Result<(), Error> {
    let package = Package::new(from)?;
    let mut lists = vec![("loaded", Kernel::LOADED.to_vec())];
    lists.extend(Kernel::DRIVERS.map(|driver| (driver, vec![driver])));
    for (list, roots) in lists {
        let mut order = Vec::new();
        for root in roots {
            package.visit(root, into, &mut order)?;
        }
        let path = Kernel::order_file(into, list);
        fs::write(&path, order.join("\n") + "\n").map_err(|source| Error::File { path, source })?;
    }
    Ok(())
}

/// The modules of a package: their files by name, `-` and `_` being one.
struct Package(BTreeMap<String, PathBuf>);

impl Package {
    fn new(root: &Path) -> Result<Self, Error> {
        let found = output(Command::new("find").arg(root).args(["-name", "*.ko*"]))?;
        let module = |line: &str| {
            let path = PathBuf::from(line);
            let name = path
                .file_name()?
                .to_str()?
                .split(".ko")
                .next()?
                .replace('-', "_");
            Some((name, path))
        };
        Ok(Self(found.lines().filter_map(module).collect()))
    }

    /// Puts `name` into `order`, after what it needs, and its file into `into`.
    fn visit(&self, name: &str, into: &Path, order: &mut Vec<String>) -> Result<(), Error> {
        let name = name.replace('-', "_");
        let Some(path) = self.0.get(&name).filter(|_| !order.contains(&name)) else {
            return Ok(());
        };
        let bytes = decompressed(path)?;
        for needed in depends(&bytes) {
            self.visit(&needed, into, order)?;
        }
        let target = into.join(format!("{name}.ko"));
        fs::write(&target, &bytes).map_err(|source| Error::File {
            path: target,
            source,
        })?;
        order.push(name);
        Ok(())
    }
}

fn decompressed(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = if path.extension().is_some_and(|ending| ending == "xz") {
        Command::new("xz")
            .arg("-dc")
            .arg(path)
            .output()
            .map(|unpacked| unpacked.stdout)
    } else {
        fs::read(path)
    };
    bytes.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// What a module says that it needs.
fn depends(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let at = module
        .windows(FIELD.len())
        .position(|window| window == FIELD);
    let list = at.map_or(&[][..], |at| &module[at + FIELD.len()..]);
    let end = list.iter().position(|&byte| byte == 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&list[..end]).into_owned();
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_names_what_it_needs() {
        assert_eq!(
            depends(b"x\0depends=ptp,i2c-algo-bit,dca\0y"),
            ["ptp", "i2c-algo-bit", "dca"]
        );
        assert!(depends(b"x\0depends=\0y").is_empty());
        assert!(depends(b"\x7fELF").is_empty());
    }
}
