//! Why the image ends, for a person and as QEMU's exit status.

use core::fmt;

use lockgate_dataplane::wiring::WiringError;
use lockgate_drivers::Error;
use lockgate_lane::LaneError;
use lockgate_vmdq::DecodeError;

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
    /// The module is no plan, or none that a policy could have.
    PlanRefused(DecodeError),
    /// There is no card to drive.
    Card(pci::Error),
    /// The driver refuses card or plan, or the card does not do as it is told.
    Driver(Error),
    /// The card holds something else than the plan.
    ReadBack,
    /// The plan wants more workers than the image has cores.
    Workers(usize),
    /// The plan's frames fit no lane.
    Lane(LaneError),
    /// The lanes do not fit the plan.
    Wiring(WiringError),
    /// The cable is out.
    NoLink,
}

impl Failure {
    /// What is written to `isa-debug-exit`.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::NoPlan => 0x11,
            Self::PlanRefused(_) => 0x12,
            Self::Card(_) => 0x13,
            Self::Driver(_) | Self::ReadBack => 0x14,
            Self::Workers(_) | Self::Lane(_) | Self::Wiring(_) | Self::NoLink => 0x15,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan => {
                f.write_str("no plan: pass one as the loader's module (`-initrd PLAN`)")
            }
            Self::PlanRefused(why) => write!(f, "the plan is refused: {why}: {}", why.help()),
            Self::Card(error) => error.fmt(f),
            Self::Driver(error) => error.fmt(f),
            Self::ReadBack => {
                f.write_str("the card's registers do not hold the plan: nothing was let through")
            }
            Self::Workers(wanted) => write!(
                f,
                "the plan has {wanted} workers and the image one core: compile it with \
                 `nic.workers` of one core"
            ),
            Self::Lane(error) => error.fmt(f),
            Self::Wiring(error) => error.fmt(f),
            Self::NoLink => f.write_str("the card gets no link: is the cable in?"),
        }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::PlanRefused(error)
    }
}

impl From<WiringError> for Failure {
    fn from(error: WiringError) -> Self {
        Self::Wiring(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl From<LaneError> for Failure {
    fn from(error: LaneError) -> Self {
        Self::Lane(error)
    }
}
