//! Words that `check` and `plan` share.
//!
//! Not here: which of them a command prints.

use lockgate_vmdq::{Attach, Plan, Policy, Segment, SteeringMode, Wire};

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
    let levels: Vec<_> = loaded
        .policy
        .levels
        .order
        .iter()
        .map(|at| at.value.as_str())
        .collect();
    let mut facts = vec![
        format!(
            "  device    {} (an {})",
            loaded.policy.nic.device.value, card.card
        ),
        format!("  steering  {steering}"),
        format!("  workers   on core {}", cores.join(", ")),
        format!("  mtu       {}", plan.mtu()),
    ];
    if !levels.is_empty() {
        facts.push(format!("  levels    {}", levels.join(" < ")));
    }
    Ok(facts)
}

/// The policy's flows, a line each; a reason for going down in brackets.
pub(super) fn flows(policy: &Policy) -> Vec<String> {
    let line = |flow: &lockgate_vmdq::Flow| {
        let reason = flow.downgrade.as_ref().map_or(String::new(), |reason| {
            format!("  (downgrade: {})", reason.value)
        });
        format!("  {} -> {}{reason}", flow.from.value, flow.to.value)
    };
    policy.flows.iter().map(line).collect()
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

/// A kind of attachment, in the word of the policy file.
pub(super) fn attach(attach: &Attach) -> &'static str {
    match attach {
        Attach::Pcap { .. } => "pcap",
        Attach::Memif { .. } => "memif",
        Attach::VhostUser { .. } => "vhost-user",
        Attach::Tap { .. } => "tap",
        Attach::Reflect {} => "reflect",
    }
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
