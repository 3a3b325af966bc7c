//! The captures that a run reads, and the files that it must not write over.

use std::path::{Path, PathBuf};

use lockgate_vmdq::{Attach, Device, Partition, Policy};

use super::{LoadedPolicy, describe};
use crate::capture::replay::Replay;
use crate::cli::{ReplayArg, RunArgs};
use crate::endpoints::Sources;
use crate::error::Failure;

/// Opens and checks the policy's replays, each unless an option names its source.
pub(super) fn open_sources(loaded: &LoadedPolicy, args: &RunArgs) -> Result<Sources, Failure> {
    let policy = &loaded.policy;
    let options = &args.replay;
    let model = !matches!(policy.nic.device.value, Device::Pci(_));
    refuse_strangers(policy, options, model)?;
    let chosen = |name: &str| options.iter().find(|option| option.source == name);
    let open = |name: &str, own: Option<&String>| match (chosen(name), own) {
        (Some(option), _) => Replay::open(&option.file).map(Some),
        (None, Some(file)) => Replay::open(&loaded.folder().join(file)).map(Some),
        (None, None) => Ok(None),
    };
    // A real card has a wire of its own.
    let wire = match model {
        true => open("wire", policy.wire.replay.as_ref().map(|at| &at.value))?,
        false => None,
    };
    let partitions = policy
        .partitions
        .iter()
        .map(|partition| open(&partition.name.value, own_replay(partition)?))
        .collect::<Result<_, _>>()?;
    Ok(Sources {
        wire,
        partitions,
        rate: args.rate.map(Into::into),
        ..Sources::default()
    })
}

fn refuse_strangers(policy: &Policy, options: &[ReplayArg], model: bool) -> Result<(), Failure> {
    for (i, option) in options.iter().enumerate() {
        let source = option.source.as_str();
        if options
            .iter()
            .take(i)
            .any(|earlier| earlier.source == source)
        {
            return Err(Failure::usage(
                format!("--replay names {source} twice"),
                "give each source one capture; mergecap joins several",
            ));
        }
        if source == "wire" && !model {
            return Err(Failure::usage(
                "--replay wire= needs a model: a real card has a wire of its own",
                "send the frames from the other end of the cable",
            ));
        }
        let partition = policy.partitions.iter().find(|p| p.name.value == source);
        if source != "wire" && partition.is_none() {
            return Err(Failure::usage(
                format!("--replay names {source}, which is no partition of the policy"),
                "name `wire` or a partition",
            ));
        }
        if partition.is_some_and(|p| p.attach.value == Attach::Reflect {}) {
            return Err(Failure::usage(
                format!("--replay names {source}, which reflects and sends nothing of its own"),
                "name another partition, or attach this one by pcap",
            ));
        }
    }
    Ok(())
}

/// What a partition's own `attach` replays.
fn own_replay(partition: &Partition) -> Result<Option<&String>, Failure> {
    let kind = match &partition.attach.value {
        Attach::Pcap { replay } => return Ok(replay.as_ref()),
        Attach::Reflect {} => return Ok(None),
        other => describe::attach(other),
    };
    Err(Failure::usage(
        format!(
            "partition {} attaches by {kind}, which this version cannot do yet",
            partition.name.value
        ),
        "use attach = { kind = \"pcap\" } or { kind = \"reflect\" }",
    ))
}

/// Refuses outputs that would replace an input or each other.
pub(super) fn refuse_overwriting(loaded: &LoadedPolicy, args: &RunArgs) -> Result<(), Failure> {
    let own = loaded
        .policy
        .partitions
        .iter()
        .filter_map(|partition| own_replay(partition).ok()?);
    let own = own.chain(loaded.policy.wire.replay.as_ref().map(|at| &at.value));
    let own = own.map(|file| loaded.folder().join(file));
    let given = args.replay.iter().map(|option| option.file.clone());
    let mut taken: Vec<_> = own
        .chain(given)
        .chain([args.policy.clone()])
        .map(real)
        .collect();
    let names = loaded
        .policy
        .partitions
        .iter()
        .map(|p| p.name.value.as_str())
        .chain(["wire"]);
    let captures = args.capture_dir.iter().flat_map(|folder| {
        names
            .clone()
            .map(move |name| folder.join(format!("{name}.pcapng")))
    });
    let outputs = captures.chain(args.report.clone());
    refuse_taken(
        outputs,
        &mut taken,
        "choose another --capture-dir or --report",
    )
}

/// Refuses the first of `outputs` that is among `taken`, or twice among them.
pub(super) fn refuse_taken(
    outputs: impl Iterator<Item = PathBuf>,
    taken: &mut Vec<PathBuf>,
    help: &str,
) -> Result<(), Failure> {
    for output in outputs.map(real) {
        if taken.contains(&output) {
            return Err(Failure::usage(
                format!(
                    "{} would be written over something that the run needs",
                    output.display()
                ),
                help,
            ));
        }
        taken.push(output);
    }
    Ok(())
}

/// `path` without links, as far as it exists.
pub(super) fn real(path: PathBuf) -> PathBuf {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    path.canonicalize()
        .ok()
        .or_else(|| Some(folder.ok()?.join(path.file_name()?)))
        .unwrap_or(path)
}
