//! The policy file as text, so that an error can point into it.
//!
//! Errors read `FILE:LINE:COL: message`, which editors and terminals turn into a
//! jump, with the line and a caret below, and the other side of a conflict where
//! there is one.
//!
//! Not here: what is wrong with a policy (`lockgate-policy`).

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lockgate_policy::{Place, PolicyErrors};
use lockgate_vmdq::Plan;

use crate::error::Failure;

/// More than any policy needs; the time that a check takes grows with the square.
const MAX_BYTES: u64 = 256 << 10;

/// Most that is shown of one line.
const EXCERPT_CHARS: usize = 120;

/// Most errors that are shown beside the first.
const MOST_MORE: usize = 10;

/// What a file that a command is given may be.
#[derive(Debug, Clone)]
pub enum Content {
    /// A policy's text, or what claims to be one.
    Text(Source),
    /// A compiled plan's bytes, or what claims to be one.
    Compiled(Vec<u8>),
}

impl Content {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A usage failure when it is not there, cannot be read, is too long, or is neither text nor
    /// a plan.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        let longest = MAX_BYTES.max(Plan::LONGEST_ENCODING as u64);
        File::open(path)
            .and_then(|file| file.take(longest + 1).read_to_end(&mut bytes))
            .map_err(|error| cannot_read(path, &error))?;
        if Plan::is_encoded(&bytes) {
            return Ok(Self::Compiled(bytes));
        }
        Source::of_bytes(path, bytes).map(Self::Text)
    }
}

/// A policy file that has been read.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Failure> {
        let shown = path.display();
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::usage(
                format!("{shown} is longer than 256 KiB: it is not a policy"),
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
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `errors`, which are about this file, in words for its author.
    pub fn refuse(&self, errors: &PolicyErrors) -> Failure {
        let error = errors.first();
        let mut excerpt = self.excerpt(Place::of(&self.text, error.at), "");
        if let Some(other) = error.also {
            excerpt += &self.excerpt(Place::of(&self.text, other), " the other side");
        }
        for more in errors.iter().skip(1).take(MOST_MORE) {
            excerpt += &format!(
                "  also: {} ({})\n",
                self.located(more.at, more),
                more.help()
            );
        }
        Failure::usage(self.located(error.at, error), error.help()).with_excerpt(excerpt)
    }

    /// That what stands at byte `at` cannot be done.
    pub fn refuse_at(&self, at: usize, message: String, help: &str) -> Failure {
        let excerpt = self.excerpt(Place::of(&self.text, at), "");
        Failure::usage(self.located(at, &message), help).with_excerpt(excerpt)
    }

    /// A message with the place that it is about before it.
    fn located(&self, at: usize, message: &dyn fmt::Display) -> String {
        let Place { line, column } = Place::of(&self.text, at);
        format!("{}:{line}:{column}: {message}", self.path.display())
    }

    /// The line of a place and a caret under its column; nothing past the end of the file.
    fn excerpt(&self, Place { line, column }: Place, note: &str) -> String {
        let mut excerpt = String::new();
        if let Some(text) = self.text.lines().nth(line.saturating_sub(1)) {
            // Tabs stay tabs and the rest become spaces, so that the caret stands
            // under its character whatever a tab is worth.
            let before = column.saturating_sub(1);
            // Of a long line, what is around the caret.
            let from = before.saturating_sub(EXCERPT_CHARS / 2);
            let part = || text.chars().skip(from).take(EXCERPT_CHARS);
            let blank = |c| if c == '\t' { '\t' } else { ' ' };
            let indent: String = part().take(before - from).map(blank).collect();
            let shown: String = part().map(harmless).collect();
            let _ = writeln!(excerpt, "  {line:>4} | {shown}");
            let _ = writeln!(excerpt, "       | {indent}^{note}");
        }
        excerpt
    }
}

/// A control character could move a terminal's cursor; a tab may.
fn harmless(c: char) -> char {
    if c.is_control() && c != '\t' {
        '\u{fffd}'
    } else {
        c
    }
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
    fn of_a_long_line_the_part_around_the_caret_is_shown() {
        let source = source(&format!("{}here{}", "a".repeat(5000), "b".repeat(5000)));
        let excerpt = source.excerpt(
            Place {
                line: 1,
                column: 5001,
            },
            "",
        );
        let lines: Vec<_> = excerpt.lines().collect();
        assert!(lines[0].len() < 140, "{excerpt}");
        assert_eq!(lines[0].find("here"), lines[1].find('^'));
    }

    #[test]
    fn the_caret_stands_under_the_column_counted_in_characters() {
        let source = source("[nic]\n\tné = \"x\"\n");
        assert_eq!(
            source.excerpt(Place { line: 2, column: 4 }, ""),
            "     2 | \tné = \"x\"\n       | \t  ^\n"
        );
    }

    #[test]
    fn a_place_past_the_end_has_no_excerpt() {
        let excerpt = |text, line, column| source(text).excerpt(Place { line, column }, "");
        assert_eq!(excerpt("", 1, 1), "");
        assert_eq!(excerpt("a\n", 9, 1), "");
        assert_eq!(excerpt("a", 0, 0), "     0 | a\n       | ^\n");
    }

    #[test]
    fn a_colon_that_the_policy_wrote_is_part_of_the_cause() {
        let text = "[nic]\ndevice = 'model:82576'\n[[partition]]\nname = 'a: b'\n";
        let machine = lockgate_vmdq::Machine { cores: vec![0] };
        let policy = lockgate_policy::Policy::parse(text).unwrap();
        let error = policy
            .check(&lockgate_vmdq::Capabilities::I82576, &machine)
            .unwrap_err();
        let failure = source(text).refuse(&error);
        assert!(
            failure
                .message()
                .starts_with("p.toml:4:8: \"a: b\" is no name"),
            "{failure}"
        );
        assert!(
            failure.help().unwrap().starts_with("use letters"),
            "{failure}"
        );
    }

    #[test]
    fn an_escape_sequence_in_a_policy_does_not_reach_the_terminal() {
        assert!(
            !source("a\x1b[2Jb")
                .excerpt(Place { line: 1, column: 1 }, "")
                .contains('\x1b')
        );
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
            (Path::new("/dev/zero"), "longer than 256 KiB"),
        ] {
            let failure = Content::read(path).unwrap_err();
            assert_eq!(failure.status(), 2);
            assert!(failure.message().contains(words), "{failure}");
        }
    }
}
