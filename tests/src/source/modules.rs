//! Which files of a crate import each other in a circle.
//!
//! A file imports another if it names something of it by `crate::`, `super::` or `self::`, in
//! a `use` or in place. A re-export is no import: it gives a name. The crate's root is left
//! out: what it has is re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::Source;

/// A module's path within its crate: `["ring", "rx"]`.
type Module = Vec<String>;

/// The modules of a crate that import each other in a circle: groups, each of modules that
/// all reach all others. Tests are left out.
///
/// # Panics
/// When `sources` cannot be read or is not Rust.
pub fn circles(sources: &Path) -> Vec<Vec<String>> {
    let mut texts = BTreeMap::new();
    read(sources, &mut Vec::new(), &mut texts);
    let tests = test_modules(&texts);
    texts.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    let modules: BTreeSet<Module> = texts.keys().cloned().collect();
    let imports = |module: &Module| -> BTreeSet<Module> {
        let source = Source::new(&texts[module]);
        let paths = source.imports().into_iter();
        let found = paths.filter_map(|path| resolve(module, &path, &modules));
        found.filter(|found| found != module).collect()
    };
    let arrows: BTreeMap<Module, BTreeSet<Module>> = modules
        .iter()
        .map(|module| (module.clone(), imports(module)))
        .collect();
    groups(&arrows)
}

/// The texts of all files under `folder`, by module; the root of the crate is left out.
fn read(folder: &Path, inside: &mut Module, texts: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().into_owned();
        if path.is_dir() {
            inside.push(stem);
            read(&path, inside, texts);
            inside.pop();
            continue;
        }
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let mut module = inside.clone();
        if stem != "mod" {
            module.push(stem);
        }
        let is_root = module == ["lib"] || module == ["main"];
        if !is_root && !module.is_empty() {
            texts.insert(module, fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The modules in files of their own that are tests.
fn test_modules(texts: &BTreeMap<Module, String>) -> Vec<Module> {
    let mut found = Vec::new();
    for (module, text) in texts {
        for name in Source::new(text).test_modules() {
            found.push(joined(module, &name));
        }
    }
    found
}

fn joined(module: &Module, name: &str) -> Module {
    let mut longer = module.clone();
    longer.push(name.to_owned());
    longer
}

/// The module that `path`, written in `module`, is of; `None` for the crate's root and for
/// other crates.
fn resolve(module: &Module, path: &str, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut at: Option<Module> = None;
    for part in path.split("::") {
        at = match (part, at) {
            ("crate", None) => Some(Vec::new()),
            ("self", None) => Some(module.clone()),
            ("super", above) => {
                let mut above = above.unwrap_or_else(|| module.clone());
                above.pop();
                Some(above)
            }
            // A child, or something of another crate.
            (name, None) => {
                let child = joined(module, name);
                return modules.contains(&child).then_some(child);
            }
            (name, Some(inside)) => {
                let longer = joined(&inside, name);
                if !modules.contains(&longer) {
                    return (!inside.is_empty()).then_some(inside);
                }
                Some(longer)
            }
        };
    }
    at.filter(|module| !module.is_empty())
}

/// Groups of modules that reach each other.
fn groups(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = arrows
        .keys()
        .map(|module| (module, reach(module, arrows)))
        .collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (module, far) in &reached {
        if far.contains(module) {
            let group = far.iter().filter(|other| reached[*other].contains(module));
            found.insert(group.map(|other| other.join("::")).collect());
        }
    }
    found.into_iter().collect()
}

/// All modules that `from` imports, and those that they import, and so on.
fn reach<'a>(
    from: &Module,
    arrows: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Module> = arrows.get(from).into_iter().flatten().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(arrows.get(module).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        circles(folder.path())
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let found = circles_of(&[
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "fn f(a: crate::a::A) {} pub struct B;"),
            ("c.rs", "use crate::{A, b::B};"),
        ]);
        assert_eq!(found, [["a", "b"]]);
    }

    #[test]
    fn a_child_that_takes_from_its_parent_is_one_if_the_parent_uses_it() {
        let child = ("a/b.rs", "use super::A; pub struct B;");
        let used = circles_of(&[("a/mod.rs", "mod b; use b::B; pub struct A(B);"), child]);
        assert_eq!(used, [["a", "a::b"]]);
        let named = circles_of(&[("a/mod.rs", "mod b; pub use b::B; pub struct A;"), child]);
        assert!(named.is_empty(), "{named:?}");
    }

    #[test]
    fn what_only_tests_import_is_no_arrow() {
        let found = circles_of(&[
            ("a.rs", "use crate::b::B;\n#[cfg(test)]\nmod tests;\n"),
            ("a/tests.rs", "use super::*; use crate::b;"),
            (
                "b.rs",
                "#[cfg(test)]\nmod tests { use crate::a; }\npub struct B;",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
