//! The endpoint of kind `pcap`: deliveries go into a capture, and a replay sends.

use std::sync::Arc;

use lockgate_lane::{Meta, TxProducer};

use super::deliveries::Deliveries;
use super::mirror::CaptureMirror;
use super::replay_source::ReplaySource;
use super::stats::PortStats;
use super::{BURST, Port, Round, Time};
use crate::error::Failure;

/// The far end of one partition's lane.
pub struct PcapEndpoint {
    deliveries: Deliveries,
    tx: TxProducer,
    mirror: Option<CaptureMirror>,
    source: ReplaySource,
    time: Time,
    stats: Arc<PortStats>,
}

impl PcapEndpoint {
    /// Takes what comes through `deliveries`, shows it to `mirror`, and sends what `source`
    /// gives through `tx`.
    pub(super) fn new(
        deliveries: Deliveries,
        tx: TxProducer,
        mirror: Option<CaptureMirror>,
        source: ReplaySource,
        time: Time,
    ) -> Self {
        Self {
            deliveries,
            tx,
            mirror,
            source,
            time,
            stats: Arc::default(),
        }
    }

    fn receive(&mut self) -> Result<usize, Failure> {
        let (mirror, stats) = (&mut self.mirror, &self.stats);
        let mut latency = None;
        let taken = self.deliveries.drain(self.time, |delivery| {
            let waited = delivery.found_ns.saturating_sub(delivery.stamp_ns);
            let latency = latency.get_or_insert_with(|| stats.latency());
            latency.saturating_record(waited);
            match mirror {
                Some(mirror) => mirror.see_delivery(delivery),
                None => Ok(()),
            }
        })?;
        self.stats.taken.add(taken as u64);
        Ok(taken)
    }

    fn send(&mut self, round: &mut Round<'_>) -> Result<usize, Failure> {
        let mut sent = 0;
        while sent < BURST
            && self.source.is_due(round)
            && self.tx.free(1) > 0
            && let Some(frame) = self.source.next()?
        {
            // A slot is longer than any legal frame: what is cut is refused as oversize.
            let fits = frame.len().min(self.tx.frame_bytes());
            let pushed = self.tx.push(&frame[..fits], Meta::default());
            debug_assert!(pushed.is_ok(), "a slot is free, and long enough");
            self.source.sent(round, 1);
            sent += 1;
        }
        // Counted before it is shown: nothing is settled that was not sent.
        self.stats.sent.add(sent as u64);
        self.tx.publish();
        Ok(sent)
    }
}

impl Port for PcapEndpoint {
    fn poll(&mut self, round: &mut Round<'_>) -> Result<usize, Failure> {
        Ok(self.receive()? + self.send(round)?)
    }

    fn is_drained(&self) -> bool {
        self.source.is_drained()
    }

    fn request_stop(&mut self) {
        self.source.stop();
    }

    fn room(&mut self) -> Option<u64> {
        Some(self.deliveries.room())
    }

    fn stats(&self) -> &Arc<PortStats> {
        &self.stats
    }

    fn write_out(&mut self) -> Result<(), Failure> {
        self.mirror
            .as_mut()
            .map_or(Ok(()), CaptureMirror::write_out)
    }

    fn persist(self: Box<Self>) -> Result<(), Failure> {
        self.mirror.map_or(Ok(()), CaptureMirror::persist)
    }
}
