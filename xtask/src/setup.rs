//! What tests and benches need from the machine: found, or installed.
//!
//! Looking costs a fraction of a second and changes nothing; only what is
//! missing is installed, as root, by apt. The guest's kernel is unpacked under
//! the target folder and never installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lockgate_tests::guest::Kernel;
use lockgate_tests::machine;

use crate::apt::{self, Enabled};
use crate::command::run;
use crate::emulator;
use crate::error::Error;
use crate::modules;

/// A program that tests or benches start, and the Debian package that has it.
struct Tool {
    name: &'static str,
    package: &'static str,
    present: fn(&str) -> bool,
}

const TOOLS: [Tool; 14] = [
    tool("qemu-system-x86_64", "qemu-system-x86", has_igb),
    tool("tshark", "tshark", installed),
    tool("busybox", "busybox-static", is_static),
    tool("xz", "xz-utils", installed),
    tool("ip", "iproute2", installed),
    tool("setpriv", "util-linux", installed),
    tool("ethtool", "ethtool", installed),
    tool("python3", "python3", installed),
    tool("cc", "gcc", installed),
    tool("pkg-config", "pkg-config", installed),
    tool("strace", "strace", installed),
    tool("valgrind", "valgrind", installed),
    tool("dpdk-testpmd", "dpdk-dev", installed),
    // It brings the drivers of all cards along.
    tool("libdpdk", "libdpdk-dev", is_library),
];

const fn tool(name: &'static str, package: &'static str, present: fn(&str) -> bool) -> Tool {
    Tool {
        name,
        package,
        present,
    }
}

/// Makes sure that programs and guest kernel are there, and says first what is not.
pub(crate) fn setup() -> Result<Kernel, Error> {
    apt::remove_extra();
    announce();
    tools()?;
    emulator::ensure()?;
    match Kernel::find() {
        Some(kernel) => Ok(kernel),
        None => fetch_kernel(),
    }
}

/// Says what will be installed and fetched, before anything is.
fn announce() {
    let missing = missing();
    let mut lines = Vec::new();
    if !missing.is_empty() {
        lines.push(format!(
            "by apt, as root: {} (for {})",
            packages(&missing).join(", "),
            names(&missing)
        ));
    }
    if !emulator::is_ready() {
        lines.push("under the target folder: a newer Debian's QEMU, about 500 MB".to_owned());
    }
    if Kernel::find().is_none() {
        lines.push("under the target folder: a kernel for guests, about 70 MB".to_owned());
    }
    if lines.is_empty() {
        eprintln!("xtask: everything that the tests need is installed");
        return;
    }
    eprintln!("xtask: the tests need what is not here; this will be installed:");
    for line in lines {
        eprintln!("  {line}");
    }
}

/// Installs the programs that are missing.
pub(crate) fn tools() -> Result<(), Error> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = packages(&missing);
    if !rustix::process::geteuid().is_root() {
        return Err(Error::Install {
            missing: names(&missing),
            commands: apt::commands(&packages)?,
        });
    }
    Enabled::backports()?.install(&packages)?;
    let missing = self::missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::StillMissing {
        missing: names(&missing),
        remedy: "QEMU must be 8.0 or newer, busybox the static one",
    })
}

/// Makes sure that the fuzzer can be built, which is C++.
pub(crate) fn compiler_of_fuzzer() -> Result<(), Error> {
    const PACKAGES: [&str; 1] = ["g++"];
    if installed("c++") {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::Install {
            missing: "c++".into(),
            commands: apt::commands(&PACKAGES)?,
        });
    }
    eprintln!("xtask: the fuzzer needs a C++ compiler; installing g++ by apt");
    apt::install(&PACKAGES)
}

fn packages(tools: &[&Tool]) -> Vec<&'static str> {
    tools.iter().map(|tool| tool.package).collect()
}

fn missing() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|t| !(t.present)(t.name)).collect()
}

fn names(tools: &[&Tool]) -> String {
    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
    names.join(", ")
}

fn installed(name: &str) -> bool {
    machine::find_program(name).is_some()
}

/// QEMU models the 82576 since version 8.0; Debian 12 itself has 7.2.
fn has_igb(name: &str) -> bool {
    let devices = Command::new(name).args(["-device", "help"]).output();
    devices.is_ok_and(|devices| String::from_utf8_lossy(&devices.stdout).contains("name \"igb\""))
}

fn is_static(name: &str) -> bool {
    machine::find_program(name).is_some_and(|path| machine::is_static(&path))
}

/// Whether the benches can be built with DPDK as a peer.
pub(crate) fn has_dpdk() -> bool {
    installed("cc") && is_library("libdpdk")
}

/// Whether C programs can be built on the library.
fn is_library(name: &str) -> bool {
    let found = Command::new("pkg-config").args(["--exists", name]).status();
    found.is_ok_and(|status| status.success())
}

/// Downloads the kernel with all its modules, unpacks it and keeps what guests load.
fn fetch_kernel() -> Result<Kernel, Error> {
    // Guests run the newest kernel that the machine can have.
    let _backports = Enabled::backports()?;
    let package = apt::newest_dependency("linux-image-amd64")?;
    let cache = Kernel::cache();
    eprintln!("xtask: fetching {package}");
    let scratch = cache.join("unpack");
    let file = |path: &PathBuf| {
        let path = path.clone();
        move |source| Error::File { path, source }
    };
    for folder in [&scratch, &cache.join("ready")] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(file(folder))?;
        }
    }
    fs::create_dir_all(&scratch).map_err(file(&scratch))?;
    let archive = apt::download(&package, &scratch)?;
    run(Command::new("dpkg-deb")
        .arg("-x")
        .arg(&archive)
        .arg(&scratch))?;
    let version = package.trim_start_matches("linux-image-");
    let ready = cache.join("ready");
    fs::create_dir_all(&ready).map_err(file(&ready))?;
    let image = scratch.join(format!("boot/vmlinuz-{version}"));
    fs::copy(&image, ready.join("vmlinuz")).map_err(file(&image))?;
    modules::unpack(&scratch, &ready)?;
    let folder = cache.join(version);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(file(&folder))?;
    }
    fs::rename(&ready, &folder).map_err(file(&folder))?;
    fs::remove_dir_all(&scratch).map_err(file(&scratch))?;
    Kernel::find().ok_or(Error::NoPackage { name: package })
}
