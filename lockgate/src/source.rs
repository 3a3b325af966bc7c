//! The policy file as text, so that an error can point into it.
//!
//! Errors read `FILE:LINE:COL: message`, which editors and terminals turn into a
//! jump, with the line and a caret below, and the other side of a conflict where
//! there is one.
//!
//! Not here: what is wrong with a policy (`lockgate-policy`).

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use lockgate_policy::{Place, PolicyError, PolicyErrors};
use lockgate_vmdq::Plan;

use crate::error::Failure;

/// More than any policy needs; the time that a check takes grows with the square.
const MAX_BYTES: u64 = 256 << 10;

/// Most characters of one line, its number included.
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
        let first = errors.first();
        let more: Vec<_> = errors.iter().skip(1).collect();
        let titles: Vec<_> = more
            .iter()
            .map(|more| self.located(more.at, more))
            .collect();
        let mut groups = vec![Group::with_level(Level::ERROR).element(self.snippet(first))];
        for (more, title) in more.iter().zip(&titles).take(MOST_MORE) {
            let title = Level::ERROR.no_name().primary_title(title);
            let help = Level::HELP.message(more.help());
            groups.push(title.element(self.snippet(more)).element(help));
        }
        let failure = Failure::usage(self.located(first.at, first), first.help());
        self.show(failure, &groups)
    }

    /// That what stands at byte `at` cannot be done.
    pub fn refuse_at(&self, at: usize, message: &str, help: &str) -> Failure {
        let snippet = self.marked(at, None);
        let groups = [Group::with_level(Level::ERROR).element(snippet)];
        self.show(Failure::usage(self.located(at, &message), help), &groups)
    }

    /// A failure with what it is about shown below; an empty file has nothing to show.
    fn show(&self, failure: Failure, groups: &[Group<'_>]) -> Failure {
        if self.text.is_empty() {
            return failure;
        }
        let renderer = Renderer::plain().term_width(EXCERPT_CHARS);
        failure.with_excerpt(renderer.render(groups))
    }

    fn snippet(&self, error: &PolicyError) -> Snippet<'_, Annotation<'_>> {
        self.marked(error.at, error.also)
    }

    /// The lines of the character at byte `at`, and of the other side if there is one.
    fn marked(&self, at: usize, also: Option<usize>) -> Snippet<'_, Annotation<'_>> {
        let primary = AnnotationKind::Primary.span(self.character(at));
        let snippet = Snippet::source(&self.text).annotation(primary);
        match also {
            None => snippet,
            Some(also) => {
                let other = AnnotationKind::Context.span(self.character(also));
                snippet.annotation(other.label("the other side"))
            }
        }
    }

    /// The bytes of the character that starts at byte `at`; none at the end of a line.
    fn character(&self, at: usize) -> Range<usize> {
        let rest = self.text.get(at..).unwrap_or("");
        let start = self.text.len() - rest.len();
        let next = rest.chars().next().filter(|next| *next != '\n');
        start..start + next.map_or(0, char::len_utf8)
    }

    /// A message with the place that it is about before it. It may quote the policy, and a
    /// control character could move a terminal's cursor.
    fn located(&self, at: usize, message: &dyn fmt::Display) -> String {
        let Place { line, column } = Place::of(&self.text, at);
        let message = message.to_string().replace(char::is_control, "\u{fffd}");
        format!("{}:{line}:{column}: {message}", self.path.display())
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

    /// What is shown of the place at byte `at`.
    fn excerpt(text: &str, at: usize) -> String {
        let shown = source(text).refuse_at(at, "odd", "").to_string();
        let lines: Vec<_> = shown.lines().skip(2).collect();
        lines.join("\n")
    }

    #[test]
    fn of_a_long_line_the_part_around_the_caret_is_shown() {
        let text = format!("{}here{}", "a".repeat(5000), "b".repeat(5000));
        let excerpt = excerpt(&text, 5000);
        let lines: Vec<_> = excerpt.lines().collect();
        assert!(lines[0].len() < 140, "{excerpt}");
        assert_eq!(lines[0].find("here"), lines[1].find('^'));
    }

    #[test]
    fn the_caret_stands_under_its_character() {
        let text = "[nic]\nname = \"né\" 3\n";
        let at = text.find('3').unwrap();
        assert_eq!(excerpt(text, at), "2 | name = \"né\" 3\n  |             ^");
    }

    #[test]
    fn a_place_past_the_end_is_shown_at_the_end() {
        assert_eq!(excerpt("", 1), "");
        assert_eq!(excerpt("a", 9), "1 | a\n  |  ^");
    }

    #[test]
    fn every_error_of_a_kind_is_shown_with_its_place_and_remedy() {
        let text = "[nic]\ndevice = 'model:82576'\n[[partition]]\nname = 'a b'\n\
                    [[partition]]\nname = 'c'\nmacs = ['00:00:00:00:00:00']\n";
        let machine = lockgate_vmdq::Machine { cores: vec![0] };
        let policy = lockgate_policy::Policy::parse(text).unwrap();
        let errors = policy.check(&lockgate_vmdq::Capabilities::I82576, &machine);
        let shown = source(text).refuse(&errors.unwrap_err()).to_string();
        for part in [
            "p.toml:4:8: \"a b\" is no name",
            "4 | name = 'a b'",
            "p.toml:7:9: 00:00:00:00:00:00 is no unicast address",
            "7 | macs = ['00:00:00:00:00:00']",
            "= help: correct the address",
            "\n  help: use letters",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn an_escape_sequence_in_a_policy_does_not_reach_the_terminal() {
        assert!(!excerpt("a\x1b[2Jb", 0).contains('\x1b'));
        let text = "[nic]\ndevice = 'model:82576'\n[[partition]]\nname = 'a'\n[[flow]]\n\
                    from = \"\\u001b[2J\"\nto = 'a'\n";
        let machine = lockgate_vmdq::Machine { cores: vec![0] };
        let policy = lockgate_policy::Policy::parse(text).unwrap();
        let errors = policy.check(&lockgate_vmdq::Capabilities::I82576, &machine);
        let shown = source(text).refuse(&errors.unwrap_err()).to_string();
        assert!(
            shown.contains("a flow names") && !shown.contains('\x1b'),
            "{shown}"
        );
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
