//! Captures what a card sends to the wire, from the copies that a worker makes.
//!
//! Not here: the wire of a model, which captures for itself ([`super::ModelWire`]).

use std::sync::Arc;

use super::deliveries::Deliveries;
use super::mirror::CaptureMirror;
use super::stats::PortStats;
use super::{Port, Round, Time};
use crate::error::Failure;

/// The far end of the workers' mirror rings.
pub struct MirrorCapture {
    deliveries: Deliveries,
    mirror: CaptureMirror,
    time: Time,
    stats: Arc<PortStats>,
}

impl MirrorCapture {
    /// Shows `mirror` what comes through `deliveries`.
    pub(super) fn new(deliveries: Deliveries, mirror: CaptureMirror, time: Time) -> Self {
        Self {
            deliveries,
            mirror,
            time,
            stats: Arc::default(),
        }
    }
}

impl Port for MirrorCapture {
    fn poll(&mut self, _round: &mut Round<'_>) -> Result<usize, Failure> {
        let mirror = &mut self.mirror;
        let taken = self.deliveries.drain(self.time, |delivery| {
            mirror.see(delivery.frame, delivery.stamp_ns)
        })?;
        self.stats.taken.add(taken as u64);
        Ok(taken)
    }

    fn room(&mut self) -> Option<u64> {
        Some(self.deliveries.room())
    }

    fn stats(&self) -> &Arc<PortStats> {
        &self.stats
    }

    fn write_out(&mut self) -> Result<(), Failure> {
        self.mirror.write_out()
    }

    fn persist(self: Box<Self>) -> Result<(), Failure> {
        self.mirror.persist()
    }
}
