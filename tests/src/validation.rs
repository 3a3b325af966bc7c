//! What was seen to work, feature by feature and device by device.
//!
//! The rule: a cell of the table is written by the test itself while it runs, as
//! failing when it begins and as passing when it has come to its end. So the table in
//! `docs/validation.md` holds what was seen, and nothing that somebody believes.
//!
//! Not here: the table as text, and who compares it (`cargo xtask validation`).

use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::machine;

/// What is known of one feature on one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// A test ran to its end.
    Passes,
    /// A test ran and did not come to its end.
    Fails,
    /// The device has nothing that could be tested, for this reason.
    NotEmulated(String),
}

/// One cell of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The group of features, and the heading it is under: `"conformance"`.
    pub suite: String,
    /// The feature, in a few words.
    pub feature: String,
    /// The device: `"QEMU igb"`, `"model 82576"`, `"guest, igb"`.
    pub device: String,
    /// What came of it.
    pub seen: Seen,
}

/// Runs one test and records what came of it.
///
/// # Panics
/// When `test` does, or the record cannot be written.
pub fn case(suite: &str, feature: &str, device: &str, test: impl FnOnce()) {
    record(suite, feature, device, Seen::Fails);
    test();
    record(suite, feature, device, Seen::Passes);
}

/// Records that `device` has no such feature, and why.
///
/// # Panics
/// When the record cannot be written.
pub fn not_emulated(suite: &str, feature: &str, device: &str, reason: &str) {
    record(suite, feature, device, Seen::NotEmulated(reason.into()));
}

/// Where the records of this build are, a file for each cell.
pub fn folder() -> PathBuf {
    machine::target().join("validation")
}

/// Forgets every record.
///
/// # Errors
/// The operating system's.
pub fn clear() -> io::Result<()> {
    match fs::remove_dir_all(folder()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Every record, in order.
///
/// # Errors
/// The operating system's, or when a file there is no record.
pub fn cells() -> io::Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for entry in fs::read_dir(folder())? {
        let bytes = fs::read(entry?.path())?;
        let value: Value = serde_json::from_slice(&bytes)?;
        cells.push(parse(&value).ok_or(io::ErrorKind::InvalidData)?);
    }
    cells.sort();
    Ok(cells)
}

fn record(suite: &str, feature: &str, device: &str, seen: Seen) {
    let (seen, reason) = match seen {
        Seen::Passes => ("passes", String::new()),
        Seen::Fails => ("fails", String::new()),
        Seen::NotEmulated(reason) => ("not emulated", reason),
    };
    let value = json!({
        "suite": suite, "feature": feature, "device": device, "seen": seen, "reason": reason,
    });
    let name: String = [suite, feature, device].join("@");
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '@' {
            c
        } else {
            '-'
        }
    };
    let path = folder().join(name.chars().map(plain).collect::<String>() + ".json");
    let written = fs::create_dir_all(folder()).and_then(|()| fs::write(&path, value.to_string()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn parse(value: &Value) -> Option<Cell> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let seen = match value["seen"].as_str()? {
        "passes" => Seen::Passes,
        "fails" => Seen::Fails,
        "not emulated" => Seen::NotEmulated(text("reason")?),
        _ => return None,
    };
    Some(Cell {
        suite: text("suite")?,
        feature: text("feature")?,
        device: text("device")?,
        seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_end_is_on_record_as_failing() {
        let (suite, feature) = ("validation-self-test", "falls over");
        let fell = std::panic::catch_unwind(|| {
            case(suite, feature, "device: a", || panic!("on purpose"));
        });
        assert!(fell.is_err());
        case(suite, feature, "device: b", || {});
        not_emulated(suite, feature, "device: c", "no such thing");
        let mine = cells()
            .unwrap()
            .into_iter()
            .filter(|cell| cell.suite == suite);
        let seen: Vec<_> = mine.map(|cell| cell.seen).collect();
        let reason = Seen::NotEmulated("no such thing".into());
        assert_eq!(seen, [Seen::Fails, Seen::Passes, reason]);
        for device in ["device--a", "device--b", "device--c"] {
            let name = format!("validation-self-test@falls-over@{device}.json");
            fs::remove_file(folder().join(name)).unwrap();
        }
    }
}
