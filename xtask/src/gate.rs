//! Readability as a number: how long and deep functions are, and what is public unnamed.
//!
//! Every crate that ships has to keep the design's limits. Where one does not yet, a number
//! says by how much, which may only go down. Formatting in default style is `lint`'s.

use std::path::Path;

use lockgate_tests::machine;
use lockgate_tests::source::Source;

use crate::error::Error;
use crate::tcb::{HOST, TRUSTED, collect, without_tests};

/// Of ten functions, nine are no longer than this.
const USUAL_LINES: usize = 25;

/// No function is longer than this.
const MOST_LINES: usize = 50;

/// No function nests deeper than this.
const MOST_NESTING: usize = 3;

/// Tables that are long because the hardware's list is.
const TABLES: [Table; 1] = [Table {
    file: "nicmodel/src/ixgbe/map.rs",
    function: "plain_only",
}];

/// A function that may be long.
struct Table {
    file: &'static str,
    function: &'static str,
}

/// What a crate may break: the lines of nine functions in ten, this many functions, this
/// many tuples.
struct Ratchet {
    name: &'static str,
    usual_lines: usize,
    too_long: usize,
    too_deep: usize,
    tuples: usize,
}

/// Crates that do not keep the limits yet; these numbers only go down.
const RATCHETS: [Ratchet; 5] = [
    ratchet("rss", USUAL_LINES, 0, 0, 2),
    ratchet("vmdq", USUAL_LINES, 1, 0, 0),
    ratchet("dataplane", USUAL_LINES, 0, 1, 1),
    ratchet("host", USUAL_LINES, 0, 0, 1),
    ratchet("lockgate", USUAL_LINES, 4, 0, 7),
];

/// Crates beside the trusted core that ship.
const BESIDE: [&str; 5] = ["policy", "nicmodel", "endpoint", "control", "lockgate"];

/// What `name` may break: nothing, unless it is listed.
fn allowed(name: &'static str) -> Ratchet {
    let listed = RATCHETS.into_iter().find(|ratchet| ratchet.name == name);
    listed.unwrap_or(ratchet(name, USUAL_LINES, 0, 0, 0))
}

const fn ratchet(
    name: &'static str,
    usual_lines: usize,
    too_long: usize,
    too_deep: usize,
    tuples: usize,
) -> Ratchet {
    Ratchet {
        name,
        usual_lines,
        too_long,
        too_deep,
        tuples,
    }
}

/// One crate, measured.
#[derive(Default)]
struct Measures {
    lines: Vec<usize>,
    too_long: Vec<String>,
    too_deep: Vec<String>,
    tuples: Vec<String>,
}

impl Measures {
    fn of(root: &Path, name: &str) -> Result<Self, Error> {
        let mut files = Vec::new();
        collect(&root.join(name).join("src"), &mut files)?;
        files.sort();
        let mut measures = Self::default();
        for (file, text) in without_tests(files)? {
            let short = file.strip_prefix(root).unwrap_or(&file);
            measures.add(&short.display().to_string(), &Source::new(&text));
        }
        measures.lines.sort_unstable();
        Ok(measures)
    }

    fn add(&mut self, file: &str, source: &Source<'_>) {
        for function in source.functions() {
            let place = format!("{file}:{} {}", function.line, function.name);
            let is_table = TABLES
                .iter()
                .any(|table| table.file == file && table.function == function.name);
            self.lines.push(function.lines);
            if function.lines > MOST_LINES && !is_table {
                let lines = function.lines;
                self.too_long
                    .push(format!("{place}: {lines} lines, at most {MOST_LINES}"));
            }
            if function.nesting > MOST_NESTING {
                let depth = function.nesting;
                self.too_deep
                    .push(format!("{place}: {depth} deep, at most {MOST_NESTING}"));
            }
        }
        for line in source.public_tuples() {
            self.tuples
                .push(format!("{file}:{line}: a public tuple without names"));
        }
    }

    /// How long nine of ten functions are at most.
    fn ninth_tenth(&self) -> usize {
        let at = self.lines.len() * 9 / 10;
        self.lines.get(at).copied().unwrap_or(0)
    }

    /// Prints the crate's row, and each finding of a kind that has more than `allowed`.
    /// Returns whether all is well.
    fn judge(&self, allowed: &Ratchet) -> bool {
        let usual = self.ninth_tenth();
        println!(
            "  {:<12} {:>4} functions, p90 {usual:>2} lines; {} too long, {} too deep, {} tuples",
            allowed.name,
            self.lines.len(),
            self.too_long.len(),
            self.too_deep.len(),
            self.tuples.len()
        );
        let mut is_well = usual <= allowed.usual_lines;
        if !is_well {
            println!("    p90 is over {}", allowed.usual_lines);
        }
        let kinds = [
            (&self.too_long, allowed.too_long),
            (&self.too_deep, allowed.too_deep),
            (&self.tuples, allowed.tuples),
        ];
        for (found, allowed) in kinds {
            if found.len() > allowed {
                is_well = false;
                println!("    at most {allowed} of these are allowed here:");
                found.iter().for_each(|finding| println!("    {finding}"));
            }
            if found.len() < allowed {
                println!("    {allowed} are allowed: lower the number in xtask/src/gate.rs");
            }
        }
        is_well
    }
}

/// Measures every crate that ships; fails where one breaks a limit.
pub(crate) fn gate() -> Result<(), Error> {
    let root = machine::workspace();
    println!("readability, tests apart:");
    let core = TRUSTED.into_iter().chain([HOST]);
    let mut broken = Vec::new();
    for name in core.chain(BESIDE) {
        if !root.join(name).is_dir() {
            continue;
        }
        if !Measures::of(&root, name)?.judge(&allowed(name)) {
            broken.push(name);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::Unreadable {
        crates: broken.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(text: &str) -> Measures {
        let mut measures = Measures::default();
        measures.add("a.rs", &Source::new(text));
        measures
    }

    #[test]
    fn a_long_a_deep_and_an_unnamed_thing_are_found() {
        let long = format!("fn f() {{\n{}}}\n", "g();\n".repeat(49));
        assert_eq!(measured(&long).too_long.len(), 1);
        let shorter = format!("fn f() {{\n{}}}\n", "g();\n".repeat(48));
        assert!(measured(&shorter).too_long.is_empty());
        let deep = "fn f() { if a { if b { if c { if d { e() } } } } }";
        assert_eq!(measured(deep).too_deep.len(), 1);
        assert_eq!(measured("pub fn f() -> (u8, u8) { a }").tuples.len(), 1);
    }

    #[test]
    fn more_than_is_allowed_fails_and_less_does_not() {
        let unnamed = measured("pub fn f() -> (u8, u8) { a }");
        assert!(!unnamed.judge(&ratchet("a", 25, 0, 0, 0)));
        assert!(unnamed.judge(&ratchet("a", 25, 0, 0, 1)));
        assert!(unnamed.judge(&ratchet("a", 25, 0, 0, 2)));
        assert!(!unnamed.judge(&ratchet("a", 0, 0, 0, 1)));
    }
}
