//! Counts the trusted core: the lines that have to be right for one NIC family.
//!
//! Counted: the registers of that family, the hash, the lanes, the policy, the
//! drivers, the worker, all without files of other families. Not counted: comments, blank
//! lines, tests, the partition's end of a lane, which is not trusted,
//! and what is trusted with no frame: the words of errors, the counters, when doorbells ring.
//! How many lines that leaves out is printed. The bound is the design's: what one reader
//! can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lockgate_tests::machine;
use lockgate_tests::source::Source;

use crate::error::Error;

/// The most lines that the core should have for any one family; no line is made denser for it.
const BOUND: usize = 5_000;

/// The families; each has files or folders of its name in `regs`, `vmdq` and `drivers`.
const FAMILIES: [&str; 3] = ["e1000e", "igb", "ixgbe"];

/// What some families share and others have no part in: the last card has no pools.
const SHARED: [(&str, &[&str]); 2] = [("gigabit", &["e1000e", "igb"]), ("software", &["e1000e"])];

/// The words of errors; the counters; when doorbells ring, which sees no frame. Whatever is
/// wrong in them, no frame of a card goes elsewhere for it.
const NOT_CORE: [&str; 5] = [
    "vmdq/src/error.rs",
    "drivers/src/error.rs",
    "dataplane/src/account.rs",
    "dataplane/src/doorbells.rs",
    "dataplane/src/stats.rs",
];

/// Files and folders of the core, by the crate they are shown under.
const CORE: [(&str, &str); 8] = [
    ("regs", "regs/src"),
    ("rss", "rss/src"),
    ("shm", "shm/src"),
    ("lane", "lane/src"),
    ("vmdq", "vmdq/src"),
    ("drivers", "drivers/src"),
    ("host", "host/src"),
    ("worker", "dataplane/src"),
];

/// One crate's share.
struct Share {
    name: &'static str,
    /// Path within the workspace, and lines.
    files: Vec<(PathBuf, usize)>,
}

impl Share {
    fn lines(&self) -> usize {
        self.files.iter().map(|(_, lines)| lines).sum()
    }
}

/// Prints the table for `family`, for every family with a driver if there is none.
///
/// With `every_file`, the table has a line for each file.
pub(crate) fn tcb(family: Option<&str>, every_file: bool) -> Result<(), Error> {
    let root = machine::workspace();
    let families: Vec<&str> = match family {
        Some(family) => vec![family],
        None => FAMILIES
            .into_iter()
            .filter(|family| has_driver(&root, family))
            .collect(),
    };
    for family in families {
        let shares = count(&root, family)?;
        print(family, &shares, every_file);
        println!(
            "  {:<8} {:>3} files {:>6} lines",
            "left out",
            NOT_CORE.len(),
            left_out(&root)?
        );
    }
    Ok(())
}

/// The names a command line may give.
pub(crate) fn families() -> [&'static str; 3] {
    FAMILIES
}

fn has_driver(root: &Path, family: &str) -> bool {
    let drivers = root.join("drivers/src");
    drivers.join(family).is_dir() || drivers.join(format!("{family}.rs")).is_file()
}

fn print(family: &str, shares: &[Share], every_file: bool) {
    println!("trusted core for {family}: lines of code without comments, blanks and tests");
    for share in shares {
        println!(
            "  {:<8} {:>3} files {:>6} lines",
            share.name,
            share.files.len(),
            share.lines()
        );
        for (file, lines) in share.files.iter().filter(|_| every_file) {
            println!("{lines:>25}   {}", file.display());
        }
    }
    let files: usize = shares.iter().map(|share| share.files.len()).sum();
    let lines: usize = shares.iter().map(Share::lines).sum();
    println!(
        "  {:<8} {files:>3} files {lines:>6} lines (aim: under {BOUND})",
        "total"
    );
}

/// Lines of [`NOT_CORE`].
fn left_out(root: &Path) -> Result<usize, Error> {
    let lines = |file: &&str| {
        let path = root.join(file);
        let text = fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
        Ok(Source::new(&text).lines_of_code())
    };
    NOT_CORE.iter().map(lines).sum()
}

