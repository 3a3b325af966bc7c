//! The policy file as text, so that an error can point into it.
//!
//! Errors read `FILE:LINE:COL: message`, which editors and terminals turn into a
//! jump, with the line and a caret below, and the other side of a conflict where
//! there is one.
//!
//! Not here: what is wrong with a policy (`lockgate-vmdq`).

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lockgate_vmdq::PolicyError;

use crate::error::Failure;

/// More than any policy needs, and little enough to read in one go.
const MAX_BYTES: u64 = 4 << 20;

/// A policy file that has been read.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A usage failure when it is not there, cannot be read or is not text.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| cannot_read(path, &error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::usage(
                format!("{shown} is longer than 4 MiB: it is not a policy"),
                "name the policy file",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            Failure::usage(
                format!("{shown} is not text: byte {place} is not UTF-8"),
                "name the policy file, or save it as UTF-8",
            )
        })?;
        Ok(Self::new(path, text))
    }

    /// The policy `text` of the file at `path`.
    pub fn new(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `error`, which is about this file, in words for its author.
    pub fn refuse(&self, error: &PolicyError) -> Failure {
        let PolicyError { line, column, .. } = error;
        let message = format!("{}:{line}:{column}: {error}", self.path.display());
        let mut excerpt = self.excerpt(*line, *column, "");
        if let Some(other) = error.also {
            excerpt += &self.excerpt(other.line, other.column, " the other side");
        }
        Failure::usage(message, error.help()).with_excerpt(excerpt)
    }

    /// Line `line` and a caret under its `column`; nothing past the end of the file.
    fn excerpt(&self, line: u32, column: u32, note: &str) -> String {
        let mut excerpt = String::new();
        let index = (line as usize).saturating_sub(1);
        if let Some(text) = self.text.lines().nth(index) {
            // Tabs stay tabs and the rest become spaces, so that the caret stands
            // under its character whatever a tab is worth.
            let before = (column as usize).saturating_sub(1);
            let blank = |c| if c == '\t' { '\t' } else { ' ' };
            let indent: String = text.chars().take(before).map(blank).collect();
            let shown: String = text.chars().map(harmless).collect();
            let _ = writeln!(excerpt, "  {line:>4} | {shown}");
            let _ = writeln!(excerpt, "       | {indent}^{note}");
        }
        excerpt
    }
}

/// A control character could move a terminal's cursor; a tab may.
fn harmless(c: char) -> char {
    if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(
            format!("there is no policy {shown}"),
            "check the path; examples/mils.toml is a policy to start from",
        ),
        io::ErrorKind::IsADirectory => Failure::usage(
            format!("{shown} is a folder, not a policy"),
            "name the policy file inside it",
        ),
        _ => Failure::usage(
            format!("cannot read {shown}: {error}"),
            "name a policy file that you may read",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("p.toml"), text.to_owned())
    }

    #[test]
    fn the_caret_stands_under_the_column_counted_in_characters() {
        let source = source("[nic]\n\tné = \"x\"\n");
        assert_eq!(source.excerpt(2, 4, ""), "     2 | \tné = \"x\"\n       | \t  ^\n");
    }

    #[test]
    fn a_place_past_the_end_has_no_excerpt() {
        assert_eq!(source("").excerpt(1, 1, ""), "");
        assert_eq!(source("a\n").excerpt(9, 1, ""), "");
        assert_eq!(source("a").excerpt(0, 0, ""), "     0 | a\n       | ^\n");
    }

    #[test]
    fn an_escape_sequence_in_a_policy_does_not_reach_the_terminal() {
        assert!(!source("a\x1b[2Jb").excerpt(1, 1, "").contains('\x1b'));
    }

    #[test]
    fn what_cannot_be_a_policy_is_refused_before_it_is_parsed() {
        let folder = tempfile::tempdir().unwrap();
        let latin1 = folder.path().join("latin1.toml");
        std::fs::write(&latin1, b"name = \"\xe9\"").unwrap();
        for (path, words) in [
            (folder.path(), "is a folder"),
            (&folder.path().join("no.toml"), "there is no policy"),
            (&latin1, "byte 8 is not UTF-8"),
            (Path::new("/dev/zero"), "longer than 4 MiB"),
        ] {
            let failure = Source::read(path).unwrap_err();
            assert_eq!(failure.status(), 2);
            assert!(failure.message().contains(words), "{failure}");
        }
    }
}
