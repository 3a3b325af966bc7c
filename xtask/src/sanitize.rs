//! `sanitize` and `loom`: what no test can see by looking at results.
//!
//! AddressSanitizer watches the unit tests of every crate with memory of cards or
//! neighbours, and the corpora of the fuzz targets. ThreadSanitizer watches the tests that
//! share such memory between threads: words of rings, mailboxes, descriptors. The copies
//! that may race by design are assembly, which it does not see; that they are sound is
//! argued in `docs/safety.md`. loom tries all orders of the lane's protocol.

use std::process::Command;

use lockgate_tests::machine;

use crate::command::run;
use crate::error::Error;
use crate::fuzz;
use crate::instrumented::Build;

/// Packages with memory that a card, a model or another process may write.
const WITH_MEMORY: [&str; 6] = ["shm", "lane", "drivers", "dataplane", "host", "nicmodel"];

/// Packages whose tests share memory between threads.
const WITH_THREADS: [&str; 5] = ["shm", "lane", "drivers", "dataplane", "host"];

/// AddressSanitizer, then ThreadSanitizer.
pub(crate) fn sanitize() -> Result<(), Error> {
    println!("sanitize: AddressSanitizer over unit tests");
    run(&mut unit_tests(Build::Address, &WITH_MEMORY))?;
    println!("sanitize: AddressSanitizer over the fuzz corpora");
    fuzz::corpora()?;
    println!("sanitize: ThreadSanitizer over rings, mailboxes and descriptors");
    println!("  (the standard library as it came; racing copies are assembly: both unseen)");
    let mut tests = unit_tests(Build::Thread, &WITH_THREADS);
    // A race makes its test binary fail with this status.
    let known = machine::workspace().join("xtask/tsan.supp");
    let options = format!("exitcode=66:suppressions={}", known.display());
    run(tests.env("TSAN_OPTIONS", options))
}

/// Unit tests, and the integration tests of `lane`, which play the other side.
fn unit_tests(build: Build, packages: &[&str]) -> Command {
    let mut command = build.cargo("test");
    command.args(["--quiet", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    for package in packages {
        if machine::workspace().join(package).is_dir() {
            command.args(["--package", &format!("lockgate-{package}")]);
        }
    }
    command
}

/// Model-checks the lane.
pub(crate) fn loom() -> Result<(), Error> {
    let mut command = Build::Loom.cargo("test");
    command.args(["--quiet", "--package", "lockgate-lane", "--test", "loom"]);
    run(&mut command)
}
