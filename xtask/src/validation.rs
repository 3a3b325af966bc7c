//! `validation`: the table of what was seen to work, made of what the tests recorded.
//!
//! The rule: no cell is written by hand. The tests record while they run
//! ([`lockgate_tests::validation`]); this turns the records into
//! `docs/validation.md`, or says that the file there is another.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use lockgate_tests::machine;
use lockgate_tests::validation::{Cell, Seen, cells, folder};

use crate::error::Error;

/// What the file says above the tables.
const HEAD: &str = "\
# Validation

Made by `cargo xtask validation` from what the tests record while they run; `cargo
xtask test` fails when it differs. A feature *passes* on a device when its test ran there to
the end. Where a device has nothing to test, the note says why.
";

/// Where the table is kept.
pub(crate) fn document() -> PathBuf {
    machine::workspace().join("docs/validation.md")
}

/// Writes the table of what was recorded last.
pub(crate) fn write() -> Result<(), Error> {
    let path = document();
    fs::write(&path, text()?).map_err(|source| Error::File { path, source })
}

/// Refuses a table that is not the one of what was recorded last.
pub(crate) fn compare() -> Result<(), Error> {
    let path = document();
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept == text()? {
        return Ok(());
    }
    Err(Error::Stale { path })
}

fn text() -> Result<String, Error> {
    let cells = cells().map_err(|source| Error::File {
        path: folder(),
        source,
    })?;
    Ok(render(&cells))
}

fn render(cells: &[Cell]) -> String {
    let mut text = HEAD.to_owned();
    let suites: BTreeSet<&str> = cells.iter().map(|cell| cell.suite.as_str()).collect();
    for suite in suites {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.suite == suite).collect();
        render_suite(suite, &own, &mut text);
    }
    text
}

/// One table, a row for each feature, and the notes below it.
fn render_suite(suite: &str, cells: &[&Cell], text: &mut String) {
    let devices: BTreeSet<&str> = cells.iter().map(|cell| cell.device.as_str()).collect();
    let features: BTreeSet<&str> = cells.iter().map(|cell| cell.feature.as_str()).collect();
    let mut notes: Vec<&str> = Vec::new();
    let columns: Vec<&str> = devices.iter().copied().collect();
    let _ = write!(
        text,
        "\n## {suite}\n\n| feature | {} |\n",
        columns.join(" | ")
    );
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for feature in features {
        let _ = write!(text, "| {feature} |");
        for device in &columns {
            let found = cells
                .iter()
                .find(|cell| cell.feature == feature && cell.device == *device);
            let _ = match found.map(|cell| &cell.seen) {
                None => write!(text, " – |"),
                Some(Seen::Passes) => write!(text, " passes |"),
                Some(Seen::Fails) => write!(text, " **fails** |"),
                Some(Seen::NotEmulated(reason)) => {
                    let known = notes.iter().position(|note| note == reason);
                    let number = known.unwrap_or_else(|| {
                        notes.push(reason);
                        notes.len() - 1
                    });
                    write!(text, " not emulated ({}) |", number + 1)
                }
            };
        }
        text.push('\n');
    }
    for (number, note) in (1..).zip(notes) {
        let _ = write!(text, "\n({number}) {note}.\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(feature: &str, device: &str, seen: Seen) -> Cell {
        Cell {
            suite: "s".into(),
            feature: feature.into(),
            device: device.into(),
            seen,
        }
    }

    #[test]
    fn every_cell_says_what_was_seen_and_gaps_say_why() {
        let reason = || Seen::NotEmulated("it has none".into());
        let cells = [
            cell("one", "a", Seen::Passes),
            cell("one", "b", Seen::Fails),
            cell("two", "a", reason()),
            cell("three", "a", reason()),
            cell("three", "b", Seen::Passes),
        ];
        let text = render(&cells);
        let table = text.split_once("## s\n\n").unwrap().1;
        assert_eq!(
            table,
            "| feature | a | b |\n|---|---|---|\n\
             | one | passes | **fails** |\n\
             | three | not emulated (1) | passes |\n\
             | two | not emulated (1) | – |\n\n(1) it has none.\n"
        );
    }
}
