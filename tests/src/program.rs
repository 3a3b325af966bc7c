//! The program under test, built as the tests were.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A command that runs `lockgate`, without arguments yet.
///
/// # Panics
/// When the program does not build.
pub fn lockgate() -> Command {
    Command::new(binary())
}

/// Where the program lies; it is built first, once in each test process.
///
/// # Panics
/// When the program does not build.
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/PROFILE/deps/TEST-HASH: the program lies two folders up.
        let test = std::env::current_exe().expect("a running test has a path");
        let folder =
            test.parent().and_then(|deps| deps.parent()).expect("tests lie in target/PROFILE/deps");
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let target = folder.parent().expect("profiles lie in target");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--package", "lockgate", "--profile", profile])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the program under test does not build");
        folder.join("lockgate")
    })
}
