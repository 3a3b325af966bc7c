//! Compiled plans: made by `lockgate compile`, taken by every command that takes a policy, and
//! refused where a plan is not for this card or is no plan.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use lockgate_tests::capture;
use lockgate_tests::machine::workspace;
use lockgate_tests::program::lockgate;
use lockgate_vmdq::{Capabilities, PartitionId, Plan, PoolId};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with the examples in it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for entry in fs::read_dir(workspace().join("examples")).expect("examples") {
            let path = entry.expect("an entry").path();
            let kind = path.extension().and_then(|kind| kind.to_str());
            if matches!(kind, Some("toml" | "pcap")) {
                let name = path.file_name().expect("a file's name");
                fs::copy(&path, folder.path().join(name)).expect("copied");
            }
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn try_run(&self, words: &[&str]) -> Output {
        let mut command = lockgate();
        command.current_dir(self.folder.path()).args(words);
        command.stdin(Stdio::null());
        command.output().expect("lockgate starts")
    }

    fn run(&self, words: &[&str]) -> String {
        let output = self.try_run(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], expected: &[&str]) {
        let output = self.try_run(words);
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
        assert_eq!(text.matches("\n  help: ").count(), 1, "{text}");
        for part in expected {
            assert!(text.contains(part), "no {part:?} in: {text}");
        }
    }

    /// What a run of `file` delivered and sent, by capture, and what it counted.
    fn traffic(&self, file: &str, more: &[&str]) -> (BTreeMap<String, Vec<Vec<u8>>>, Value) {
        let folder = format!("captures-of-{file}");
        let report = format!("{file}.json");
        let words = ["run", file, "--capture-dir", &folder, "--report", &report];
        self.run(&[&words[..], more].concat());
        let mut captures = BTreeMap::new();
        for entry in fs::read_dir(self.path(&folder)).expect("captures") {
            let path = entry.expect("an entry").path();
            let frames = capture::read(&path).expect("a capture").into_iter();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            // Frames of different senders meet in another order in each run.
            let mut frames: Vec<_> = frames.map(|frame| frame.bytes).collect();
            frames.sort();
            captures.insert(name, frames);
        }
        let text = fs::read_to_string(self.path(&report)).expect("a report");
        (
            captures,
            counts(&serde_json::from_str(&text).expect("JSON")),
        )
    }
}

/// A report without what differs from run to run.
fn counts(report: &Value) -> Value {
    match report {
        Value::Object(entries) => {
            let kept = entries.iter();
            let kept = kept.filter(|(key, _)| !["elapsed_s", "latency_ns"].contains(&key.as_str()));
            kept.map(|(key, value)| (key.clone(), counts(value)))
                .collect()
        }
        other => other.clone(),
    }
}

/// The plan in `file` with other numbers and pools for its partitions.
fn renumber(file: &Path) -> Vec<u8> {
    let plan = Plan::decode(&fs::read(file).expect("a plan")).expect("a sound plan");
    let mut spec = plan.spec().clone();
    let number = |id: PartitionId| PartitionId::new(63 - 7 * id.index()).expect("a number");
    let last = spec.partitions.len() as u8 - 1;
    for partition in &mut spec.partitions {
        partition.id = number(partition.id);
        partition.pool = partition
            .pool
            .map(|pool| PoolId::new(last - pool.index() as u8));
    }
    for flow in &mut spec.flows {
        (flow.from, flow.to) = (number(flow.from), number(flow.to));
    }
    Plan::new(spec, plan.card()).expect("lawful").encode()
}

#[test]
fn a_compiled_plan_carries_every_frame_that_its_policy_carries() {
    for device in ["model:82576", "model:82574"] {
        let desk = Desk::new();
        let said = desk.run(&[
            "compile",
            "mils.toml",
            "-o",
            "mils.plan",
            "--device",
            device,
        ]);
        assert!(
            said.contains("mils.plan") && said.contains(device),
            "{said}"
        );
        let by_text = desk.traffic("mils.toml", &["--device", device]);
        assert!(by_text.0.values().flatten().count() > 10, "{by_text:?}");
        assert!(
            desk.traffic("mils.plan", &[]) == by_text,
            "the compiled plan's frames or counts differ"
        );
        // Numbers and pools are nobody's business: the same frames go the same ways.
        let other = renumber(&desk.path("mils.plan"));
        fs::write(desk.path("other.plan"), other).expect("written");
        assert!(
            desk.traffic("other.plan", &[]) == by_text,
            "the renumbered plan's frames or counts differ"
        );
    }
}

