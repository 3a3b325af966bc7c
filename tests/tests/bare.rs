//! The image without an operating system does in QEMU what the oracle says, and refuses what it
//! should.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lockgate_tests::bare::{self, Bare, Ended, Ending};

/// The image, built once.
fn image() -> &'static Path {
    static IMAGE: OnceLock<std::path::PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| bare::build().expect("it builds without std"))
}

fn policy() -> String {
    fs::read_to_string(bare::policy()).expect("the example's policy")
}

/// Starts the image with something that it cannot go on with.
fn end_of(plan: Option<&[u8]>, device: &str) -> Ended {
    let bare = Bare::start(image(), plan, device).expect("QEMU starts");
    bare.wait().expect("the image ends")
}

#[test]
fn every_frame_goes_where_the_oracle_says_and_nowhere_else() {
    let plan = bare::compile(&policy()).expect("a sound policy");
    let mut bare = Bare::start(image(), Some(&plan), "igb").expect("QEMU starts");
    bare.ready().expect("the image gets a link");
    let outcome = bare::drive(bare, &bare::scene(), &bare::steps()).expect("QEMU lives");
    for row in &outcome.rows {
        assert!(row.agrees, "{row}\n{}", outcome.ended.console);
    }
    assert_eq!(
        outcome.ended.ending,
        Ending::Asked,
        "{}",
        outcome.ended.console
    );
}

/// Starts the image with bytes that it must refuse, and says what it said.
fn refusal_of(plan: &[u8]) -> String {
    let ended = end_of(Some(plan), "igb");
    assert_eq!(ended.ending, Ending::PlanRefused, "{}", ended.console);
    ended.console
}

#[test]
fn a_plan_that_is_damaged_is_refused_with_a_reason_and_a_remedy() {
    let plan = bare::compile(&policy()).expect("a sound policy");
    let mut other = plan.clone();
    other[0] ^= 1;
    for damaged in [&b"no plan"[..], &other, &plan[..plan.len() - 1]] {
        let said = refusal_of(damaged);
        assert!(said.contains("the plan is refused: "), "{said}");
        assert!(said.contains("`lockgate"), "a remedy: {said}");
    }
}

#[test]
fn a_plan_that_was_changed_to_cross_a_line_is_refused() {
    let mut plan = bare::compile(&policy()).expect("a sound policy");
    // Partition b gets the address of a, with which it shares VLAN 10.
    let [a, b] = [bare::A, bare::B];
    let at = plan.windows(b.len()).position(|bytes| bytes == b);
    let at = at.expect("the address is in the plan");
    plan[at..at + a.len()].copy_from_slice(&a);
    let said = refusal_of(&plan);
    assert!(said.contains("02:4c:47:00:00:0a"), "{said}");
}

#[test]
fn a_plan_for_another_card_is_refused() {
    let policy = policy().replace("model:82576", "model:82599");
    let plan = bare::compile(&policy).expect("a sound policy");
    let ended = end_of(Some(&plan), "igb");
    assert_eq!(ended.ending, Ending::CardRefused, "{}", ended.console);
}

#[test]
fn without_a_plan_or_a_card_the_image_says_what_it_lacks() {
    let ended = end_of(None, "igb");
    assert_eq!(ended.ending, Ending::NoPlan, "{}", ended.console);
    assert!(ended.console.contains("-initrd"), "{}", ended.console);
    let plan = bare::compile(&policy()).expect("a sound policy");
    let ended = end_of(Some(&plan), "virtio-net-pci");
    assert_eq!(ended.ending, Ending::NoCard, "{}", ended.console);
}
