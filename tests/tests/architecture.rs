//! The shape of the project: who may use whom, and where `unsafe` may stand.
//!
//! What a reader is promised in `docs/architecture.md` and `docs/safety.md` and no compiler
//! checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_tests::machine::workspace;
use lockgate_tests::source::{Source, circles, find_word};

/// Every package that ships, and the packages of this project it may use. Packages
/// for development are not listed and may use any.
const ARROWS: [(&str, &[&str]); 12] = [
    ("lockgate-regs", &[]),
    ("lockgate-rss", &[]),
    ("lockgate-shm", &[]),
    ("lockgate-lane", &["lockgate-shm"]),
    ("lockgate-vmdq", &["lockgate-rss"]),
    ("lockgate-policy", &["lockgate-rss", "lockgate-vmdq"]),
    (
        "lockgate-drivers",
        &[
            "lockgate-regs",
            "lockgate-rss",
            "lockgate-shm",
            "lockgate-vmdq",
        ],
    ),
    (
        "lockgate-dataplane",
        &[
            "lockgate-lane",
            "lockgate-shm",
            "lockgate-rss",
            "lockgate-vmdq",
            "lockgate-drivers",
        ],
    ),
    (
        "lockgate-host",
        &[
            "lockgate-lane",
            "lockgate-shm",
            "lockgate-vmdq",
            "lockgate-drivers",
        ],
    ),
    (
        "lockgate-nicmodel",
        &[
            "lockgate-regs",
            "lockgate-rss",
            "lockgate-shm",
            "lockgate-drivers",
            "lockgate-host",
        ],
    ),
    (
        "lockgate",
        &[
            "lockgate-regs",
            "lockgate-rss",
            "lockgate-lane",
            "lockgate-vmdq",
            "lockgate-policy",
            "lockgate-drivers",
            "lockgate-dataplane",
            "lockgate-host",
            "lockgate-nicmodel",
        ],
    ),
    ("lockgate-endpoint", &["lockgate-lane"]),
];

/// Packages for development: nothing that ships may use them.
const DEVELOPMENT: [&str; 4] = ["lockgate-bench", "lockgate-fuzz", "lockgate-tests", "xtask"];

/// What the trusted core takes from others: no parser of any network protocol.
const CORE_TAKES: [(&str, &[&str]); 8] = [
    ("lockgate-regs", &["bitfield-struct"]),
    ("lockgate-rss", &["cpufeatures", "thiserror"]),
    ("lockgate-shm", &["cpufeatures"]),
    ("lockgate-lane", &["thiserror"]),
    ("lockgate-vmdq", &["thiserror"]),
    ("lockgate-drivers", &["thiserror"]),
    ("lockgate-host", &["rustix", "thiserror", "vfio-bindings"]),
    ("lockgate-dataplane", &["rtrb"]),
];

/// Where `unsafe` may stand, and nowhere else.
const UNSAFE: [&str; 5] = [
    "bench/src/ffi.rs",
    "examples/bare/src/boot/",
    "host/src/",
    "rss/src/toeplitz/gfni.rs",
    "shm/src/",
];

/// A package of the workspace.
struct Package {
    name: String,
    folder: PathBuf,
    uses: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let root = read_toml(&workspace().join("Cargo.toml"));
    let members = root["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| {
            let folder = workspace().join(member.as_str().unwrap());
            let manifest = read_toml(&folder.join("Cargo.toml"));
            Package {
                name: manifest["package"]["name"].as_str().unwrap().to_owned(),
                uses: dependencies(&toml::Value::Table(manifest)),
                folder,
            }
        })
        .collect()
}

fn read_toml(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The packages a manifest names, whatever for, tests and the model checker apart, which takes
/// the place of memory and is in no program.
fn dependencies(manifest: &toml::Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let kinds = ["dependencies", "build-dependencies"];
    for table in kinds.iter().filter_map(|kind| manifest.get(kind)) {
        for (name, value) in table.as_table().unwrap() {
            let renamed = value.get("package").and_then(toml::Value::as_str);
            found.insert(renamed.unwrap_or(name).to_owned());
        }
    }
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        let programs = targets.iter().filter(|(target, _)| *target != "cfg(loom)");
        found.extend(programs.flat_map(|(_, tables)| dependencies(tables)));
    }
    found
}

/// The sources of a package: what ships, and its tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A source's path from the root of the workspace, and its text.
fn all_sources() -> Vec<(String, String)> {
    let folders = packages().into_iter().map(|package| package.folder);
    // A workspace of its own, and so no package of this one.
    let folders = folders.chain([workspace().join("examples/bare")]);
    folders
        .flat_map(|folder| sources(&folder))
        .map(|path| {
            let short = path.strip_prefix(workspace()).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            (short.to_string_lossy().into_owned(), text)
        })
        .collect()
}

