//! `lockgate compile`: a policy into the plan's one byte form.
//!
//! Not here: the form ([`lockgate_vmdq::Plan::encode`]).

use std::io::Write;

use lockgate_vmdq::{AttachmentKind, Plan, WireSource};

use super::load;
use crate::atomic_file::{AtomicFile, cannot_write};
use crate::cli::CompileArgs;
use crate::error::Failure;

/// Writes the plan of a policy to a file, whole or not at all; says what it wrote.
///
/// # Errors
/// A usage failure: what is wrong with the policy, or with the file's name; a running failure
/// when the disk does not take it.
pub fn compile(args: &CompileArgs) -> Result<String, Failure> {
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    let bytes = plan.encode();
    let mut file = AtomicFile::create(&args.output)?;
    file.write_all(&bytes)
        .map_err(|error| cannot_write(&args.output, &error))?;
    file.persist()?;
    let mut text = format!(
        "plan of {} for {} (an {}): {} bytes in {}\n",
        args.policy.display(),
        loaded.device(),
        plan.card().card,
        bytes.len(),
        args.output.display(),
    );
    let moved = args.output.parent() != Some(loaded.folder());
    if moved && names_captures(&plan) {
        text += "note: the captures that it names are looked for beside the plan\n";
    }
    Ok(text)
}

/// Whether the plan has paths that start where it lies.
fn names_captures(plan: &Plan) -> bool {
    let replays = |kind: &AttachmentKind| matches!(kind, AttachmentKind::Pcap { replay: Some(_) });
    let mut partitions = plan.partitions().iter();
    let wire = matches!(plan.spec().wire, WireSource::Replay(_));
    wire || partitions.any(|partition| replays(&partition.attachment.kind))
}
