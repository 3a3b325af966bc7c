//! Why bytes are no plan, and which version of them is read.
//!
//! Not here: the form itself ([`Plan::decode`]).

use crate::prelude::*;
use crate::{Plan, PlanError};

/// The version of the form, which changes with every change of it.
pub(super) const VERSION: u16 = 1;

/// Why bytes are no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum DecodeError {
    #[error("these bytes are no compiled plan")]
    NotAPlan,
    #[error("the plan has version {found}, and this program reads version {VERSION}")]
    Version { found: u16 },
    #[error("the plan says that it has {said} bytes, and it has {found}")]
    Length { said: u32, found: usize },
    #[error("the plan is longer than {} bytes", Plan::LONGEST_ENCODING)]
    TooLong,
    #[error("the plan ends in the middle of a value, at byte {at}")]
    Truncated { at: usize },
    #[error("byte {at} of the plan is not in the one form that it may have")]
    Malformed { at: usize },
    #[error("the plan is for an {card:?}, which this program does not know")]
    UnknownCard { card: String },
    #[error("the plan was made for an {card} with other limits than this program knows")]
    OtherLimits { card: &'static str },
    #[error("the plan is not lawful: {first}")]
    Unlawful {
        /// What is wrong; there may be more.
        first: PlanError,
    },
}

impl DecodeError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotAPlan => "name a file that `lockgate compile` wrote, or a policy",
            Self::UnknownCard { .. } => "compile the policy for a card that there is a driver for",
            Self::Unlawful { first } => first.kind.help(),
            _ => "compile the policy again, with this version of `lockgate`",
        }
    }
}