#[test]
fn dependencies_point_only_down() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into();
    let all = packages();
    let ours: BTreeSet<&str> = all.iter().map(|package| package.name.as_str()).collect();
    for package in &all {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            assert!(
                DEVELOPMENT.contains(&name),
                "{name} has no place in the order"
            );
            continue;
        };
        let used = package.uses.iter().map(String::as_str);
        for used in used.filter(|used| ours.contains(used)) {
            assert!(allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_trusted_core_takes_no_more_from_others_than_is_listed() {
    let all = packages();
    for (name, allowed) in CORE_TAKES {
        let package = all.iter().find(|package| package.name == name).unwrap();
        let foreign = package
            .uses
            .iter()
            .filter(|used| !used.starts_with("lockgate"));
        for used in foreign {
            assert!(allowed.contains(&used.as_str()), "{name} takes {used}");
        }
    }
}

#[test]
fn the_model_uses_the_seam_of_the_drivers_and_nothing_else() {
    let seam = ["device"];
    let mut uses = 0;
    for path in sources(&workspace().join("nicmodel/src")) {
        let code = Source::new(&fs::read_to_string(&path).unwrap()).code();
        for (_, rest) in code.match_indices("lockgate_drivers").map(|(at, name)| {
            uses += 1;
            (at, code[at + name.len()..].trim_start_matches("::"))
        }) {
            assert!(
                seam.iter().any(|part| rest.starts_with(part)),
                "{}: lockgate_drivers::{}",
                path.display(),
                rest.lines().next().unwrap_or_default()
            );
        }
    }
    assert!(uses > 0, "the model stands behind the drivers' seam");
}

#[test]
fn unsafe_stands_only_where_the_design_allows() {
    let mut places = BTreeSet::new();
    for (path, text) in all_sources() {
        let code = Source::new(&text).code();
        let lines = find_word(&code, "unsafe");
        if lines.is_empty() {
            continue;
        }
        let place = UNSAFE.iter().find(|place| path.starts_with(**place));
        let place = place.unwrap_or_else(|| panic!("{path} is unsafe on lines {lines:?}"));
        places.insert(*place);
    }
    assert!(places.contains("host/src/"), "{places:?}");
    assert!(places.len() >= 2, "{places:?}");
}

#[test]
fn packages_without_unsafe_forbid_it() {
    for (path, text) in all_sources() {
        let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        let package = path.split('/').next().unwrap();
        let holds_unsafe = UNSAFE.iter().any(|place| {
            place.starts_with(&format!("{package}/")) && workspace().join(place).exists()
        });
        if is_root && !holds_unsafe {
            let code = Source::new(&text).code();
            assert!(
                code.contains("#![forbid(unsafe_code)]"),
                "{path} does not forbid unsafe code"
            );
        }
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut seen = 0;
    for (path, text) in all_sources() {
        let source = Source::new(&text);
        let (code, comments) = (source.code(), source.comments());
        let code: Vec<&str> = code.lines().collect();
        let comments: Vec<&str> = comments.lines().collect();
        for line in find_word(&code.join("\n"), "unsafe") {
            if is_promise(code[line - 1]) {
                continue;
            }
            seen += 1;
            assert!(
                is_explained(&code, &comments, line - 1),
                "{path}:{line}: no SAFETY comment above"
            );
        }
    }
    assert!(seen > 10, "{seen} unsafe blocks found");
}

/// Whether a line asks its users for something, rather than relying on it.
fn is_promise(line: &str) -> bool {
    ["unsafe fn", "unsafe trait", "unsafe extern"]
        .iter()
        .any(|words| line.contains(words))
}

/// Whether the comment above the statement that line `at` belongs to has the word.
fn is_explained(code: &[&str], comments: &[&str], at: usize) -> bool {
    let word =
        |line: usize| comments[line].contains("SAFETY:") || comments[line].contains("# Safety");
    if word(at) {
        return true;
    }
    for line in (0..at).rev() {
        if word(line) {
            return true;
        }
        let ends_before = code[line].trim_end().ends_with([';', '}']);
        let is_blank = code[line].trim().is_empty() && comments[line].trim().is_empty();
        if ends_before || is_blank {
            return false;
        }
    }
    false
}

#[test]
fn an_unexplained_block_is_noticed() {
    let lines = |text: &str| {
        let text = format!("fn g() {{\n{text}}}\n");
        let source = Source::new(&text);
        let (code, comments) = (source.code(), source.comments());
        let code: Vec<&str> = code.lines().collect();
        let comments: Vec<&str> = comments.lines().collect();
        let at = find_word(&code.join("\n"), "unsafe")[0] - 1;
        is_explained(&code, &comments, at)
    };
    assert!(lines("// SAFETY: it is.\nlet a = unsafe { f() };\n"));
    assert!(lines(
        "// SAFETY: it is,\n// for sure.\nlet a =\n    unsafe { f() };\n"
    ));
    assert!(!lines("let a = unsafe { f() };\n"));
    assert!(!lines(
        "// SAFETY: of another.\nlet b = f();\nlet a = unsafe { f() };\n"
    ));
    assert!(!lines("// SAFETY: far away.\n\nlet a = unsafe { f() };\n"));
}

#[test]
fn no_files_of_the_core_import_each_other_in_a_circle() {
    let mut circular = Vec::new();
    for folder in ["shm", "lane", "vmdq", "drivers", "dataplane", "host"] {
        let sources = workspace().join(folder).join("src");
        if sources.is_dir() {
            let found = circles(&sources);
            circular.extend(found.iter().map(|circle| format!("{folder}: {circle:?}")));
        }
    }
    assert!(circular.is_empty(), "{circular:#?}");
}

/// The crates that run without an operating system, and what none of them may link.
const BARE: [&str; 7] = ["regs", "rss", "shm", "lane", "vmdq", "drivers", "dataplane"];
const NOT_BARE: [&str; 6] = ["serde", "serde_core", "toml", "rustix", "libc", "winnow"];

#[test]
fn what_runs_without_an_operating_system_links_nothing_that_needs_one() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for folder in BARE {
        let package = format!("lockgate-{folder}");
        let output = Command::new(&cargo)
            .args(["tree", "--offline", "--prefix", "none", "--format", "{p}"])
            .args(["--edges", "normal,no-proc-macro", "--package", &package])
            .current_dir(workspace())
            .output()
            .expect("cargo");
        assert!(output.status.success(), "{package}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in text.lines() {
            let name = line.split_whitespace().next().unwrap_or_default();
            assert!(!NOT_BARE.contains(&name), "{package} links {name}");
        }
    }
}
