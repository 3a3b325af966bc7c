//! The policy as a graph for Graphviz: who can reach whom.
//!
//! Boxes are partitions, ellipses are segments of the wire; an arrow is a way that
//! frames can take. Partitions of one level share a row, the highest on top, so
//! that an arrow which points down is a downgrade, and red.
//!
//! Not here: whether the graph is allowed (`lockgate-vmdq`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lockgate_vmdq::{PartitionPlan, PartitionSpec, Plan, PlanSpec};

use crate::commands::describe;

/// The graph of `plan`.
pub(super) fn dot(plan: &Plan) -> String {
    let mut text = "digraph lockgate {\n  rankdir = BT;\n  node [fontname = \"sans-serif\"];\n  \
                    edge [fontname = \"sans-serif\"];\n"
        .to_owned();
    for partition in plan.partitions() {
        let _ = writeln!(text, "  {};", node(partition));
    }
    push_rows(&mut text, plan);
    push_segments(&mut text, plan.spec());
    for flow in &plan.spec().flows {
        let look = match &flow.downgrade {
            None => "style = bold".to_owned(),
            Some(reason) => format!(
                "style = bold, color = red, label = {}",
                quote(&format!("downgrade: {reason}"))
            ),
        };
        let (from, to) = describe::ends(plan, flow);
        let _ = writeln!(text, "  {} -> {} [{look}];", quote(from), quote(to));
    }
    text.push_str("}\n");
    text
}

fn node(partition: &PartitionPlan) -> String {
    let mut lines = vec![partition.name.clone()];
    lines.extend(partition.level.clone());
    lines.extend(partition.macs.iter().map(ToString::to_string));
    let (name, label) = (quote(&partition.name), quote(&lines.join("\n")));
    format!("{name} [shape = box, label = {label}]")
}

/// One row for each level, held in order by invisible arrows.
fn push_rows(text: &mut String, plan: &Plan) {
    let row = |level: &str| {
        let members = plan.partitions().iter();
        let members = members.filter(|p| p.level.as_deref() == Some(level));
        members.map(|p| quote(&p.name)).collect::<Vec<_>>()
    };
    let rows = plan.spec().levels.iter().map(|level| row(level));
    let rows: Vec<_> = rows.filter(|row| !row.is_empty()).collect();
    for row in &rows {
        let _ = writeln!(text, "  {{ rank = same; {}; }}", row.join("; "));
    }
    for (lower, upper) in rows.iter().zip(rows.iter().skip(1)) {
        if let (Some(lower), Some(upper)) = (lower.first(), upper.first()) {
            let _ = writeln!(text, "  {lower} -> {upper} [style = invis];");
        }
    }
}

fn push_segments(text: &mut String, spec: &PlanSpec) {
    let on_wire = |p: &&PartitionSpec| p.wire.sends() || p.wire.receives();
    let members: Vec<_> = spec.partitions.iter().filter(on_wire).collect();
    let segments: BTreeSet<_> = members.iter().flat_map(|p| &p.segments).collect();
    for segment in segments {
        // A partition's name has no blank, so this can be none.
        let place = quote(&format!("wire {}", describe::segment(*segment)));
        let _ = writeln!(text, "  {place} [shape = ellipse, style = dashed];");
        for partition in members.iter().filter(|p| p.segments.contains(segment)) {
            let name = quote(&partition.name);
            let dir = match (partition.wire.sends(), partition.wire.receives()) {
                (true, true) => "both",
                (true, false) => "forward",
                _ => "back",
            };
            let _ = writeln!(text, "  {name} -> {place} [dir = {dir}, style = dashed];");
        }
    }
}

/// A string as DOT reads it.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_policy_leaves_its_quotes() {
        assert_eq!(quote("a\"; x -> \\\"y"), r#""a\"; x -> \\\"y""#);
        assert_eq!(quote("a\nb"), r#""a\nb""#);
    }
}
