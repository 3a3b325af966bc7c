//! What a new user gets wrong, tried as they would: one message, one remedy, the
//! right exit status, and nothing left behind.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use lockgate_tests::program::lockgate;
use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/mils.toml");

/// A partition without anything that could be wrong.
fn partition(number: usize) -> String {
    format!(
        "[[partition]]\nname = \"p{number}\"\nmacs = [\"02:4c:47:00:00:{number:02x}\"]\n\
         vlans = [{number}]\n"
    )
}

fn policy_of(partitions: usize) -> String {
    let tables = (1..=partitions).map(partition);
    "[nic]\ndevice = \"model:82576\"\n".to_owned() + &tables.collect::<String>()
}

/// A pcap file of one frame of 60 bytes.
fn pcap(link_type: u32) -> Vec<u8> {
    let words = [
        0xa1b2_c3d4,
        0x0004_0002,
        0,
        0,
        65_535,
        link_type,
        0,
        0,
        60,
        60,
    ];
    let mut file: Vec<u8> = words.iter().copied().flat_map(u32::to_le_bytes).collect();
    file.extend([0xff; 60]);
    file
}

/// A folder with a policy, where the program is run.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(policy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("policy.toml"), policy).expect("policy written");
        Self { folder }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).expect("file written");
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = lockgate();
        command.current_dir(self.folder.path()).args(words);
        command
            .stdin(Stdio::null())
            .output()
            .expect("lockgate starts")
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        files
    }

    /// Runs the program, which must refuse with status 2, one cause that has all
    /// of `expected` in it and one remedy, and leave the folder as it was.
    fn refuses(&self, words: &[&str], expected: &[&str]) -> String {
        let before = self.files();
        let output = self.run(words);
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
        assert!(text.starts_with("lockgate: "), "{text}");
        assert_eq!(text.matches("lockgate: ").count(), 1, "{text}");
        assert_eq!(text.matches("\n  help: ").count(), 1, "{text}");
        for part in expected {
            assert!(text.contains(part), "no {part:?} in: {text}");
        }
        assert!(
            output.stdout.is_empty(),
            "standard output is not for errors"
        );
        assert_eq!(self.files(), before, "something was left behind");
        text
    }

    /// As [`Desk::refuses`], of the policy and by every command that reads one.
    fn refuses_policy(&self, expected: &[&str]) {
        for command in ["check", "plan", "run"] {
            self.refuses(&[command, "policy.toml"], expected);
        }
    }
}

#[test]
fn a_policy_that_is_not_there_is_named() {
    let desk = Desk::new("");
    for command in ["check", "plan", "run"] {
        desk.refuses(&[command, "no.toml"], &["no.toml"]);
        desk.refuses(&[command, "."], &["folder"]);
    }
}

#[test]
fn text_that_is_not_toml_is_shown_with_its_line() {
    let desk = Desk::new("[nic]\ndevice = model:82576\n");
    desk.refuses_policy(&["policy.toml:2:", "2 | device = model:82576", "^"]);
}

#[test]
fn an_unknown_key_is_shown_where_it_stands() {
    let desk = Desk::new(&policy_of(1).replace("macs", "mac"));
    desk.refuses_policy(&["policy.toml:5:1: ", "`mac`", "| mac = ", "| ^"]);
}

#[test]
fn two_partitions_with_one_mac_on_one_vlan_are_both_named() {
    let policy = policy_of(2)
        .replace("00:00:02", "00:00:01")
        .replace("[2]", "[1]");
    let text = Desk::new(&policy).refuses(
        &["check", "policy.toml"],
        &["policy.toml:9:", "`p1`", "`p2`", "02:4c:47:00:00:01"],
    );
    assert_eq!(text.matches(" | macs = ").count(), 2, "{text}");
}

#[test]
fn a_flow_downhill_is_refused_with_its_path() {
    let policy = policy_of(2)
        .replace("vlans = [1]", "vlans = [1]\nlevel = \"low\"")
        .replace("vlans = [2]", "vlans = [2]\nlevel = \"high\"")
        + "[levels]\norder = [\"low\", \"high\"]\n[[flow]]\nfrom = \"p2\"\nto = \"p1\"\n";
    let desk = Desk::new(&policy);
    desk.refuses_policy(&["`p2`", "`p1`", "high", "low", "downgrade"]);
}

