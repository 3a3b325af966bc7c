//! What the machine does not give: memory to lock, hugepages, an IOMMU.

use lockgate_tests::guest::ADDRESS;
use lockgate_tests::guest::run::CardKind;

use super::Case;
use super::bench::{Bench, PROGRAM, refused};

pub(crate) const CASES: &[Case] = &[
    ("locked-memory limit too low", locked_memory),
    ("hugepages exhausted", hugepages),
];

/// A case with a boot of its own.
pub(crate) const WITHOUT_IOMMU: (&str, fn(CardKind)) = ("without an IOMMU", without_iommu);

fn locked_memory(bench: &Bench) {
    // Root may lock what it likes, unless it has not that capability.
    let limited = |line: &str| {
        format!("(ulimit -l 64; host-setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock {line})")
    };
    let output = bench.run(&limited(&bench.command("--duration 1")));
    assert_ne!(output.status, 0, "{}", output.text);
    assert!(
        output.text.contains("locked-memory limit (`ulimit -l`)"),
        "{}",
        output.text
    );
    assert!(!output.text.contains("panicked"), "{}", output.text);
    let enough = format!("(ulimit -l unlimited; {})", bench.command("--duration 1"));
    assert_eq!(bench.run(&enough).status, 0, "the card is none the worse");
}

fn hugepages(bench: &Bench) {
    const WORDS: &str = "no hugepage";
    let with = bench.run(&bench.command("--duration 1"));
    assert_eq!(with.status, 0, "{}", with.text);
    assert!(!with.text.contains(WORDS), "there are some: {}", with.text);
    bench.ok("echo 0 >/proc/sys/vm/nr_hugepages");
    let without = bench.run(&bench.command("--duration 1"));
    assert_eq!(without.status, 0, "{}", without.text);
    assert!(without.text.contains(WORDS), "{}", without.text);
    assert!(without.text.contains("vm.nr_hugepages"), "{}", without.text);
    bench.start();
    bench.exchange(96);
    assert_eq!(bench.stop()["partitions"]["blue"]["rx_frames"], 96);
}

fn without_iommu(card: CardKind) {
    let bench = Bench::boot_with(card, "intel_iommu=off");
    refused(
        &bench.run(&bench.command("--duration 1")),
        &["IOMMU", "intel_iommu=on"],
    );
    let bound = bench.run(&format!("{PROGRAM} nic bind {ADDRESS}"));
    refused(&bound, &["IOMMU", "intel_iommu=on"]);
}
