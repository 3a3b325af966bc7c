//! Drivers that nobody here wrote judge a card: Linux's own, and DPDK's.
//!
//! For each card one guest for each judge, and one case after the other on it. A case
//! that fails says what, and shows what the guest said.

mod counters;
mod ethernet;
mod forward;
mod frames;
mod link;
mod pools;
mod queues;
mod transfer;
mod vlan;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use lockgate_tests::judges::{Device, Dpdk, Linux};
use lockgate_tests::validation::case;

/// The cards. Another one is another line.
const DEVICES: [Device; 3] = [Device::MODEL_82599, Device::MODEL_82576, Device::QEMU_IGB];

/// The heading of the table.
const SUITE: &str = "judges";

/// A case in a guest of kind `G`: its name, and the test.
type Case<G> = (&'static str, fn(&G));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The cases of one guest share it, and machines here have two cores.
    arguments.test_threads = Some(1);
    let linux = [
        link::CASES,
        transfer::CASES,
        counters::CASES,
        queues::CASES,
        frames::CASES,
    ];
    let dpdk = [forward::CASES, pools::CASES];
    let mut trials = Vec::new();
    for device in DEVICES {
        trials.extend(judge(
            &device,
            "Linux",
            &linux.concat(),
            in_network,
            on_linux,
        ));
        trials.extend(judge(&device, "Linux", vlan::CASES, on_wire, on_linux));
        trials.extend(judge(&device, "DPDK", &dpdk.concat(), Dpdk::boot, on_dpdk));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The cases of one judge on one device, in a guest that the first of them boots.
fn judge<G: Send + Sync + 'static>(
    device: &Device,
    judge: &str,
    cases: &[Case<G>],
    boot: fn(Device) -> G,
    run: fn(&G, fn(&G)),
) -> Vec<Trial> {
    let guest = Arc::new(OnceLock::new());
    let trial = |&(name, test): &Case<G>| {
        let (guest, device) = (Arc::clone(&guest), device.clone());
        let feature = format!("{judge}: {name}");
        Trial::test(format!("{feature} on {}", device.name), move || {
            case(SUITE, &feature, device.name, || {
                run(guest.get_or_init(|| boot(device.clone())), test);
            });
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}

/// The program that both ends talk by.
const PEER: &str = env!("CARGO_BIN_EXE_peer");

fn in_network(device: Device) -> Linux {
    Linux::in_network(device, PEER)
}

fn on_wire(device: Device) -> Linux {
    Linux::on_wire(device, PEER)
}

/// A case under Linux: the driver is loaded anew, and the kernel has nothing to complain of.
fn on_linux(linux: &Linux, test: fn(&Linux)) {
    showing(
        || {
            linux.prepare();
            test(linux);
            let complaints = linux.complaints();
            assert!(
                complaints.is_empty(),
                "the guest's kernel complains: {complaints:#?}"
            );
        },
        || linux.last_words(),
    );
}

/// A case under DPDK: the card stays in its IOMMU domain.
fn on_dpdk(dpdk: &Dpdk, test: fn(&Dpdk)) {
    showing(
        || {
            test(dpdk);
            assert_eq!(dpdk.refused(), "", "the card stays in its domain");
        },
        || dpdk.last_words(),
    );
}

/// Runs `test`; when it fails, shows what the guest says.
fn showing(test: impl FnOnce(), last_words: impl FnOnce() -> String) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(test)) {
        eprintln!("{}", last_words());
        resume_unwind(panic);
    }
}