#[test]
fn ten_partitions_do_not_fit_eight_pools() {
    let desk = Desk::new(&policy_of(10));
    desk.refuses_policy(&["policy.toml:36:", "`p9`", "8"]);
    assert!(
        Desk::new(&policy_of(8))
            .run(&["check", "policy.toml"])
            .status
            .success()
    );
}

#[test]
fn a_core_that_the_machine_does_not_have_is_named() {
    let policy = policy_of(1).replace("[[partition]]", "workers = [4095]\n[[partition]]");
    Desk::new(&policy).refuses_policy(&["policy.toml:3:", "4095"]);
}

#[test]
fn a_file_that_cannot_be_replayed_is_refused_before_anything_starts() {
    let desk = Desk::new(&policy_of(1));
    desk.write("text.pcap", b"this is no capture");
    desk.write("empty.pcap", b"");
    desk.write("cut.pcap", &pcap(1)[..80]);
    desk.write("cooked.pcap", &pcap(113));
    for (file, expected) in [
        ("no.pcap", "there is no capture no.pcap"),
        ("text.pcap", "text.pcap is not a capture"),
        ("empty.pcap", "empty.pcap is empty"),
        ("cut.pcap", "cut.pcap is truncated: after 0 whole packets"),
        ("cooked.pcap", "link type is 113 (Linux cooked)"),
        (".", "is not a regular file"),
    ] {
        let replay = format!("wire={file}");
        let words = ["run", "policy.toml", "--replay", &replay];
        desk.refuses(&words, &[expected]);
        desk.refuses(
            &[&words[..], &["--capture-dir", "out", "--report", "r.json"]].concat(),
            &[expected],
        );
    }
}

#[test]
fn a_capture_named_in_the_policy_is_looked_for_beside_the_policy() {
    let desk = Desk::new("");
    fs::create_dir(desk.folder.path().join("deep")).expect("a folder");
    desk.write(
        "deep/policy.toml",
        (policy_of(1) + "[wire]\nreplay = \"traffic.pcap\"\n").as_bytes(),
    );
    desk.refuses(&["run", "deep/policy.toml"], &["deep/traffic.pcap"]);
}

#[test]
fn a_partition_that_reflects_is_refused_what_it_cannot_keep() {
    let reflecting = policy_of(1) + "attach = { kind = \"reflect\" }\n";
    let desk = Desk::new(&reflecting);
    assert!(desk.run(&["check", "policy.toml"]).status.success());
    let plan = desk.run(&["plan", "policy.toml"]).stdout;
    assert!(String::from_utf8_lossy(&plan).contains("reflect"));
    desk.write("a.pcap", &pcap(1));
    desk.refuses(
        &["run", "policy.toml", "--replay", "p1=a.pcap"],
        &["p1", "reflects"],
    );

    let slow = reflecting.clone() + "tx = { rate = \"1Mbit/s\" }\n";
    let desk = Desk::new(&slow.replace("82576", "82574"));
    desk.refuses_policy(&["partition p1 reflects at a rate", "tx.rate"]);
    assert!(
        Desk::new(&slow)
            .run(&["check", "policy.toml"])
            .status
            .success()
    );

    let flow = |from: &str, to: &str| format!("[[flow]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    let attach = "attach = { kind = \"reflect\" }\n";
    let both = policy_of(1) + attach + &partition(2) + attach + &flow("p1", "p2");
    let both = both.replace("vlans = [2]", "vlans = [1]");
    assert!(
        Desk::new(&both)
            .run(&["check", "policy.toml"])
            .status
            .success()
    );
    let desk = Desk::new(&(both + &flow("p2", "p1")));
    desk.refuses_policy(&["partition p1 reflects what p2 sends", "[[flow]]"]);
}

#[test]
fn a_replay_for_nobody_is_refused() {
    let desk = Desk::new(&policy_of(1));
    desk.write("a.pcap", &pcap(1));
    desk.refuses(&["run", "policy.toml", "--replay", "p7=a.pcap"], &["p7"]);
    let twice = ["--replay", "wire=a.pcap", "--replay", "wire=a.pcap"];
    desk.refuses(
        &[&["run", "policy.toml"][..], &twice].concat(),
        &["wire", "twice"],
    );
}

#[test]
fn output_that_cannot_be_written_is_refused_before_anything_starts() {
    let desk = Desk::new(&policy_of(1));
    desk.write("a.pcap", &pcap(1));
    desk.write("file", b"");
    let run = ["run", "policy.toml", "--replay", "wire=a.pcap"];
    for (option, target) in [
        ("--capture-dir", "file"),
        ("--capture-dir", "file/deeper"),
        ("--capture-dir", "/proc/none"),
        ("--report", "."),
        ("--report", "no/such/folder/r.json"),
        ("--report", "file/r.json"),
    ] {
        desk.refuses(&[&run[..], &[option, target]].concat(), &[target]);
    }
}

#[test]
fn a_device_that_cannot_be_had_is_refused() {
    let desk = Desk::new(&policy_of(1));
    for command in ["check", "plan", "run"] {
        let device = |device| [command, "policy.toml", "--device", device];
        desk.refuses(&device("eth0"), &["eth0", "nic list"]);
        desk.refuses(&device("model:8139"), &["model:8139"]);
        desk.refuses(&device("ffff:1f:1f.7"), &["ffff:1f:1f.7"]);
    }
    for command in ["info", "bind", "unbind"] {
        desk.refuses(&["nic", command, "ffff:1f:1f.7"], &["ffff:1f:1f.7"]);
        desk.refuses(&["nic", command, "eth0"], &["eth0"]);
    }
}

#[test]
fn outputs_replace_neither_inputs_nor_each_other() {
    let desk = Desk::new(&policy_of(1));
    desk.write("a.pcap", &pcap(1));
    let run = ["run", "policy.toml", "--replay", "wire=a.pcap"];
    for options in [
        &["--report", "policy.toml"][..],
        &["--report", "./a.pcap"],
        &["--capture-dir", "o", "--report", "o/wire.pcapng"],
        &["--capture-dir", ".", "--report", "././p1.pcapng"],
    ] {
        let target = options[options.len() - 1];
        let name = target.rsplit('/').next().unwrap_or(target);
        desk.refuses(&[&run[..], options].concat(), &[name, "written over"]);
    }
}

#[test]
fn words_that_are_no_command_exit_with_2_and_help_with_0() {
    let desk = Desk::new("");
    for words in [
        &[][..],
        &["fly"],
        &["run"],
        &["run", "policy.toml", "--duration", "soon"],
        &["run", "policy.toml", "--rate", "-1"],
        &["run", "policy.toml", "--replay", "a.pcap"],
        &["plan", "policy.toml", "--format", "xml"],
        &["rss", "--queues", "0", "ip 1.2.3.4 > 5.6.7.8"],
    ] {
        let output = desk.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{words:?}"
        );
    }
    for words in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let output = desk.run(words);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{words:?}"
        );
    }
}

