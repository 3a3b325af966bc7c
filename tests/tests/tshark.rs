//! What the program captures, tshark reads without a word of complaint.

use std::path::Path;
use std::process::Command;

use lockgate_tests::captures::deliveries;
use lockgate_tests::machine::workspace;
use lockgate_tests::program::lockgate;

/// What tshark says to everyone who runs it as root, in each of its wordings.
const TO_ROOT: &str = "Running as user \"root\"";

/// `frame.interface_queue` of every frame, and nothing on standard error.
fn queues(file: &Path) -> Vec<u32> {
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-e", "frame.interface_queue", "-r"])
        .arg(file)
        .output()
        .expect("tshark starts: `cargo xtask setup` installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| !line.starts_with(TO_ROOT))
        .collect();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{}: {said}",
        file.display()
    );
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| line.parse().unwrap_or(0)).collect()
}

#[test]
fn tshark_opens_every_capture_and_shows_the_queues() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = lockgate()
        .arg("run")
        .arg(workspace().join("examples/mils.toml"))
        .arg("--capture-dir")
        .arg(folder.path())
        .output()
        .expect("lockgate starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut files = 0;
    let mut used = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = entry.expect("an entry").path();
        let ours = deliveries(&file);
        assert!(!ours.is_empty(), "{} holds nothing", file.display());
        let shown = queues(&file);
        assert_eq!(
            shown,
            ours.iter().map(|d| d.queue).collect::<Vec<_>>(),
            "{}",
            file.display()
        );
        used.extend(shown);
        files += 1;
    }
    assert_eq!(files, 6, "five partitions and the wire");
    assert_eq!(used.len(), 2, "one partition spreads over two queues");
}
