//! The QEMU that knows vfio-user, which this machine's Debian is too old for.
//!
//! It is Debian's own, of a newer release, in a folder under the target folder: a small
//! system that is unpacked and never booted. It comes from the mirror that the machine
//! already uses. Its program runs beside the machine's by its own loader and libraries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lockgate_tests::machine;

use crate::apt;
use crate::command::run;
use crate::error::Error;

/// The release, and where its newest QEMU is.
const RELEASE: &str = "trixie";
const SUITE: &str = "trixie-backports";

/// What starts it: a loader of another release takes only libraries of its own.
const START: &str = r#"#!/bin/sh
root=$(dirname "$0")
libraries=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR="$libraries/qemu"
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
    "$root/usr/bin/qemu-system-x86_64" \
    -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
"#;

/// Whether it is there.
pub(crate) fn is_ready() -> bool {
    machine::served_emulator().is_file()
}

/// Makes sure that it is there.
pub(crate) fn ensure() -> Result<(), Error> {
    let start = machine::served_emulator();
    if is_ready() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::Unprivileged {
            missing: "a QEMU with vfio-user",
        });
    }
    let mirror = apt::mirror()?;
    if machine::find_program("debootstrap").is_none() {
        apt::install(&["debootstrap"])?;
    }
    let ready = start.parent().unwrap_or(&start);
    let scratch = ready.with_extension("unpack");
    for folder in [&scratch, ready] {
        remove(folder)?;
    }
    let parent = ready.parent().unwrap_or(ready);
    fs::create_dir_all(parent).map_err(at(parent))?;
    eprintln!("xtask: unpacking QEMU of {SUITE}, which takes a minute");
    fill(&scratch, &mirror)?;
    fs::rename(&scratch, ready).map_err(at(ready))
}

/// Unpacks the release and installs QEMU in it.
fn fill(folder: &Path, mirror: &str) -> Result<(), Error> {
    let mut unpack = Command::new("debootstrap");
    run(unpack
        .args(["--variant=minbase", RELEASE])
        .arg(folder)
        .arg(mirror))?;
    let list = folder.join("etc/apt/sources.list.d/backports.list");
    fs::write(&list, format!("deb {mirror} {SUITE} main\n")).map_err(at(&list))?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("chroot");
        apt.arg(folder).args(["apt-get", "-q"]).args(arguments);
        run(apt.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    apt(&[
        "install",
        "-y",
        "--no-install-recommends",
        "-t",
        SUITE,
        "qemu-system-x86",
    ])?;
    apt(&["clean"])?;
    let name = machine::served_emulator();
    let start = folder.join(name.file_name().unwrap_or_default());
    fs::write(&start, START).map_err(at(&start))?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).map_err(at(&start))
}

/// Removes a folder, but nothing that an unpacking that failed left mounted in it.
fn remove(folder: &Path) -> Result<(), Error> {
    run(Command::new("rm")
        .args(["-rf", "--one-file-system", "--"])
        .arg(folder))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}
