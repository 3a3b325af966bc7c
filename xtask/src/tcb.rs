//! Counts the trusted core: the lines that have to be right for one NIC family.
//!
//! Counted: the crates that decide where a frame goes, whole, in default style, without the
//! files of other families. Not counted: comments, blank lines, tests. Beside it stand the
//! crate that talks to Linux and what both take from others. The aim is the design's: what
//! one reader can check; it is printed and never enforced, so that no line is made denser
//! for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lockgate_drivers::CARDS;
use lockgate_tests::machine;
use lockgate_tests::source::Source;

use crate::checks::cargo;
use crate::command::output;
use crate::error::Error;

/// The most lines that the core should have for any one family, `host` apart.
const AIM: usize = 5_000;

/// What some families share and others have no part in: the last card has no pools.
const SHARED: [(&str, &[&str]); 3] = [
    ("gigabit", &["e1000e", "igb"]),
    ("advanced", &["igb", "ixgbe"]),
    ("software", &["e1000e"]),
];

/// The crates that decide where a frame goes; each is counted whole.
pub(crate) const TRUSTED: [&str; 7] =
    ["regs", "rss", "shm", "lane", "vmdq", "drivers", "dataplane"];

/// The crate that talks to Linux: trusted as well, and counted beside.
pub(crate) const HOST: &str = "host";

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

    fn print(&self, every_file: bool) {
        let (files, lines) = (self.files.len(), self.lines());
        println!("  {:<12} {files:>3} files {lines:>7} lines", self.name);
        for (file, lines) in self.files.iter().filter(|_| every_file) {
            println!("{lines:>30}   {}", file.display());
        }
    }
}

/// Prints the table for `family`, for every family with a driver if there is none.
///
/// With `every_file`, the table has a line for each file.
pub(crate) fn tcb(family: Option<&str>, every_file: bool) -> Result<(), Error> {
    let root = machine::workspace();
    let families: Vec<&str> = match family {
        Some(family) => vec![family],
        None => families()
            .into_iter()
            .filter(|family| has_driver(&root, family))
            .collect(),
    };
    for family in families {
        print(&root, family, every_file)?;
    }
    print_third_party(&root)
}

/// The families of the cards that there are drivers for; each has files or folders of its name
/// in `regs`, `vmdq` and `drivers`.
pub(crate) fn families() -> Vec<&'static str> {
    let mut families: Vec<_> = CARDS.iter().map(|card| card.family).collect();
    families.dedup();
    families
}

fn has_driver(root: &Path, family: &str) -> bool {
    let drivers = root.join("drivers/src");
    drivers.join(family).is_dir() || drivers.join(format!("{family}.rs")).is_file()
}

fn print(root: &Path, family: &str, every_file: bool) -> Result<(), Error> {
    println!("trusted core for {family}: lines of code without comments, blanks and tests");
    let mut total = 0;
    for name in TRUSTED {
        let share = share(root, name, family)?;
        share.print(every_file);
        total += share.lines();
    }
    let distance = match total.checked_sub(AIM) {
        Some(above) if above > 0 => format!("{above} above"),
        _ => format!("{} below", AIM - total),
    };
    println!(
        "  {:<12} {total:>17} lines; the aim is under {AIM}: {distance}",
        "total"
    );
    println!("beside it, trusted with the machine:");
    share(root, HOST, family)?.print(every_file);
    Ok(())
}

/// What the crate in folder `name` has for `family`.
fn share(root: &Path, name: &'static str, family: &str) -> Result<Share, Error> {
    let place = root.join(name).join("src");
    let mut files = Vec::new();
    collect(&place, &mut files)?;
    files.sort();
    let core = core_of(&place, files, family)?;
    let counted = core.into_iter().map(|(file, text)| {
        let short = file.strip_prefix(root).unwrap_or(&file).to_owned();
        (short, Source::new(&text).lines_of_code())
    });
    Ok(Share {
        name,
        files: counted.collect(),
    })
}

/// A package of somebody else's that is linked into the core or `host`.
struct Foreign {
    name: String,
    version: String,
}

/// Prints what core and `host` link of others', and the lines of each, `cfg` of other
/// machines included.
fn print_third_party(root: &Path) -> Result<(), Error> {
    println!("third party, linked into them (lines whole, for every platform):");
    let cache = sources_of_registry();
    for foreign in third_party(root)? {
        let folder = format!("{}-{}", foreign.name, foreign.version);
        let lines = match cache.get(&folder) {
            Some(place) => format!("{:>7} lines", plain_lines(&place.join("src"))?),
            None => "its source is not on this machine".to_owned(),
        };
        println!("  {folder:<28} {lines}");
    }
    Ok(())
}

/// Packages that the core and `host` link, by cargo's own word.
fn third_party(root: &Path) -> Result<Vec<Foreign>, Error> {
    let mut tree = cargo();
    tree.args(["tree", "--prefix", "none", "--format", "{p}"])
        .args(["--edges", "normal,no-proc-macro"]);
    for name in TRUSTED.into_iter().chain([HOST]) {
        if root.join(name).is_dir() {
            tree.args(["--package", &format!("lockgate-{name}")]);
        }
    }
    let listing = output(&mut tree)?;
    let mut seen = BTreeSet::new();
    let lines = listing.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        let is_new = !name.starts_with("lockgate") && seen.insert(name.to_owned());
        is_new.then(|| Foreign {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
        })
    });
    Ok(lines.collect())
}

/// Where cargo keeps the sources of packages, by name and version.
fn sources_of_registry() -> BTreeMap<String, PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let registries = fs::read_dir(home.join("registry/src"));
    let folders = registries.into_iter().flatten().flatten();
    let packages = folders.filter_map(|folder| fs::read_dir(folder.path()).ok());
    packages
        .flatten()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path())
        })
        .collect()
}

/// Lines that are neither blank nor a line comment, in all sources under `place`.
fn plain_lines(place: &Path) -> Result<usize, Error> {
    let mut files = Vec::new();
    collect(place, &mut files)?;
    let mut total = 0;
    for file in files {
        let text = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(str::trim);
        total += lines
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
            .count();
    }
    Ok(total)
}

/// The files that count: no other family's, and no test module's.
fn core_of(
    place: &Path,
    files: Vec<PathBuf>,
    family: &str,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut core = without_tests(files)?;
    core.retain(|(file, _)| {
        let inside = file.strip_prefix(place).unwrap_or(file);
        !is_of_another(inside, family)
    });
    Ok(core)
}

/// Files and their text, without those that are test modules.
pub(crate) fn without_tests(files: Vec<PathBuf>) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut tests = BTreeSet::new();
    let mut kept = Vec::new();
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
        kept.push((file, text));
    }
    kept.retain(|(file, _)| !file.ancestors().any(|above| tests.contains(above)));
    Ok(kept)
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
        shared || name != family && CARDS.iter().any(|card| card.family == name)
    })
}

/// All sources under `place`, which may be a file or not be there.
pub(crate) fn collect(place: &Path, into: &mut Vec<PathBuf>) -> Result<(), Error> {
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

    #[test]
    fn what_ships_of_others_is_named_with_its_version() {
        let found = third_party(&machine::workspace()).unwrap();
        assert!(found.iter().any(|foreign| foreign.name == "cpufeatures"));
        assert!(found.iter().all(|foreign| foreign.version.contains('.')));
    }
}