#[test]
fn check_and_plan_say_of_a_compiled_plan_what_they_say_of_its_policy() {
    let desk = Desk::new();
    desk.run(&["compile", "mils.toml", "-o", "mils.plan"]);
    for format in ["table", "json", "dot"] {
        let of = |file: &str| desk.run(&["plan", file, "--format", format]);
        assert_eq!(
            of("mils.plan").replace("mils.plan", "mils.toml"),
            of("mils.toml")
        );
    }
    let check = |file: &str| desk.run(&["check", file]);
    let checked = check("mils.plan").replacen("plan ok: mils.plan", "policy ok: mils.toml", 1);
    assert_eq!(checked, check("mils.toml"));
}

#[test]
fn a_plan_is_for_the_card_that_it_was_made_for() {
    let desk = Desk::new();
    desk.run(&["compile", "mils.toml", "-o", "mils.plan"]);
    for command in ["run", "check", "plan"] {
        desk.refuses(
            &[command, "mils.plan", "--device", "model:82599"],
            &[
                "mils.plan was compiled for an 82576",
                "82599",
                "lockgate compile",
            ],
        );
    }
}

#[test]
fn what_is_no_sound_plan_is_refused_with_its_reason() {
    let desk = Desk::new();
    desk.run(&["compile", "mils.toml", "-o", "mils.plan"]);
    let bytes = fs::read(desk.path("mils.plan")).expect("a plan");
    let write = |bytes: &[u8]| fs::write(desk.path("bad.plan"), bytes).expect("written");
    write(&bytes[..bytes.len() - 1]);
    desk.refuses(
        &["run", "bad.plan"],
        &["bad.plan: the plan says that it has", "compile"],
    );
    let mut newer = bytes.clone();
    newer[8] = 9;
    write(&newer);
    desk.refuses(
        &["run", "bad.plan"],
        &["version 9", "reads version 1", "compile"],
    );
    // A card that the program knows, with limits that it does not.
    let mut limits = bytes.clone();
    let name = Capabilities::I82576.card.len();
    limits[14 + 4 + name] ^= 1;
    write(&limits);
    desk.refuses(&["run", "bad.plan"], &["82576 with other limits"]);
}

#[test]
fn a_policy_that_is_refused_leaves_no_plan_behind() {
    let desk = Desk::new();
    fs::write(desk.path("bad.toml"), "[nic]\ndevice = 'model:82576'\n").expect("written");
    desk.refuses(
        &["compile", "bad.toml", "-o", "bad.plan"],
        &["no partition"],
    );
    assert!(!desk.path("bad.plan").exists());
}

#[test]
fn what_this_version_cannot_do_is_accepted_by_check_and_refused_by_run_where_it_stands() {
    let desk = Desk::new();
    let policy = |nic: &str, attach: &str, wire: &str| {
        format!(
            "[nic]\ndevice = 'model:82576'\n{nic}\n[[partition]]\nname = 'a'\n{attach}\n\
             [wire]\n{wire}\n"
        )
    };
    for (text, place, says) in [
        (
            policy("poll = 'adaptive'", "", ""),
            "new.toml:3:8: ",
            "sleep on interrupts",
        ),
        (
            policy("", "", "tap = 'lg0'"),
            "new.toml:8:7: ",
            "a TAP interface",
        ),
        (
            policy("", "", "interface = 'eth0'"),
            "new.toml:8:13: ",
            "a Linux interface",
        ),
        (
            policy("", "attach = { kind = 'tap', name = 'lg0' }", ""),
            "new.toml:6:10: ",
            "attaches by tap, which this version cannot do yet",
        ),
    ] {
        fs::write(desk.path("new.toml"), &text).expect("written");
        let checked = desk.run(&["check", "new.toml"]);
        assert!(checked.starts_with("policy ok"), "{checked}");
        desk.refuses(&["run", "new.toml"], &[place, says]);
        desk.run(&["compile", "new.toml", "-o", "new.plan"]);
        desk.refuses(&["run", "new.plan"], &["new.plan: ", says]);
    }
}

#[test]
fn an_attachment_is_shown_with_what_was_said_of_it() {
    let desk = Desk::new();
    let text = "[nic]\ndevice = 'model:82576'\n[[partition]]\nname = 'a'\nattach = { kind = \
                'vhost-user', socket = '/run/a.sock', group = 'kvm', mode = 0o600, queues = 2 }\n";
    fs::write(desk.path("new.toml"), text).expect("written");
    for command in ["check", "plan"] {
        let said = desk.run(&[command, "new.toml"]);
        let words = "vhost-user, queues 2, socket /run/a.sock, group kvm, mode 0600";
        assert!(said.contains(words), "{said}");
    }
}
