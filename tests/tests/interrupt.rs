//! A run that is told to stop ends within a second, drained and whole.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use lockgate_tests::captures::{deliveries, write_pcap};
use lockgate_tests::program::lockgate;
use rustix::process::{Pid, Signal, kill_process};

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mils.toml")
}

/// Starts a run that would take minutes and waits until it moves frames.
fn start(out: &Path) -> Child {
    let mut child = lockgate()
        .arg("run")
        .arg(example())
        .args(["--rate", "50"])
        .arg("--capture-dir")
        .arg(out)
        .arg("--report")
        .arg(out.join("report.json"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("lockgate starts");
    let stderr = child.stderr.take().expect("a pipe");
    let mut lines = BufReader::new(stderr).lines();
    let first = lines.next().expect("a line").expect("text");
    assert!(first.contains("running on model:82576"), "{first}");
    std::thread::sleep(Duration::from_millis(500));
    child
}

fn stop_by(signal: Signal) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let mut child = start(&out);
    let told = Instant::now();
    let pid = Pid::from_child(&child);
    kill_process(pid, signal).expect("a running process");
    let status = child.wait().expect("it ends");
    let took = told.elapsed();

    assert_eq!(status.code(), Some(0), "after {signal:?}");
    assert!(took < Duration::from_secs(1), "it took {took:?} to stop");
    let text = std::fs::read_to_string(out.join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let arrived = report["wire"]["rx_frames"].as_u64().expect("a count");
    // Half a second at 50 a second, and what a loaded machine adds to it; 2,160 are all.
    assert!((10..=1000).contains(&arrived), "{arrived} frames arrived");
    let partitions = report["partitions"].as_object().expect("partitions");
    for (name, figures) in partitions {
        let captured = deliveries(&out.join(format!("{name}.pcapng")));
        assert_eq!(figures["rx_frames"], captured.len(), "capture of {name}");
    }
    let left = deliveries(&out.join("wire.pcapng"));
    assert_eq!(
        report["wire"]["tx_frames"],
        left.len(),
        "capture of the wire"
    );
    let files = std::fs::read_dir(&out).expect("a folder").count();
    assert_eq!(
        files,
        partitions.len() + 2,
        "something half-written stays in {}",
        out.display()
    );
}

#[test]
fn ctrl_c_stops_within_a_second_and_leaves_everything_whole() {
    stop_by(Signal::INT);
}

#[test]
fn sigterm_stops_like_ctrl_c() {
    stop_by(Signal::TERM);
}

#[test]
fn a_run_at_full_speed_accounts_for_every_frame_that_arrived_before_it_was_told_to_stop() {
    const FRAMES: usize = 1_000_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [policy, capture, report] =
        ["policy.toml", "wire.pcap", "report.json"].map(|name| folder.path().join(name));
    let text = "[nic]\ndevice = \"model:82576\"\n[[partition]]\nname = \"a\"\n\
                macs = [\"02:00:00:00:00:01\"]\nvlans = [0]\n";
    std::fs::write(&policy, text).expect("a policy");
    let mut frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x12, 0x34].to_vec();
    frame.resize(60, 0);
    write_pcap(&capture, &vec![frame; FRAMES]);
    let mut child = lockgate()
        .arg("run")
        .arg(&policy)
        .arg("--replay")
        .arg(format!("wire={}", capture.display()))
        .arg("--report")
        .arg(&report)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("lockgate starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    lines.next().expect("it runs").expect("text");
    std::thread::sleep(Duration::from_millis(50));
    let told = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).expect("a running process");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        told.elapsed()
    );

    let text = std::fs::read_to_string(&report).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let arrived = report["wire"]["rx_frames"].as_u64().expect("a count");
    assert!(arrived < FRAMES as u64, "it was over before it was told");
    assert_eq!(
        report["partitions"]["a"]["rx_frames"], arrived,
        "all are for this partition"
    );
}

#[test]
fn duration_ends_a_run_that_would_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = lockgate();
    let begun = Instant::now();
    let output = command
        .arg("run")
        .arg(example())
        .args(["--rate", "50", "--duration", "300ms", "--capture-dir"])
        .arg(folder.path())
        .output()
        .expect("lockgate starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Its replays would take 40 s at this rate.
    assert!(begun.elapsed() < Duration::from_secs(10));
}
