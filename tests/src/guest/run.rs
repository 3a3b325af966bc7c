//! One policy in a guest, with the card fed from outside, and the same policy on the model.
//!
//! The frames that the policy's `[wire]` replays into the model go over the card's
//! cable here; everything else about the two runs is the same.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::feed::Feeder;
use super::{ADDRESS, Error, Guest, LOG, Rings, Spec, at};
use crate::capture;
use crate::emulator::{self, lock};
use crate::served::Served;

/// Where the program is in the guest.
const PROGRAM: &str = "/bin/lockgate";

/// The first words of the line that `lockgate run` logs once it receives.
const RUNNING: &str = "lockgate: running on";

/// The line after its end.
const ENDED: &str = "@ended ";

/// How long the guest may take for a small thing.
const SHORT: Duration = Duration::from_secs(20);

/// A card that both a guest and the model can have.
#[derive(Debug, Clone, Copy)]
pub struct CardKind {
    /// Who has it in the guest.
    pub maker: Maker,
    /// What a policy calls its model.
    pub model: &'static str,
}

/// Who makes a guest's card.
#[derive(Debug, Clone, Copy)]
pub enum Maker {
    /// QEMU, which calls it this; its receive rings are there.
    Qemu(&'static str, Rings),
    /// Our own model, served under this name.
    Served(&'static str),
}

impl CardKind {
    /// Intel 82576.
    pub const I82576: Self = Self {
        maker: Maker::Qemu("igb", Rings::IGB),
        model: "model:82576",
    };

    /// Intel 82574.
    pub const I82574: Self = Self {
        maker: Maker::Qemu("e1000e", Rings::E1000E),
        model: "model:82574",
    };

    /// What QEMU calls the card, and Linux its driver.
    pub const fn driver(self) -> &'static str {
        match self.maker {
            Maker::Qemu(device, _) => device,
            Maker::Served(_) => "ixgbe",
        }
    }

    /// Intel 82599, which no QEMU has.
    pub const I82599: Self = Self {
        maker: Maker::Served("82599"),
        model: "model:82599",
    };
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The program, built for this machine.
    pub lockgate: PathBuf,
    /// The policy.
    pub policy: PathBuf,
    /// Replays, by source, in place of the policy's own.
    pub replays: Vec<(String, PathBuf)>,
    /// The card.
    pub card: CardKind,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status of `lockgate run`.
    pub status: i32,
    /// The captures, and `report.json`.
    pub folder: TempDir,
    /// What it wrote to standard output.
    pub summary: String,
    /// What it wrote to standard error.
    pub log: String,
    /// What left by the cable, in order; empty for the model.
    pub left: Vec<Vec<u8>>,
}

/// Runs the policy on the model, on this machine.
///
/// # Errors
/// When the program cannot be started, or is not done by `deadline`. A policy that
/// it refuses is an [`Outcome`] with its status.
pub fn on_model(request: &Request, deadline: Instant) -> Result<Outcome, Error> {
    let folder = output_folder()?;
    let mut command = Command::new(&request.lockgate);
    command.arg("run").arg(&request.policy);
    command.args(["--device", request.card.model]);
    command.arg("--capture-dir").arg(folder.path());
    command
        .arg("--report")
        .arg(folder.path().join("report.json"));
    for (source, file) in &request.replays {
        command.arg("--replay");
        command.arg(format!("{source}={}", file.display()));
    }
    let mut files = Vec::new();
    for name in ["summary.txt", "log.txt"] {
        let path = folder.path().join(name);
        files.push(File::create(&path).map_err(at(&path))?);
    }
    command.stderr(files.remove(1)).stdout(files.remove(0));
    let child = command.stdin(Stdio::null()).spawn();
    let child = child.map_err(at(&request.lockgate))?;
    let status = wait(child, deadline).map_err(at(&request.lockgate))?;
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    Ok(Outcome {
        status: status.code().unwrap_or(-1),
        summary: read("summary.txt"),
        log: read("log.txt"),
        folder,
        left: Vec::new(),
    })
}

/// Waits for a child, and kills it at the deadline.
fn wait(mut child: Child, deadline: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the policy in a guest of its own.
///
/// # Errors
/// When the guest cannot be had, or the run is not over by `deadline`.
pub fn in_guest(request: &Request, deadline: Instant) -> Result<Outcome, Error> {
    let inputs = Inputs::of(request)?;
    let (mut spec, served) = plug(request.card.maker)?;
    spec.programs = vec![(request.lockgate.clone(), PROGRAM.into())];
    spec.files = inputs.files.clone();
    let guest = Guest::boot(&spec, deadline)?;
    guest.succeed(&format!("{PROGRAM} nic bind {ADDRESS}"), SHORT)?;
    start(&guest, &inputs)?;
    let (left, over) = (&Mutex::new(Vec::new()), &AtomicBool::new(false));
    let status = thread::scope(|scope| {
        let cable = Cable {
            guest: &guest,
            served: served.as_ref(),
        };
        let receiver = scope.spawn(move || receive(cable, left, over));
        let status = drive(cable, request.card, &inputs, left, deadline);
        over.store(true, Ordering::Relaxed);
        // A receiver that panicked has received nothing, and the comparison says so.
        let _ = receiver.join();
        status
    })?;
    let folder = output_folder()?;
    guest.fetch("/out", folder.path(), SHORT)?;
    let log = guest.log();
    guest.shut_down(SHORT)?;
    if let Some(served) = served {
        let said = served
            .report(SHORT)
            .map_err(|error| Error::Card(error.to_string()))?;
        // The card stayed in its domain, and was used as its datasheet says.
        if !said.contains("; 0 DMA faults") || said.contains("misuse") {
            return Err(Error::Card(said));
        }
    }
    let summary = folder.path().join("summary.txt");
    Ok(Outcome {
        status,
        summary: fs::read_to_string(&summary).map_err(at(&summary))?,
        log: log.split(ENDED).next().unwrap_or_default().trim().into(),
        folder,
        left: std::mem::take(&mut *lock(left)),
    })
}

/// A guest with the card in it, and whoever serves the card.
fn plug(maker: Maker) -> Result<(Spec, Option<Served>), Error> {
    match maker {
        Maker::Qemu(device, _) => Ok((Spec::new(device), None)),
        Maker::Served(card) => {
            let mut spec = Spec::new("");
            let served = Served::plug(card, &mut spec, &emulator::Cable::Wire);
            Ok((
                spec,
                Some(served.map_err(|error| Error::Card(error.to_string()))?),
            ))
        }
    }
}

/// The far end of the card's cable.
#[derive(Clone, Copy)]
struct Cable<'a> {
    guest: &'a Guest,
    served: Option<&'a Served>,
}

impl Cable<'_> {
    /// Sends the frames and waits until their effects have settled.
    fn feed(
        self,
        maker: Maker,
        wire: &[Vec<u8>],
        left: &Mutex<Vec<Vec<u8>>>,
        deadline: Instant,
    ) -> Result<(), Error> {
        match (maker, self.served) {
            (Maker::Qemu(_, rings), _) => {
                let feeder = Feeder::new(self.guest, rings)?;
                feeder.send(wire, deadline)?;
                feeder.wait_until_quiet(|| lock(left).len(), deadline)
            }
            (Maker::Served(_), Some(served)) => {
                for frame in wire {
                    let sent = served.send(frame, deadline);
                    sent.map_err(|error| Error::Card(error.to_string()))?;
                }
                settle(left, deadline);
                Ok(())
            }
            (Maker::Served(card), None) => Err(Error::Card(format!("nobody serves the {card}"))),
        }
    }

