//! Which kinds of attachment this version serves, and by whom.
//!
//! One row a kind. A kind that has no row is refused before anything starts.
//!
//! Not here: what an attachment says ([`lockgate_vmdq::Attachment`]).

use lockgate_vmdq::{AttachmentKind, PartitionPlan};

/// Where the endpoint of an attachment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the supervisor's thread.
    Supervisor,
    /// In the thread of the worker that serves the partition's sending side.
    Worker,
}

/// Where the endpoint for this kind of attachment runs; `None` for a kind that this version does not
/// serve.
pub fn placement(kind: &AttachmentKind) -> Option<Placement> {
    match kind {
        AttachmentKind::Pcap { .. } => Some(Placement::Supervisor),
        AttachmentKind::Reflect => Some(Placement::Worker),
        _ => None,
    }
}

/// Where the endpoint of `partition` runs, whose kind is one that is served.
pub(crate) fn placement_of(partition: &PartitionPlan) -> Placement {
    placement(&partition.attachment.kind).unwrap_or(Placement::Supervisor)
}
