//! The program in a guest that owns its card through VFIO, behind an IOMMU: one boot for
//! each card, and one case after the other on it.
//!
//! Each case begins with the card in the hands of vfio-pci and no process on it, and
//! what it leaves behind is cleared away, so that a case that fails fails alone.

mod bench;
mod dma;
mod kernel;
mod limits;
mod runs;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use lockgate_tests::guest::run::CardKind;
use lockgate_tests::validation::case;

use bench::Bench;

/// The heading of the table.
const SUITE: &str = "guest";

/// A case: what the table calls it, and the test.
type Case = (&'static str, fn(&Bench));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The cases of one guest share it, and machines here have two cores.
    arguments.test_threads = Some(1);
    let cases = [runs::CASES, dma::CASES, limits::CASES, kernel::CASES].concat();
    let mut trials = Vec::new();
    for card in [CardKind::I82576, CardKind::I82574] {
        let bench = Arc::new(OnceLock::new());
        for (name, test) in cases.iter().copied() {
            let bench = Arc::clone(&bench);
            let device = format!("guest, {}", card.driver());
            trials.push(Trial::test(format!("{name} on {device}"), move || {
                case(SUITE, name, &device, || {
                    let bench: &Bench = bench.get_or_init(|| Bench::boot(card));
                    bench.prepare();
                    test(bench);
                });
                Ok(())
            }));
        }
        let device = format!("guest, {}", card.driver());
        trials.push(Trial::test(
            format!("{} on {device}", limits::WITHOUT_IOMMU.0),
            move || {
                case(SUITE, limits::WITHOUT_IOMMU.0, &device, || {
                    limits::WITHOUT_IOMMU.1(card)
                });
                Ok(())
            },
        ));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
