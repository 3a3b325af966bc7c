//! Why the image ends, for a person and as QEMU's exit status.

use core::fmt;

use alloc::string::String;

use crate::pci;

/// What the image writes to `isa-debug-exit`; QEMU's exit status is `2 * code + 1`.
pub(crate) const DONE: u8 = 0x10;
/// As [`DONE`], of a panic or an exception.
pub(crate) const CRASHED: u8 = 0x1f;

/// Why the image cannot go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The loader passed no module.
    NoPlan,
    /// The module is no policy that this card can hold.
    PlanRefused(String),
    /// There is no card to drive.
    Card(pci::Error),
}

impl Failure {
    /// What is written to `isa-debug-exit`.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::NoPlan => 0x11,
            Self::PlanRefused(_) => 0x12,
            Self::Card(_) => 0x13,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan => {
                f.write_str("no plan: pass one as the loader's module (`-initrd PLAN`)")
            }
            Self::PlanRefused(why) => write!(f, "the plan is refused: {why}"),
            Self::Card(error) => error.fmt(f),
        }
    }
}
