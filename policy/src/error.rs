//! Why a policy is refused, and where.
//!
//! One variant per refusal of the text; what makes a plan unlawful is a
//! [`PlanErrorKind`] with its places found in the text. Each names both sides and says what to do
//! about it; each points at the offending item and, where there is one, at the other side.
//!
//! Not here: printing, which has the policy's text and name.

use std::fmt;

use lockgate_vmdq::PlanErrorKind;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` of `text`; of its end if there is no such byte.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let last = before.rsplit('\n').next().unwrap_or("");
        Self {
            line: before.split('\n').count(),
            column: last.chars().count() + 1,
        }
    }
}

/// One refusal: what is wrong, what to do, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// What is wrong; boxed, since every check returns it.
    pub kind: Box<PolicyErrorKind>,
    /// Byte offset of the offending item; [`Place::of`] makes it a line and a column.
    pub at: usize,
    /// Offset of the other side.
    pub also: Option<usize>,
}

impl PolicyError {
    /// What to do about it.
    pub fn help(&self) -> &str {
        self.kind.help()
    }
}

/// Everything that is wrong with a policy of the first kind that was found; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyErrors {
    first: PolicyError,
    rest: Vec<PolicyError>,
}

impl PolicyErrors {
    /// `None` of an empty list.
    pub(crate) fn of(errors: Vec<PolicyError>) -> Option<Self> {
        let mut errors = errors.into_iter();
        Some(Self {
            first: errors.next()?,
            rest: errors.collect(),
        })
    }

    /// The first, in the order of the text as far as the checks keep it.
    pub fn first(&self) -> &PolicyError {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyError> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl From<PolicyError> for PolicyErrors {
    fn from(first: PolicyError) -> Self {
        let rest = Vec::new();
        Self { first, rest }
    }
}

impl fmt::Display for PolicyErrors {
    /// A line for each: cause and remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}: {}", error.help())?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PolicyErrorKind {
    #[error("{message}")]
    Toml { message: String },
    #[error("partition `{name}` has level `{level}`, which `levels.order` does not list")]
    UnknownLevel { name: String, level: String },
    #[error("a flow names `{name}`, and no partition has that name")]
    UnknownPartition { name: String },
    #[error("unknown kind `{found}`, expected one of {known}")]
    UnknownAttachment { found: String, known: String },
    #[error("missing key `{key}` of an attachment by `{kind}`")]
    MissingKey {
        kind: &'static str,
        key: &'static str,
    },
    #[error("unknown key `{key}` of an attachment by `{kind}`, expected one of {known}")]
    UnknownKey {
        kind: &'static str,
        key: &'static str,
        known: String,
    },
    #[error("{found} is not right: {right}")]
    BadValue { found: String, right: String },
    #[error("the wire has both `{first}` and `{second}`")]
    WireTwice {
        first: &'static str,
        second: &'static str,
    },
    #[error("so many names are new that the plan before has no numbers left for them")]
    NoNumbers,
    #[error("{0}")]
    Plan(PlanErrorKind),
}

impl PolicyErrorKind {
    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Toml { .. } => "correct the text at this place",
            Self::UnknownLevel { .. } => "list it there",
            Self::UnknownPartition { .. } => "correct it, or add one",
            Self::UnknownAttachment { .. } => "choose one of those",
            Self::MissingKey { .. } => "add it",
            Self::UnknownKey { .. } => "remove it, or correct its name or the `kind`",
            Self::BadValue { .. } => "correct the value",
            Self::WireTwice { .. } => "keep one of the two",
            Self::NoNumbers => "remove the old partitions first, then add the new ones",
            Self::Plan(kind) => kind.help(),
        }
    }

    /// The refusal of the item at byte offset `at`.
    pub(crate) fn at(self, at: usize) -> PolicyError {
        PolicyError {
            kind: Box::new(self),
            at,
            also: None,
        }
    }
}
