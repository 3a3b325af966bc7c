//! Why a policy is refused.
//!
//! One variant per refusal. Each message names both sides; the error points at the
//! offending item, and at the other side where there is one.

use alloc::string::String;

use crate::policy::Place;

/// A refused policy: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    /// What is wrong.
    pub kind: PolicyErrorKind,
    /// Line of the offending item, from 1.
    pub line: u32,
    /// Its column in characters, from 1.
    pub column: u32,
    /// Where the other side stands.
    pub also: Option<Place>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum PolicyErrorKind {
    #[error("{0}")]
    Syntax(String),
}

impl PolicyError {
    /// What to do about it, as one sentence without a full stop.
    pub fn help(&self) -> &'static str {
        "correct the TOML"
    }
}
