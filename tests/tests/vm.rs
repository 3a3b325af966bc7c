//! The same binary, the same policy, the same frames: on QEMU's card, through VFIO
//! and behind an IOMMU, every partition gets what the model gives it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lockgate_tests::guest::compare::{Verdict, compare};
use lockgate_tests::guest::run::{CardKind, Outcome, Request, in_guest, on_model};
use lockgate_tests::machine::{build_lockgate, workspace};

/// A guest takes 10 s; a machine under load may take its time.
fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(180)
}

fn example(name: &str) -> PathBuf {
    workspace().join("examples").join(name)
}

fn request(card: CardKind, policy: &str, replays: &[(&str, &str)]) -> Request {
    let replays = replays.iter();
    Request {
        lockgate: build_lockgate().unwrap(),
        policy: example(policy),
        replays: replays
            .map(|(source, file)| ((*source).into(), example(file)))
            .collect(),
        card,
    }
}

/// Runs both ways, compares, and returns the guest's run.
fn run_both(request: &Request) -> Outcome {
    let model = on_model(request, deadline()).unwrap();
    assert_eq!(model.status, 0, "{}", model.log);
    let guest = in_guest(request, deadline()).unwrap();
    assert_eq!(guest.status, 0, "{}", guest.log);
    let rows = compare(&guest, &model).unwrap();
    for row in &rows {
        let differs = matches!(row.verdict, Verdict::Different(_));
        assert!(!differs, "{row}\n{}", guest.summary);
    }
    let delivered: usize = rows.iter().map(|row| row.frames).sum();
    assert!(delivered > 0, "nothing was delivered, which compares well");
    guest
}

#[test]
fn every_partition_gets_in_the_guest_what_the_model_gives_it() {
    // The same policy on a card with pools and on one without.
    for card in [CardKind::I82576, CardKind::I82574] {
        let guest = run_both(&request(card, "mils.toml", &[]));
        assert!(!guest.left.is_empty(), "its partitions also send");
        assert!(guest.folder.path().join("report.json").is_file());
    }
}

#[test]
fn sixty_four_partitions_of_a_served_82599_get_what_the_model_gives_them() {
    let guest = run_both(&request(CardKind::I82599, "sixty-four.toml", &[]));
    assert!(guest.summary.contains("ops-15"), "the last of 64");
    let guest = run_both(&request(CardKind::I82599, "mils.toml", &[]));
    assert!(!guest.left.is_empty(), "its partitions also send");
}

#[test]
fn frames_given_to_a_partition_on_the_command_line_leave_by_the_cable() {
    let replays = [
        ("wire", "secret.pcap"),
        ("unclassified-a", "unclassified-b.pcap"),
        ("unclassified-b", "unclassified-b.pcap"),
    ];
    let guest = run_both(&request(CardKind::I82576, "mils.toml", &replays));
    let from_a = [0x02, 0x4c, 0x47, 0, 0, 1];
    let forged = guest.left.iter().filter(|frame| frame[6..12] == from_a);
    assert_eq!(forged.count(), 0, "nothing in that capture is its own");
    let from_b = [0x02, 0x4c, 0x47, 0, 0, 4];
    let own = guest.left.iter().filter(|frame| frame[6..12] == from_b);
    assert_eq!(own.count(), 451);
}