#[test]
fn rss_takes_its_tuple_whole_or_in_words() {
    let desk = Desk::new("");
    let whole = desk.run(&["rss", "--queues", "4", "ip 66.9.149.187 > 161.142.100.80"]);
    let words = desk.run(&[
        "rss",
        "--queues",
        "4",
        "ip",
        "66.9.149.187",
        ">",
        "161.142.100.80",
    ]);
    assert_eq!(whole.stdout, words.stdout);
    let text = String::from_utf8(whole.stdout).expect("text");
    // Microsoft, "Verifying the RSS Hash Calculation".
    assert!(
        text.contains("0x323e8fc2") && text.contains("ipv4\n"),
        "{text}"
    );
    assert!(text.contains("queue  2 of 4"), "{text}");
    desk.refuses(&["rss", "tcp 1.2.3.4 > 5.6.7.8"], &["1.2.3.4"]);
    desk.refuses(
        &["rss", "--key", "secret", "ip 1.2.3.4 > 5.6.7.8"],
        &["--key"],
    );
}

#[test]
fn the_example_can_be_checked_and_planned_in_every_format() {
    let desk = Desk::new("");
    let print = |words: &[&str]| {
        let output = desk.run(words);
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(print(&["check", EXAMPLE]).starts_with("policy ok: "));
    assert!(print(&["plan", EXAMPLE]).contains("\nMAC filters\n"));
    let json = print(&["plan", EXAMPLE, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["partitions"][4]["name"], "collector");
    assert_eq!(json["hardware"]["pools"][4]["receive"], false);
    let dot = print(&["plan", EXAMPLE, "--format", "dot"]);
    assert!(dot.contains("\"unclassified-a\" -> \"collector\" [style = bold];"));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure_and_a_full_disk_is() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = lockgate().args(["plan", EXAMPLE]).stdout(writer).output();
    let output = output.expect("lockgate starts");
    assert!(output.status.success() && output.stderr.is_empty());

    let full = fs::File::create("/dev/full").expect("/dev/full");
    let output = lockgate().args(["plan", EXAMPLE]).stdout(full).output();
    let output = output.expect("lockgate starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}
