//! Why a command could not be done.
//!
//! A [`Failure`] is one cause and one remedy, in words for the person who typed
//! the command; `main` prints it once, on standard error. The exit status says
//! whose turn it is: 2 the command line, the policy or a file it names must
//! change, 1 something failed while running.
//!
//! Not here: the causes themselves; libraries return their own enums, and whoever
//! calls them knows which status they mean.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// One cause, one remedy, one exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    excerpt: Option<String>,
    help: Option<String>,
    status: u8,
}

impl Failure {
    /// What was asked for is wrong: exit status 2.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(message.into(), help.into(), 2)
    }

    /// It failed while running: exit status 1.
    pub fn running(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(message.into(), help.into(), 1)
    }

    /// A library's error as [`Failure::usage`]; see [`Failure::running_of`].
    pub fn usage_of(error: &dyn Error) -> Self {
        let (message, help) = split(error);
        Self::new(message, help, 2)
    }

    /// A library's error as [`Failure::running`]. Its message is `cause: remedy`; its
    /// sources say more about the cause.
    pub fn running_of(error: &dyn Error) -> Self {
        let (message, help) = split(error);
        Self::new(message, help, 1)
    }

    /// Shows `excerpt`, whole lines of a source text, between message and help.
    #[must_use]
    pub fn with_excerpt(self, excerpt: impl Into<String>) -> Self {
        Self {
            excerpt: Some(excerpt.into()),
            ..self
        }
    }

    /// What is wrong, naming the thing.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The exit status: 1 or 2.
    pub fn status(&self) -> u8 {
        self.status
    }

    fn new(message: String, help: String, status: u8) -> Self {
        Self {
            message,
            excerpt: None,
            help: Some(help).filter(|help| !help.is_empty()),
            status,
        }
    }
}

/// Cause, with those behind it in brackets, and remedy.
fn split(error: &dyn Error) -> (String, String) {
    let text = error.to_string();
    let (cause, remedy) = text.split_once(": ").unwrap_or((&text, ""));
    let mut message = cause.to_owned();
    let mut source = error.source();
    while let Some(deeper) = source {
        message += &format!(" ({deeper})");
        source = deeper.source();
    }
    (message, remedy.to_owned())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{}", excerpt.trim_end())?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        Self::from(failure.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_its_cause_then_its_remedy() {
        let failure = Failure::usage("no such file: a.toml", "check the path");
        assert_eq!(
            failure.to_string(),
            "no such file: a.toml\n  help: check the path"
        );
        assert_eq!(failure.status(), 2);
    }

    #[test]
    fn an_excerpt_stands_between_cause_and_remedy() {
        let failure = Failure::running("a:1:2: odd", "even it").with_excerpt("  1 | x\n    | ^\n");
        assert_eq!(
            failure.to_string(),
            "a:1:2: odd\n  1 | x\n    | ^\n  help: even it"
        );
        assert_eq!(failure.status(), 1);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open 0000:03:00.0: load it")]
    struct Library {
        source: std::io::Error,
    }

    #[test]
    fn an_error_of_a_library_is_split_into_cause_and_remedy() {
        let source = std::io::ErrorKind::NotFound.into();
        let failure = Failure::usage_of(&Library { source });
        assert_eq!(
            failure.message(),
            "cannot open 0000:03:00.0 (entity not found)"
        );
        assert_eq!(failure.help(), Some("load it"));
        let failure = Failure::running_of(&std::io::Error::other("odd"));
        assert_eq!((failure.message(), failure.help()), ("odd", None));
    }

    #[test]
    fn an_empty_remedy_is_not_printed() {
        assert_eq!(Failure::usage("odd", "").to_string(), "odd");
    }
}