fn count(root: &Path, family: &str) -> Result<Vec<Share>, Error> {
    let mut shares: Vec<Share> = Vec::new();
    for (name, place) in CORE {
        let place = root.join(place);
        let mut files = Vec::new();
        collect(&place, &mut files)?;
        files.retain(|file| !NOT_CORE.iter().any(|other| file.ends_with(other)));
        let core = core_of(&place, files, family)?
            .into_iter()
            .map(|(file, text)| {
                let short = file.strip_prefix(root).unwrap_or(&file).to_owned();
                (short, Source::new(&text).lines_of_code())
            });
        match shares.last_mut().filter(|last| last.name == name) {
            Some(last) => last.files.extend(core),
            None => shares.push(Share {
                name,
                files: core.collect(),
            }),
        }
    }
    for share in &mut shares {
        share.files.sort();
    }
    Ok(shares)
}

/// The files that count: no other family's, and no test module's.
fn core_of(
    place: &Path,
    files: Vec<PathBuf>,
    family: &str,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut tests = BTreeSet::new();
    let mut core = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|source| Error::File {
            path: file.clone(),
            source,
        })?;
        let folder = module_folder(&file);
        for module in Source::new(&text).test_modules() {
            tests.insert(folder.join(format!("{module}.rs")));
            tests.insert(folder.join(module));
        }
        core.push((file, text));
    }
    core.retain(|(file, _)| {
        let inside = file.strip_prefix(place).unwrap_or(file);
        let is_test = file.ancestors().any(|above| tests.contains(above));
        !is_test && !is_of_another(inside, family)
    });
    Ok(core)
}

/// Where the modules of `file` are.
fn module_folder(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(file);
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") | None => folder.into(),
        Some(stem) => folder.join(stem),
    }
}

/// Whether some part of a path is the name of another family.
fn is_of_another(file: &Path, family: &str) -> bool {
    file.iter().any(|part| {
        let part = part.to_string_lossy();
        let name = part.trim_end_matches(".rs");
        let shared = SHARED
            .iter()
            .any(|(group, of)| name == *group && !of.contains(&family));
        shared || name != family && FAMILIES.contains(&name)
    })
}

/// All sources under `place`, which may be a file or not be there.
fn collect(place: &Path, into: &mut Vec<PathBuf>) -> Result<(), Error> {
    if place.is_file() {
        into.push(place.into());
    }
    if !place.is_dir() {
        return Ok(());
    }
    let error = |source| Error::File {
        path: place.into(),
        source,
    };
    for entry in fs::read_dir(place).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() || path.extension().is_some_and(|ending| ending == "rs") {
            collect(&path, into)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_family_is_known_by_its_file_or_folder() {
        assert!(is_of_another(Path::new("ixgbe/queue.rs"), "igb"));
        assert!(is_of_another(Path::new("e1000e.rs"), "igb"));
        assert!(is_of_another(Path::new("capabilities/ixgbe.rs"), "igb"));
        assert!(is_of_another(Path::new("gigabit/control.rs"), "ixgbe"));
        assert!(!is_of_another(Path::new("gigabit.rs"), "e1000e"));
        assert!(!is_of_another(Path::new("igb/queue.rs"), "igb"));
        assert!(!is_of_another(Path::new("sys/pages.rs"), "igb"));
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("src");
        fs::create_dir_all(place.join("plan/tests")).unwrap();
        let write = |name: &str, text: &str| fs::write(place.join(name), text).unwrap();
        write("lib.rs", "mod plan;\n");
        write("plan.rs", "fn f() {}\n#[cfg(test)]\nmod tests;\n");
        write("plan/tests.rs", "mod deep;\nfn g() {}\n");
        write("plan/tests/deep.rs", "fn h() {}\n");
        let mut files = Vec::new();
        collect(&place, &mut files).unwrap();
        assert_eq!(files.len(), 4);
        let core = core_of(&place, files, "igb").unwrap();
        let lines: usize = core
            .iter()
            .map(|(_, text)| Source::new(text).lines_of_code())
            .sum();
        assert_eq!((core.len(), lines), (2, 2));
    }
}
