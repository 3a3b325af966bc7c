//! The captures that a run reads, and the files that it must not write over.

use std::path::{Path, PathBuf};

use lockgate_vmdq::{AttachmentKind, PartitionPlan, Plan, Poll, WireSource};

use super::LoadedPolicy;
use crate::capture::replay::Replay;
use crate::cli::{ReplayArg, RunArgs};
use crate::endpoints::{Sources, placement};
use crate::error::Failure;

/// Opens and checks the plan's replays, each unless an option names its source.
pub(super) fn open_sources(
    loaded: &LoadedPolicy,
    plan: &Plan,
    args: &RunArgs,
) -> Result<Sources, Failure> {
    let options = &args.replay;
    refuse_unbuilt(loaded, plan)?;
    refuse_strangers(plan, options, loaded.is_for_model())?;
    let chosen = |name: &str| options.iter().find(|option| option.source == name);
    let open = |name: &str, own: Option<&String>| match (chosen(name), own) {
        (Some(option), _) => Replay::open(&option.file).map(Some),
        (None, Some(file)) => Replay::open(&loaded.folder().join(file)).map(Some),
        (None, None) => Ok(None),
    };
    // A real card has a wire of its own.
    let wire = match loaded.is_for_model() {
        true => open("wire", wire_replay(plan))?,
        false => None,
    };
    let partitions = plan
        .partitions()
        .iter()
        .map(|partition| open(&partition.name, own_replay(partition)))
        .collect::<Result<_, _>>()?;
    Ok(Sources {
        wire,
        partitions,
        rate: args.rate.map(Into::into),
        ..Sources::default()
    })
}

/// Refuses what a policy may ask for and this version cannot do.
fn refuse_unbuilt(loaded: &LoadedPolicy, plan: &Plan) -> Result<(), Failure> {
    if plan.spec().poll == Poll::Adaptive {
        return Err(loaded.refuse(
            |policy| policy.nic.poll.at,
            "workers cannot sleep on interrupts in this version",
            "use poll = \"spin\"",
        ));
    }
    let wire = match &plan.spec().wire {
        WireSource::Nothing | WireSource::Replay(_) => None,
        WireSource::Tap(_) => Some("a TAP interface"),
        WireSource::Interface(_) => Some("a Linux interface"),
    };
    if let Some(wire) = wire.filter(|_| loaded.is_for_model()) {
        return Err(loaded.refuse(
            |policy| {
                let keys = [&policy.wire.tap, &policy.wire.interface];
                keys.into_iter().flatten().next().map_or(0, |key| key.at)
            },
            &format!("the wire of a model cannot be {wire} in this version"),
            "use replay = \"FILE\"",
        ));
    }
    for (position, partition) in plan.partitions().iter().enumerate() {
        let kind = &partition.attachment.kind;
        if placement(kind).is_none() {
            let (name, kind) = (&partition.name, kind.name());
            return Err(loaded.refuse(
                |policy| {
                    let partition = policy.partitions.get(position);
                    partition.map_or(0, |partition| partition.attachment_at())
                },
                &format!("partition {name} attaches by {kind}, which this version cannot do yet"),
                "use attach = { kind = \"pcap\" } or { kind = \"reflect\" }",
            ));
        }
    }
    Ok(())
}

fn refuse_strangers(plan: &Plan, options: &[ReplayArg], model: bool) -> Result<(), Failure> {
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
        let partition = plan.partitions().iter().find(|p| p.name == source);
        if source != "wire" && partition.is_none() {
            return Err(Failure::usage(
                format!("--replay names {source}, which is no partition of the policy"),
                "name `wire` or a partition",
            ));
        }
        if partition.is_some_and(PartitionPlan::reflects) {
            return Err(Failure::usage(
                format!("--replay names {source}, which reflects and sends nothing of its own"),
                "name another partition, or attach this one by pcap",
            ));
        }
    }
    Ok(())
}

/// What a partition's own `attach` replays.
fn own_replay(partition: &PartitionPlan) -> Option<&String> {
    match &partition.attachment.kind {
        AttachmentKind::Pcap { replay } => replay.as_ref(),
        _ => None,
    }
}

/// What the plan's own `wire` replays.
fn wire_replay(plan: &Plan) -> Option<&String> {
    match &plan.spec().wire {
        WireSource::Replay(file) => Some(file),
        _ => None,
    }
}

/// Refuses outputs that would replace an input or each other.
pub(super) fn refuse_overwriting(
    loaded: &LoadedPolicy,
    plan: &Plan,
    args: &RunArgs,
) -> Result<(), Failure> {
    let own = plan.partitions().iter().filter_map(own_replay);
    let own = own.chain(wire_replay(plan));
    let own = own.map(|file| loaded.folder().join(file));
    let given = args.replay.iter().map(|option| option.file.clone());
    let mut taken: Vec<_> = own
        .chain(given)
        .chain([args.policy.clone()])
        .map(real)
        .collect();
    let names = plan.partitions().iter().map(|p| p.name.as_str());
    let names = names.chain(["wire"]);
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
