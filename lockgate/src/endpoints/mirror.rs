//! Mirrors: who sees a copy of every frame that passes a port.
//!
//! A mirror is attached to a port and changes nothing of what the port does. The one kind
//! that there is writes what it sees into a capture.
//!
//! Not here: the file ([`crate::capture::writer`]).

use lockgate_rss::{HashKinds, Toeplitz};
use lockgate_vmdq::PartitionPlan;

use super::Time;
use super::deliveries::Delivery;
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;

/// Writes what passes a port into a capture.
pub(super) struct CaptureMirror {
    capture: CaptureWriter,
    time: Time,
    rss: Option<Rss>,
}

/// How the frames of a partition are hashed.
struct Rss {
    hasher: Toeplitz,
    kinds: HashKinds,
}

impl CaptureMirror {
    /// A mirror of the wire, whose frames have no queue and no hash.
    pub(super) fn of_wire(capture: CaptureWriter, time: Time) -> Self {
        Self {
            capture,
            time,
            rss: None,
        }
    }

    /// A mirror of what `partition` is given.
    pub(super) fn of_partition(
        capture: CaptureWriter,
        partition: &PartitionPlan,
        time: Time,
    ) -> Self {
        Self {
            rss: Some(Rss {
                hasher: Toeplitz::new(&partition.rss.key),
                kinds: partition.rss.hash,
            }),
            ..Self::of_wire(capture, time)
        }
    }

    /// Sees a frame that went by at `stamp_ns` of the session's clock.
    ///
    /// # Errors
    /// A running failure when the disk does not take it.
    pub(super) fn see(&mut self, frame: &[u8], stamp_ns: u64) -> Result<(), Failure> {
        self.write(frame, stamp_ns, None, None)
    }

    /// Sees a frame that a partition was given, with its queue and, where RSS hashes it, the
    /// hash.
    ///
    /// # Errors
    /// A running failure when the disk does not take it.
    pub(super) fn see_delivery(&mut self, delivery: &Delivery<'_>) -> Result<(), Failure> {
        // The worker hashes only where a queue depends on it.
        let hash = delivery.hash.or_else(|| self.hash(delivery.frame));
        let queue = Some(u32::from(delivery.queue));
        self.write(delivery.frame, delivery.stamp_ns, queue, hash)
    }

    /// Brings the capture to the disk, so that only its name is missing.
    ///
    /// # Errors
    /// A running failure when the disk does not take it.
    pub(super) fn write_out(&mut self) -> Result<(), Failure> {
        self.capture.write_out()
    }

    /// Gives the capture its name.
    ///
    /// # Errors
    /// A running failure when the disk does not take it.
    pub(super) fn persist(self) -> Result<(), Failure> {
        self.capture.finish()
    }

    fn hash(&self, frame: &[u8]) -> Option<u32> {
        let rss = self.rss.as_ref()?;
        let input = lockgate_rss::input(frame, rss.kinds)?;
        Some(rss.hasher.hash(input.bytes()))
    }

    fn write(
        &mut self,
        frame: &[u8],
        stamp_ns: u64,
        queue: Option<u32>,
        hash: Option<u32>,
    ) -> Result<(), Failure> {
        let stamp = self.time.of_day(stamp_ns);
        let written = self.capture.write(stamp, frame, queue, hash);
        written.map_err(|error| {
            Failure::running(
                format!("cannot write a capture: {error}"),
                "free some disk space, or choose another --capture-dir",
            )
        })
    }
}