    fn receive(self, timeout: Duration) -> Option<Option<Vec<u8>>> {
        match self.served {
            Some(served) => served.receive(timeout).ok(),
            None => self.guest.emulator().receive(timeout).ok(),
        }
    }
}

/// Waits until nothing has left for a while: longer than a server holds a frame back.
fn settle(left: &Mutex<Vec<Vec<u8>>>, deadline: Instant) {
    const QUIET: Duration = Duration::from_millis(1500);
    let (mut last, mut since) = (lock(left).len(), Instant::now());
    while since.elapsed() < QUIET && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
        let now = lock(left).len();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

/// Starts `lockgate run` in the background.
fn start(guest: &Guest, inputs: &Inputs) -> Result<(), Error> {
    let Inputs {
        policy, replays, ..
    } = inputs;
    let mut line = format!("{PROGRAM} run {} --device {ADDRESS}", quote(policy));
    // The duration keeps it from ending with the partitions' replays: the wire's come later.
    line += " --capture-dir /out --report /out/report.json --duration 1h";
    for (source, file) in replays {
        let replay = format!("{source}={}", file.display());
        line += &format!(" --replay {}", quote(Path::new(&replay)));
    }
    let ended = format!("printf '\\n{ENDED}%d\\n' $? >&2");
    guest.succeed(
        &format!("{{ {line} >/out/summary.txt; {ended}; }} 2>{LOG} &"),
        SHORT,
    )?;
    Ok(())
}

/// Feeds the card while the program runs, stops it once all is quiet, and returns
/// its exit status.
fn drive(
    cable: Cable<'_>,
    card: CardKind,
    inputs: &Inputs,
    left: &Mutex<Vec<Vec<u8>>>,
    deadline: Instant,
) -> Result<i32, Error> {
    let guest = cable.guest;
    if let Some(status) = wait_for_log(guest, Some(RUNNING), deadline)? {
        return Ok(status);
    }
    let fed = cable.feed(card.maker, &inputs.wire, left, deadline);
    fed.map_err(|error| match ended(&guest.log()) {
        Some(status) => Error::Early {
            status,
            said: guest.log(),
        },
        None => error,
    })?;
    guest.run("killall -INT lockgate", SHORT)?;
    let status = wait_for_log(guest, None, Instant::now() + SHORT)?;
    Ok(status.unwrap_or(-1))
}

/// The exit status in a log that has come to its end.
fn ended(log: &str) -> Option<i32> {
    let (_, rest) = log.split_once(ENDED)?;
    let (status, _) = rest.split_once('\n')?;
    Some(status.trim().parse().unwrap_or(-1))
}

/// Waits until the log has a line with `words`; the exit status if the program
/// ended before.
fn wait_for_log(
    guest: &Guest,
    words: Option<&str>,
    deadline: Instant,
) -> Result<Option<i32>, Error> {
    loop {
        let log = guest.log();
        if let Some(status) = ended(&log) {
            return Ok(Some(status));
        }
        let found = |words: &str| log.lines().any(|line| line.starts_with(words));
        if words.is_some_and(found) {
            return Ok(None);
        }
        if let Err(error) = guest.emulator().check() {
            return Err(guest.with_console(error));
        }
        if Instant::now() > deadline {
            return Err(Error::Late {
                wanted: words.map_or("end".into(), |words| format!("log `{words}`")),
                console: guest.last_words(),
            });
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Collects what leaves by the cable until the run is over.
fn receive(cable: Cable<'_>, left: &Mutex<Vec<Vec<u8>>>, over: &AtomicBool) {
    loop {
        match cable.receive(Duration::from_millis(20)) {
            Some(Some(frame)) => lock(left).push(frame),
            Some(None) if over.load(Ordering::Relaxed) => return,
            Some(None) => {}
            // Whoever drives the guest notices and reports.
            None => return,
        }
    }
}

/// The files of a request, as both runs need them.
struct Inputs {
    policy: PathBuf,
    /// All files that the guest needs, by the path they have here.
    files: Vec<PathBuf>,
    /// Replays that partitions send, in place of the policy's.
    replays: Vec<(String, PathBuf)>,
    /// What arrives by the cable.
    wire: Vec<Vec<u8>>,
}

impl Inputs {
    fn of(request: &Request) -> Result<Self, Error> {
        let absolute = |path: &Path| path.canonicalize().map_err(at(path));
        let policy = absolute(&request.policy)?;
        let text = fs::read_to_string(&policy).map_err(at(&policy))?;
        let table: toml::Table = toml::from_str(&text)
            .map_err(|error| Error::Policy(format!("{}: {error}", policy.display())))?;
        let folder = policy.parent().unwrap_or(Path::new("/"));
        let named = |value: Option<&toml::Value>| {
            let file = value?.get("replay")?.as_str()?;
            Some(folder.join(file))
        };
        let partitions = table.get("partition").and_then(toml::Value::as_array);
        let partitions = partitions.into_iter().flatten();
        let mut files = vec![policy.clone()];
        files.extend(partitions.filter_map(|partition| named(partition.get("attach"))));
        let mut wire = named(table.get("wire"));
        files.extend(wire.clone());
        let mut replays = Vec::new();
        for (source, file) in &request.replays {
            let file = absolute(file)?;
            if source == "wire" {
                wire = Some(file);
            } else {
                files.push(file.clone());
                replays.push((source.clone(), file));
            }
        }
        let frames = match &wire {
            Some(file) => capture::read(file).map_err(at(file))?,
            None => Vec::new(),
        };
        Ok(Self {
            policy,
            files,
            replays,
            wire: frames.into_iter().map(|frame| frame.bytes).collect(),
        })
    }
}

fn output_folder() -> Result<TempDir, Error> {
    let folder = tempfile::Builder::new().prefix("lockgate-").tempdir();
    folder.map_err(at(std::env::temp_dir()))
}

/// A path as one word of shell.
fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_quote_stays_one_word() {
        assert_eq!(quote(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }

    #[test]
    fn files_named_by_a_policy_are_found_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let policy = root.join("p.toml");
        let text = "[wire]\nreplay = \"w.pcap\"\n[[partition]]\nname = \"a\"\nattach = { kind = \"pcap\", replay = \"a.pcap\" }\n[[partition]]\nname = \"b\"\n";
        fs::write(&policy, text).unwrap();
        let header = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0,
            0,
        ];
        for name in ["w.pcap", "a.pcap", "b.pcap"] {
            fs::write(root.join(name), header).unwrap();
        }
        let request = Request {
            lockgate: "lockgate".into(),
            policy: policy.clone(),
            replays: vec![("b".into(), root.join("b.pcap"))],
            card: CardKind::I82576,
        };
        let inputs = Inputs::of(&request).unwrap();
        let names = ["p.toml", "a.pcap", "w.pcap", "b.pcap"].map(|name| root.join(name));
        assert_eq!(inputs.files, names);
        assert_eq!(inputs.replays, [("b".into(), root.join("b.pcap"))]);
        assert!(inputs.wire.is_empty());
    }
}
