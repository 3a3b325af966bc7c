//! The same tests over every device that has the feature, through the driver, without
//! a worker: what they see, the hardware alone decided.
//!
//! Each feature is tested on each device, or the catalogue says why the device has
//! nothing to test; either is recorded for `docs/validation.md`.
//!
//! Not here: what a device does without the driver (`differential`), and whole runs.

mod lifecycle;
mod readback;
mod rings;
mod rss;
mod sizes;
mod statistics;
mod steering;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use lockgate_tests::subject::Kind;
use lockgate_tests::validation::{case, not_emulated};

/// The heading of the table.
const SUITE: &str = "conformance";

/// One row of the table.
struct Feature {
    /// In a few words.
    name: &'static str,
    test: fn(Kind),
    /// Why a device has nothing to test; `None` where it has.
    absent: fn(Kind) -> Option<&'static str>,
}

const fn everywhere(name: &'static str, test: fn(Kind)) -> Feature {
    Feature {
        name,
        test,
        absent: |_| None,
    }
}

/// For what only a card with pools has.
const fn pools(name: &'static str, test: fn(Kind)) -> Feature {
    let absent = |kind: Kind| (!kind.has_pools()).then_some("the 82574 has no pools");
    Feature { name, test, absent }
}

/// For what QEMU's igb does not do, and the 82574 does not have.
const fn model_only(name: &'static str, test: fn(Kind)) -> Feature {
    let absent = |kind| match kind {
        Kind::QemuIgb => Some("QEMU's igb ignores it"),
        Kind::Model82576 | Kind::Model82599 => None,
        Kind::QemuE1000e | Kind::Model82574 => Some("the 82574 has no pools"),
    };
    Feature { name, test, absent }
}

fn features() -> Vec<Feature> {
    let mut features = lifecycle::features();
    features.extend(rings::features());
    features.extend(sizes::features());
    features.extend(steering::features());
    features.extend(rss::features());
    features.extend(statistics::features());
    features.extend(readback::features());
    features
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for Feature { name, test, absent } in features() {
        for kind in Kind::ALL {
            let device = kind.name();
            if let Some(reason) = absent(kind) {
                not_emulated(SUITE, name, device, reason);
                continue;
            }
            trials.push(Trial::test(format!("{name} on {device}"), move || {
                case(SUITE, name, device, || test(kind));
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
