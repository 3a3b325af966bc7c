//! Debian's package manager: which packages are missing, and getting them.
//!
//! The one rule: no host is named here. Where Debian's own release is too old, the
//! backports come from the mirror that the machine already uses: its first
//! Debian stanza, copied with another suite, of lower rank than everything else and
//! gone again once it has been used: no other installation gets anything from it.
//!
//! Not here: which packages anybody needs ([`crate::setup`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{output, run};
use crate::error::Error;

/// What the extra source is called under `sources.list.d`, without its ending.
const EXTRA: &str = "lockgate-backports";

/// What gives it its rank.
const PIN: &str = "/etc/apt/preferences.d/lockgate-backports";

/// A source to add to the machine's own.
pub(crate) struct Source {
    path: PathBuf,
    text: String,
    suite: String,
}

impl Source {
    /// The machine's first Debian source, with the backports of its release in
    /// place of its suites; `None` where the release has all that is needed.
    pub(crate) fn backports() -> Result<Option<Self>, Error> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let Some(codename) = value(&release, "VERSION_CODENAME") else {
            return Ok(None);
        };
        if codename != "bookworm" {
            return Ok(None);
        }
        let suite = format!("{codename}-backports");
        let lists = source_lists();
        lists
            .iter()
            .find_map(|(path, text)| derive(path, text, &codename, &suite))
            .map(Some)
            .ok_or(Error::NoSource { codename })
    }

    /// What keeps apt from taking anything else from it: only what is asked for by `-t`.
    fn pin(&self) -> String {
        format!(
            "Package: *\nPin: release n={}\nPin-Priority: 1\n",
            self.suite
        )
    }
}

/// A source of the machine's while it is needed; dropped, it is gone.
pub(crate) struct Enabled {
    suite: Option<String>,
}

impl Enabled {
    /// Puts the backports in place, if the release needs them, and reads all lists anew.
    pub(crate) fn backports() -> Result<Self, Error> {
        remove_extra();
        let source = Source::backports()?;
        let enabled = Self {
            suite: source.as_ref().map(|source| source.suite.clone()),
        };
        if let Some(source) = source {
            write(&source.path, &source.text)?;
            write(Path::new(PIN), &source.pin())?;
        }
        run(Command::new("apt-get").args(["-q", "update"]))?;
        Ok(enabled)
    }

    /// Installs `packages`, as root.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<(), Error> {
        run(Command::new("apt-get")
            .args(arguments(self.suite.as_deref(), packages))
            .env("DEBIAN_FRONTEND", "noninteractive"))
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        remove_extra();
    }
}

/// Removes what [`Enabled`] adds, and what one left that was interrupted.
pub(crate) fn remove_extra() {
    for ending in ["list", "sources"] {
        let _ = fs::remove_file(format!("/etc/apt/sources.list.d/{EXTRA}.{ending}"));
    }
    let _ = fs::remove_file(PIN);
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File {
        path: path.into(),
        source,
    })
}

/// Where the machine's first Debian source is.
pub(crate) fn mirror() -> Result<String, Error> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = value(&release, "VERSION_CODENAME").unwrap_or_default();
    let lists = source_lists();
    let found = lists.iter().find_map(|(path, text)| {
        let source = derive(path, text, &codename, &codename)?;
        uri(&source.text).map(str::to_owned)
    });
    found.ok_or(Error::NoSource { codename })
}

/// The first address in a source of either form.
fn uri(source: &str) -> Option<&str> {
    let words = source
        .lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
    words
        .flat_map(str::split_whitespace)
        .find(|word| word.contains(":/"))
}

/// Installs `packages` of the machine's own release, as root.
pub(crate) fn install(packages: &[&str]) -> Result<(), Error> {
    run(Command::new("apt-get").args(["-q", "update"]))?;
    run(Command::new("apt-get")
        .args(arguments(None, packages))
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// What installs `packages`, as shell commands, for whoever has to ask somebody else.
pub(crate) fn commands(packages: &[&str]) -> Result<String, Error> {
    let source = Source::backports()?;
    let suite = source.as_ref().map(|source| source.suite.as_str());
    let (mut before, mut after) = (String::new(), String::new());
    if let Some(source) = &source {
        let path = source.path.display();
        before += &format!("  tee {path} <<'END'\n{}END\n", source.text);
        before += &format!("  tee {PIN} <<'END'\n{}END\n", source.pin());
        after = format!("  rm {path} {PIN}\n");
    }
    let install = arguments(suite, packages).join(" ");
    Ok(before
        + "  apt-get update\n"
        + &format!("  DEBIAN_FRONTEND=noninteractive apt-get {install}\n")
        + &after)
}

fn arguments<'a>(suite: Option<&'a str>, packages: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["-q", "install", "-y", "--no-install-recommends"];
    if let Some(suite) = suite {
        arguments.extend(["-t", suite]);
    }
    arguments.extend(packages);
    arguments
}

/// The newest kernel package that the meta package `meta` stands for.
pub(crate) fn newest_dependency(meta: &str) -> Result<String, Error> {
    let text = output(Command::new("apt-cache").args(["show", meta]))?;
    newest_kernel(&text).ok_or_else(|| Error::NoPackage { name: meta.into() })
}

/// Downloads the newest `package` into `folder` and returns the file.
pub(crate) fn download(package: &str, folder: &Path) -> Result<PathBuf, Error> {
    run(Command::new("apt-get")
        .args(["-q", "-o", "APT::Sandbox::User=root", "download", package])
        .current_dir(folder))?;
    let entries = fs::read_dir(folder).map_err(|source| Error::File {
        path: folder.into(),
        source,
    })?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .ok_or_else(|| Error::NoPackage {
            name: package.into(),
        })
}

/// Picks the kernel with the highest version out of `apt-cache show`.
fn newest_kernel(text: &str) -> Option<String> {
    let depends = text.lines().filter_map(|l| l.strip_prefix("Depends: "));
    let names = depends.flat_map(|line| line.split([',', ' ', '|']));
    names
        .filter(|name| name.starts_with("linux-image-"))
        .max_by_key(|name| numbers(name))
        .map(str::to_owned)
}

/// The numbers in a name, in order: what versions are compared by.
pub(crate) fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// The files that name sources, in the order that apt reads them.
fn source_lists() -> Vec<(PathBuf, String)> {
    let folder = fs::read_dir("/etc/apt/sources.list.d");
    let mut paths: Vec<PathBuf> = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_stem().is_none_or(|stem| stem != EXTRA))
        .collect();
    paths.sort();
    paths.insert(0, "/etc/apt/sources.list".into());
    paths
        .into_iter()
        .filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text)))
        .collect()
}

