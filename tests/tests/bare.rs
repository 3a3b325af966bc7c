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

#[test]
fn what_is_no_plan_is_refused_with_a_reason() {
    let ended = end_of(Some(b"no policy"), "igb");
    assert_eq!(ended.ending, Ending::PlanRefused, "{}", ended.console);
    assert!(ended.console.contains("refused"), "{}", ended.console);
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
