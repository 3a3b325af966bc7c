//! The tiers of tests: which of them need nothing but the clone and a toolchain.
//!
//! The one rule: a test is quick unless it is named here, so that a new one is never
//! forgotten. `docs/testing.md` says what each tier needs.

use std::fs;
use std::path::Path;

use lockgate_tests::machine;

use crate::error::Error;

/// The test binaries that start QEMU, guests or tshark.
pub(crate) const WHOLE_MACHINE: [&str; 12] = [
    "bare",
    "conformance",
    "differential",
    "guest",
    "guest_suite",
    "harness",
    "judges",
    "refusals",
    "run_on_qemu",
    "served",
    "tshark",
    "vm",
];

/// The test binaries that need a program of the machine, and no guest.
const PROGRAMS: [&str; 1] = ["silence"];

/// What `cargo test` takes for the quick tier: unit tests, and all integration tests that
/// are not named above.
pub(crate) fn quick() -> Result<Vec<String>, Error> {
    let mut arguments: Vec<String> = ["--workspace", "--lib", "--bins"].map(str::to_owned).into();
    for name in integration_tests(&machine::workspace())? {
        if !WHOLE_MACHINE.contains(&name.as_str()) && !PROGRAMS.contains(&name.as_str()) {
            arguments.extend(["--test".to_owned(), name]);
        }
    }
    Ok(arguments)
}

/// The integration tests of all packages, by name: files and folders in `PACKAGE/tests`.
fn integration_tests(root: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for package in entries(root)? {
        for name in entries(&root.join(&package).join("tests"))? {
            let path = root.join(&package).join("tests").join(&name);
            if path.join("main.rs").is_file() {
                names.push(name);
            } else if let Some(stem) = name.strip_suffix(".rs") {
                names.push(stem.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The names in a folder, none where there is no folder.
fn entries(folder: &Path) -> Result<Vec<String>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listing = fs::read_dir(folder).map_err(|source| Error::File {
        path: folder.into(),
        source,
    })?;
    let names = listing.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_that_is_left_out_exists() {
        let all = integration_tests(&machine::workspace()).unwrap();
        for name in WHOLE_MACHINE.iter().chain(&PROGRAMS) {
            assert!(all.iter().any(|other| other == name), "{name}");
        }
    }

    #[test]
    fn the_quick_tier_has_the_tests_on_models_and_those_of_other_packages() {
        let quick = quick().unwrap();
        for name in ["captures", "igb_on_model", "hostile", "verdicts"] {
            assert!(quick.iter().any(|other| other == name), "{name}");
        }
        assert!(!quick.iter().any(|other| other == "judges"));
    }
}
