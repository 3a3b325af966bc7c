//! `lockgate bench` on the models, as a user runs it: what it says, what it draws, what it
//! refuses.

use std::path::Path;
use std::process::{Output, Stdio};

use lockgate_tests::program::lockgate;
use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = r#"
[nic]
device = "model:82576"
[[partition]]
name = "red"
macs = ["02:00:00:00:00:01"]
vlans = [10]
[[partition]]
name = "blue"
macs = ["02:00:00:00:00:02"]
vlans = [10]
[[partition]]
name = "silent"
macs = ["02:00:00:00:00:03"]
vlans = [20]
wire = "in"
[[partition]]
name = "echo"
macs = ["02:00:00:00:00:04"]
attach = { kind = "reflect" }
[[flow]]
from = "red"
to = "blue"
"#;

fn desk() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("policy.toml"), POLICY).expect("a policy");
    folder
}

fn bench(folder: &TempDir, words: &[&str]) -> Output {
    let mut command = lockgate();
    command.current_dir(folder.path()).arg("bench").args(words);
    command
        .stdin(Stdio::null())
        .output()
        .expect("lockgate starts")
}

/// Runs for half a second; gives what it printed and its report.
fn measured(folder: &TempDir, words: &[&str]) -> (String, Value) {
    let always = [
        "--duration",
        "500ms",
        "--plot",
        "plot.svg",
        "--report",
        "report.json",
    ];
    let output = bench(folder, &[words, &always].concat());
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = std::fs::read(folder.path().join("report.json")).expect("a report");
    let report = serde_json::from_slice(&report).expect("JSON");
    (String::from_utf8(output.stdout).expect("text"), report)
}

/// The points of the line in a chart, and its title.
fn chart(path: &Path) -> (usize, String) {
    let text = std::fs::read_to_string(path).expect("a chart");
    let document = roxmltree::Document::parse(&text).expect("well-formed XML");
    assert_eq!(
        document.root_element().tag_name().namespace(),
        Some("http://www.w3.org/2000/svg")
    );
    let find = |name: &str| document.descendants().find(|node| node.has_tag_name(name));
    let points = find("polyline")
        .and_then(|line| line.attribute("points"))
        .expect("a line");
    let title = find("title")
        .and_then(|title| title.text())
        .expect("a title");
    (points.split(' ').count(), title.to_owned())
}

#[test]
fn every_model_carries_frames_out_to_the_wire_and_back_and_says_model() {
    let folder = desk();
    for device in ["model:82574", "model:82576", "model:82599"] {
        let words = [
            "throughput",
            "policy.toml",
            "--from",
            "red",
            "--device",
            device,
        ];
        let (text, report) = measured(&folder, &words);
        let mut lines = text.lines().skip(3);
        assert!(
            lines.all(|line| line.trim_start().starts_with("model ")),
            "{text}"
        );
        assert!(
            text.contains("red -> wire -> 02:4c:47:ff:ff:fe and back"),
            "{text}"
        );
        assert_eq!(
            (&report["model"], &report["lost"]),
            (&true.into(), &0.into()),
            "{report}"
        );
        assert!(report["frames"].as_u64() > Some(1_000), "{report}");
        let (points, title) = chart(&folder.path().join("plot.svg"));
        assert_eq!(points, 100);
        assert!(title.starts_with("Model: frames per second"), "{title}");
    }
}

#[test]
fn latency_is_of_one_frame_at_a_time_by_a_flow_or_the_wire() {
    let folder = desk();
    for (to, size) in [(&["--to", "blue"][..], "60"), (&[], "1514")] {
        let words = [&["latency", "policy.toml", "--size", size][..], to].concat();
        let (text, report) = measured(&folder, &words);
        assert!(
            text.contains("1 in flight") && text.contains("model latency p99.9"),
            "{text}"
        );
        assert_eq!(
            (&report["window"], &report["lost"]),
            (&1.into(), &0.into()),
            "{report}"
        );
        let times = &report["latency_ns"];
        let p50 = times["p50"].as_u64().expect("a time");
        assert!(p50 > 0 && times["max"].as_u64() >= Some(p50), "{report}");
        let (points, title) = chart(&folder.path().join("plot.svg"));
        assert!(
            points > 100 && title.starts_with("Model: latency"),
            "{title}"
        );
    }
}

#[test]
fn a_way_that_the_policy_does_not_allow_is_refused_with_a_remedy() {
    let folder = desk();
    for (words, says) in [
        (
            &["--from", "blue", "--to", "red"][..],
            &["from blue to red", "[[flow]]"][..],
        ),
        (
            &["--from", "silent"],
            &["no frame of silent out to", "`wire`"],
        ),
        (&["--from", "red", "--to", "echo"], &["echo reflects"]),
        (&["--from", "green"], &["no partition green"]),
        (
            &["--from", "red", "--peer", "02:00:00:00:00:02"],
            &["no frame of red out to"],
        ),
        (&["--size", "59"], &["--size 59", "60 to 1514"]),
        (&["--size", "1515"], &["--size 1515", "nic.mtu"]),
        (&["--device", "0000:ff:1f.7"], &["0000:ff:1f.7"]),
        (&["--plot", "policy.toml"], &["written over", "--plot"]),
        (&["--plot", "x", "--report", "./x"], &["written over"]),
        (&["--plot", "no/folder.svg"], &["no/folder.svg"]),
    ] {
        for what in ["throughput", "latency"] {
            let output = bench(&folder, &[&[what, "policy.toml"], words].concat());
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
            assert!(
                says.iter().all(|part| text.contains(part)),
                "no {says:?} in: {text}"
            );
            assert_eq!(text.matches("\n  help: ").count(), 1, "{text}");
            assert!(output.stdout.is_empty());
        }
    }
    for words in [
        &["throughput", "policy.toml", "--window", "0"][..],
        &["latency", "policy.toml", "--window", "2"],
        &[
            "latency",
            "policy.toml",
            "--to",
            "blue",
            "--peer",
            "02:00:00:00:00:09",
        ],
        &["latency", "policy.toml", "--peer", "here"],
        &["speed", "policy.toml"],
    ] {
        assert_eq!(bench(&folder, words).status.code(), Some(2), "{words:?}");
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "nothing is left"
    );
}
