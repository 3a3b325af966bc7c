//! Whether every frame of a session is accounted for.
//!
//! The rule: a report whose figures do not add up is worth nothing and is not written.
//!
//! Not here: counting ([`crate::supervisor`]).

use lockgate_vmdq::{Plan, Reason};

use super::Accounts;
use crate::error::Failure;
use crate::snapshot::{Partition, Snapshot};

/// The remedy for what only an error of ours can cause.
const OUR_ERROR: &str = "this is an error in Lockgate: report it with the policy and the capture";

/// How much of what was sent must have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// The session ended by itself, everything drained.
    pub drained: bool,
    /// Nobody was to lose a frame to a full ring.
    pub lossless: bool,
}

/// Checks the final figures of a session.
///
/// # Errors
/// A running failure when the model's card lost a frame that the policy gives to
/// somebody, or when frames are unaccounted for: both are our own errors.
pub fn check(plan: &Plan, end: &Snapshot, how: Completeness) -> Result<(), Failure> {
    if let Some(cable) = &end.wire.cable {
        if cable.filtered_in_error > 0 {
            return Err(Failure::running(
                format!(
                    "the model filtered {} frames that the policy gives to a partition",
                    cable.filtered_in_error
                ),
                OUR_ERROR,
            ));
        }
        let settled = end.wire.delivered + end.wire.drops.total();
        if how.drained && how.lossless && settled != cable.rx_frames {
            return Err(Failure::running(
                format!(
                    "{} frames arrived on the wire and {settled} are accounted for",
                    cable.rx_frames
                ),
                OUR_ERROR,
            ));
        }
    }
    if how.drained {
        for (partition, figures) in plan.partitions().iter().zip(&end.partitions) {
            check_partition(&partition.name, figures)?;
        }
    }
    Ok(())
}

/// What an endpoint of ours sent was let go or refused, frame by frame.
fn check_partition(name: &str, figures: &Partition) -> Result<(), Failure> {
    let settled = figures.settled();
    match figures.port {
        Some(port) if port.sent != settled => Err(Failure::running(
            format!(
                "{name} sent {} frames and {settled} are accounted for",
                port.sent
            ),
            OUR_ERROR,
        )),
        _ => Ok(()),
    }
}

/// Every frame that came in, from the wire and from partitions, and where it went.
pub fn accounts(snapshot: &Snapshot) -> Accounts {
    let wire = &snapshot.wire;
    let dropped = wire.drops.total();
    let mut accounts = Accounts {
        received: wire.rx.frames,
        delivered: match wire.cable {
            // Frames that found every queue of theirs full count with their takers' losses.
            Some(_) => wire.rx.frames.saturating_sub(dropped),
            None => wire.delivered,
        },
        dropped,
        copies: wire.copies,
    };
    for partition in &snapshot.partitions {
        let refused = partition.drops.total() - partition.drops.get(Reason::RingFull);
        accounts.received += partition.settled();
        accounts.delivered += partition.tx.frames;
        accounts.dropped += refused;
    }
    accounts
}
