//! The image without an operating system boots in QEMU, finds the card, and refuses what it
//! should.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lockgate_tests::bare::{self, Bare, Ended, Ending};

/// The image, built once.
fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| bare::build().expect("it builds without std"))
}

fn policy() -> Vec<u8> {
    fs::read(bare::policy()).expect("the example's policy")
}

/// Starts the image with something that it cannot go on with.
fn end_of(plan: Option<&[u8]>, device: &str) -> Ended {
    let bare = Bare::start(image(), plan, device).expect("QEMU starts");
    bare.wait().expect("the image ends")
}

#[test]
fn the_image_boots_finds_the_card_and_ends_when_it_is_asked_to() {
    let mut bare = Bare::start(image(), Some(&policy()), "igb").expect("QEMU starts");
    bare.ready().expect("the image gets so far");
    let ended = bare.quit().expect("the image ends");
    assert_eq!(ended.ending, Ending::Asked, "{}", ended.console);
    assert!(ended.console.contains("0000:00:02.0"), "{}", ended.console);
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
    let ended = end_of(Some(&policy()), "virtio-net-pci");
    assert_eq!(ended.ending, Ending::NoCard, "{}", ended.console);
}
