//! The machine the tests run on: its programs, its cores, where the build puts things.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root folder of the workspace.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// The QEMU that is a vfio-user client, where `cargo xtask setup` puts it.
pub fn served_emulator() -> PathBuf {
    target().join("qemu/root/start")
}

/// Builds the program with optimisation and returns where it is: what a newcomer
/// runs, and fast enough for an emulated processor.
///
/// # Errors
/// When cargo cannot be started or the build fails.
pub fn build_lockgate() -> io::Result<PathBuf> {
    build("lockgate")
}

/// Builds `lockgate-nicmodel` likewise.
///
/// # Errors
/// As [`build_lockgate`].
pub fn build_nicmodel() -> io::Result<PathBuf> {
    build("lockgate-nicmodel")
}

/// Builds the program of the package that has its name.
fn build(name: &str) -> io::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--package", name]);
    let status = build.current_dir(workspace()).status()?;
    if status.success() {
        Ok(target().join("release").join(name))
    } else {
        Err(io::Error::other(format!("the build failed ({status})")))
    }
}

/// The program `name` of `PATH`, or of the folders that only root's `PATH` has.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether a program runs without shared libraries, and so in a guest that has none.
pub fn is_static(program: &Path) -> bool {
    libraries(program).is_ok_and(|libraries| libraries.is_empty())
}

/// The shared libraries that `program` loads, the loader itself among them.
///
/// # Errors
/// The operating system's, when `ldd` cannot be started.
pub fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8_lossy(&listing.stdout).into_owned();
    Ok(text.lines().filter_map(library).collect())
}

/// `name => /path (address)`, or `/path (address)` for the loader.
fn library(line: &str) -> Option<PathBuf> {
    let (path, _address) = line.trim().rsplit_once(" (")?;
    let path = path.rsplit(" => ").next()?;
    path.starts_with('/').then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_of_ldd_names_the_loader_too() {
        let lines = [
            "\tlinux-vdso.so.1 (0x00007ffc)",
            "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)",
            "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)",
            "\tnot a dynamic executable",
        ];
        let found: Vec<_> = lines.iter().filter_map(|line| library(line)).collect();
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert_eq!(find_program("no-such-program-here"), None);
    }
}