/// The first Debian source of `text`, pointed at `suite`.
fn derive(path: &Path, text: &str, codename: &str, suite: &str) -> Option<Source> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let ending = path.extension()?.to_str()?;
    let text = match ending {
        "sources" => derive_stanza(text, codename, suite)?,
        "list" => derive_line(text, codename, suite)?,
        _ => return None,
    };
    Some(Source {
        path: folder.join(format!("{EXTRA}.{ending}")),
        text,
        suite: suite.into(),
    })
}

/// deb822: stanzas of `Key: value` lines, a blank line between two.
fn derive_stanza(text: &str, codename: &str, suite: &str) -> Option<String> {
    let stanza = text.split("\n\n").find(|stanza| {
        let field = |name: &str| {
            let mut lines = stanza.lines();
            lines.find_map(|line| line.strip_prefix(name)).unwrap_or("")
        };
        field("Types:").split_whitespace().any(|kind| kind == "deb")
            && field("Suites:").split_whitespace().any(|s| s == codename)
    })?;
    let lines = stanza.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| !line.trim().is_empty());
    let renamed = lines.map(|line| {
        if line.starts_with("Suites:") {
            format!("Suites: {suite}\n")
        } else {
            format!("{line}\n")
        }
    });
    Some(renamed.collect())
}

/// One line: `deb [options] URI suite components`.
fn derive_line(text: &str, codename: &str, suite: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?;
        let (head, components) = rest.split_once(&format!(" {codename} "))?;
        Some(format!("deb {head} {suite} {components}\n"))
    })
}

/// The value of `key` in a file of shell assignments.
fn value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix('=')?;
        Some(value.trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_keeps_all_but_its_suites_and_comments() {
        let text = "Types: deb\n# an old mirror\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://other.example/\nSuites: bookworm-security\n";
        assert_eq!(
            derive_stanza(text, "bookworm", "bookworm-backports").unwrap(),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n"
        );
    }

    #[test]
    fn a_stanza_of_another_vendor_is_passed_over() {
        let text = "Types: deb\nURIs: https://vendor.example/\nSuites: nodistro\n\nTypes: deb-src\nURIs: http://s.example/\nSuites: bookworm\n\nTypes: deb\nURIs: http://m.example/\nSuites: bookworm\n";
        let derived = derive_stanza(text, "bookworm", "bookworm-backports").unwrap();
        assert!(derived.contains("http://m.example/"), "{derived}");
    }

    #[test]
    fn a_line_keeps_its_options_and_components() {
        let text = "# deb http://x bookworm main\ndeb [signed-by=/k] http://m/debian bookworm main contrib\n";
        assert_eq!(
            derive_line(text, "bookworm", "bookworm-backports").unwrap(),
            "deb [signed-by=/k] http://m/debian bookworm-backports main contrib\n"
        );
    }

    #[test]
    fn the_address_of_a_source_is_found_in_both_forms() {
        let stanza = "Types: deb\nURIs: http://m.example/debian https://o/\nSuites: x\n";
        assert_eq!(uri(stanza), Some("http://m.example/debian"));
        assert_eq!(
            uri("deb [signed-by=/k] file:/srv/debian x main\n"),
            Some("file:/srv/debian")
        );
        assert_eq!(uri("Types: deb\n"), None);
    }

    #[test]
    fn the_security_suite_is_not_the_release() {
        let text = "deb http://m/debian-security bookworm-security main\n";
        assert_eq!(derive_line(text, "bookworm", "bookworm-backports"), None);
    }

    #[test]
    fn the_newest_kernel_is_chosen_by_number_not_by_letter() {
        let text = "Depends: linux-image-6.9.7-cloud-amd64 (= 6.9.7-1~bpo12+1)\n\nDepends: linux-image-6.12.30-cloud-amd64 (= 6.12.30-1)\n\nDepends: linux-image-6.1.0-37-cloud-amd64 (= 6.1.140-1)\n";
        assert_eq!(
            newest_kernel(text).unwrap(),
            "linux-image-6.12.30-cloud-amd64"
        );
    }
}
