//! Words that `check` and `plan` share.
//!
//! Not here: which of them a command prints.

use lockgate_vmdq::{
    Attachment, AttachmentKind, FlowSpec, Plan, Poll, Segment, Side, Socket, SteeringMode, Wait,
    Wire, WireSource,
};

use super::LoadedPolicy;
use crate::error::Failure;

/// Device, steering, workers, mtu and levels, a line each.
pub(super) fn facts(loaded: &LoadedPolicy, plan: &Plan) -> Result<Vec<String>, Failure> {
    let card = loaded.card()?;
    let steering = match plan.steering() {
        SteeringMode::Pools => {
            let pools = plan.hardware().pools.len();
            format!(
                "by the card: {} of its {pools} pools",
                plan.partitions().len()
            )
        }
        SteeringMode::Software => "software steering: the worker looks every frame up".to_owned(),
    };
    let cores: Vec<_> = plan.workers().iter().map(u16::to_string).collect();
    let spec = plan.spec();
    let mut facts = vec![
        format!("  device    {} (an {})", loaded.device(), card.card),
        format!("  steering  {steering}"),
        format!("  workers   on core {}", cores.join(", ")),
        format!("  mtu       {}", plan.mtu()),
    ];
    if spec.poll == Poll::Adaptive {
        facts.push("  poll      adaptive".to_owned());
    }
    match &spec.wire {
        WireSource::Nothing | WireSource::Replay(_) => {}
        WireSource::Tap(name) => facts.push(format!("  wire      TAP interface {name}")),
        WireSource::Interface(name) => facts.push(format!("  wire      interface {name}")),
    }
    if !spec.levels.is_empty() {
        facts.push(format!("  levels    {}", spec.levels.join(" < ")));
    }
    Ok(facts)
}

/// The plan's flows, a line each; a reason for going down in brackets.
pub(super) fn flows(plan: &Plan) -> Vec<String> {
    let line = |flow: &FlowSpec| {
        let reason = flow.downgrade.as_ref();
        let reason = reason.map_or(String::new(), |why| format!("  (downgrade: {why})"));
        let (from, to) = ends(plan, flow);
        format!("  {from} -> {to}{reason}")
    };
    plan.spec().flows.iter().map(line).collect()
}

/// The names of a flow's sender and receiver.
pub(super) fn ends<'p>(plan: &'p Plan, flow: &FlowSpec) -> (&'p str, &'p str) {
    let name = |id| plan.partition(id).map_or("", |partition| &partition.name);
    (name(flow.from), name(flow.to))
}

/// The widest line that is wrapped text.
const WIDTH: usize = 96;

/// Sentences, each wrapped under a dash.
pub(super) fn list(sentences: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for sentence in sentences {
        let mut line = "  -".to_owned();
        for word in sentence.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut line, "   ".to_owned()));
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// A segment in one word.
pub(super) fn segment(segment: Segment) -> String {
    match segment.vid() {
        0 => "untagged".to_owned(),
        vid => format!("vlan{vid}"),
    }
}

/// A partition's ways of the wire, in the word of the policy file.
pub(super) fn wire(wire: Wire) -> &'static str {
    match wire {
        Wire::None => "none",
        Wire::In => "in",
        Wire::Out => "out",
        Wire::Both => "both",
    }
}

/// An attachment: its kind, and what was said of it beside that.
pub(super) fn attachment(attachment: &Attachment) -> String {
    let mut words = vec![attachment.kind.name().to_owned()];
    let mut say = |key: &str, value: Option<&dyn std::fmt::Display>| {
        words.extend(value.map(|value| format!("{key} {value}")));
    };
    fn shown(text: &Option<String>) -> Option<&dyn std::fmt::Display> {
        text.as_ref().map(|text| text as &dyn std::fmt::Display)
    }
    match &attachment.kind {
        AttachmentKind::Pcap { replay } => say("replay", shown(replay)),
        AttachmentKind::Reflect | AttachmentKind::Vf | AttachmentKind::Lane { .. } => {}
        AttachmentKind::VhostUser { side, queues, .. } => {
            say(
                "side",
                Some(&"connect")
                    .filter(|_| *side == Side::Connect)
                    .map(|s| s as _),
            );
            say("queues", queues.as_ref().map(|queues| queues as _));
        }
        AttachmentKind::Memif { id, peer, .. } => {
            say("id", Some(id));
            say("peer", shown(peer));
        }
        AttachmentKind::Tap { name, netns, owner } => {
            say("name", Some(name));
            say("netns", shown(netns));
            say("owner", shown(owner));
        }
        AttachmentKind::Stack { addresses, serve } => {
            addresses
                .iter()
                .for_each(|address| say("address", Some(address)));
            serve.iter().for_each(|service| say("serve", Some(service)));
        }
    }
    if let Some(socket) = attachment.kind.socket() {
        say("socket", Some(&socket.path));
        say("owner", shown(&socket.owner));
        say("group", shown(&socket.group));
        let mode = format!("{:04o}", socket.mode);
        say(
            "mode",
            Some(&mode)
                .filter(|_| socket.mode != Socket::DEFAULT_MODE)
                .map(|m| m as _),
        );
    }
    say(
        "wait",
        Some(&attachment.wait.name())
            .filter(|_| attachment.wait != Wait::Auto)
            .map(|w| w as _),
    );
    say("user", shown(&attachment.user));
    words.join(", ")
}

/// An empty line, a heading and its lines; nothing without lines.
pub(super) fn push_block(text: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    if !heading.is_empty() {
        text.push('\n');
        text.push_str(heading);
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_goes_on_under_itself() {
        let lines = list(&["word ".repeat(25), "short".to_owned()]);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("  - word") && lines[1].starts_with("    word"));
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
    }
}
