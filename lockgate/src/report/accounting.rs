//! From counters to the report.

use std::time::Duration;

use hdrhistogram::Histogram;
use lockgate_vmdq::{PartitionPlan, Plan, Reason};

use crate::endpoints::{CableCounts, Measured};
use crate::error::Failure;
use crate::report::{Accounts, Drops, Latency, PartitionReport, QueueReport, Report, WireReport};
use lockgate_dataplane::stats::{PartitionStats, WorkerStats};

/// Reasons for which a frame from the wire is dropped.
const FROM_WIRE: [Reason; 6] = [
    Reason::Runt,
    Reason::Oversize,
    Reason::ControlFrame,
    Reason::UnknownVlan,
    Reason::UnknownMac,
    Reason::NotPermitted,
];

/// Reasons for which a partition loses a frame, sent or due to it.
const AT_PARTITION: [Reason; 7] = [
    Reason::Runt,
    Reason::Oversize,
    Reason::ControlFrame,
    Reason::SpoofedMac,
    Reason::ForeignVlan,
    Reason::FlowDenied,
    Reason::RingFull,
];

/// What the far ends counted.
pub struct FarSide {
    /// Latency of each partition's deliveries.
    pub latencies: Vec<Histogram<u64>>,
    /// Frames that each partition's endpoint put into its lane; a partition that reflects
    /// has none.
    pub sent: Vec<Option<u64>>,
    /// The model's cable, if the card is a model.
    pub cable: Option<CableCounts>,
    /// What the frames that measure say.
    pub measured: Option<Measured>,
    /// The run ended by itself, everything drained.
    pub whole: bool,
    /// Nobody was to lose a frame to a full ring.
    pub lossless: bool,
}

/// What the card lost for want of room, before any worker could see it.
#[derive(Debug, Default)]
pub struct Missed {
    /// For want of descriptors, by pool.
    pub by_pool: Vec<u64>,
    /// In front of its packet buffer: nobody knows whose it was.
    pub by_card: u64,
}

/// Sums everything up.
///
/// # Errors
/// A running failure when the model's card lost a frame that the policy gives to
/// somebody, or when frames are unaccounted for: both are our own errors, and a
/// report that hid them would be worth nothing.
pub fn report(
    plan: &Plan,
    device: String,
    elapsed: Duration,
    stats: &[WorkerStats],
    far: FarSide,
    missed: &Missed,
) -> Result<Report, Failure> {
    let sum = |get: &dyn Fn(&WorkerStats) -> u64| stats.iter().map(get).sum::<u64>();
    let mut wire = WireReport {
        rx_frames: sum(&|s| s.wire.rx.frames.get()),
        rx_bytes: sum(&|s| s.wire.rx.bytes.get()),
        tx_frames: sum(&|s| s.wire.tx.frames.get()),
        tx_bytes: sum(&|s| s.wire.tx.bytes.get()),
        drops: FROM_WIRE
            .iter()
            .map(|&reason| (reason.name(), sum(&|s| s.wire.drops.get(reason))))
            .collect(),
    };
    if missed.by_card > 0 {
        wire.rx_frames += missed.by_card;
        *wire.drops.entry(Reason::RingFull.name()).or_default() += missed.by_card;
    }
    let partitions: Vec<_> = plan
        .partitions()
        .iter()
        .zip(&far.latencies)
        .enumerate()
        .map(|(p, (partition, latency))| {
            let missed = missed.by_pool.get(p).copied().unwrap_or(0);
            let each: Vec<_> = stats.iter().filter_map(|s| s.partitions.get(p)).collect();
            partition_report(partition, &each, latency, missed)
        })
        .collect();
    let delivered = sum(&|s| s.wire.delivered.get());
    if let Some(cable) = &far.cable {
        account_for_cable(&mut wire, cable, &far, delivered)?;
    }
    let accounts = accounts(&wire, &partitions, &far, delivered, stats)?;
    Ok(Report {
        schema: Report::SCHEMA,
        device,
        elapsed_s: elapsed.as_secs_f64(),
        wire,
        partitions,
        accounts,
        measured: far.measured,
    })
}

/// Takes the cable's word for what arrived and left, and adds what the card
/// filtered before any worker saw it.
fn account_for_cable(
    wire: &mut WireReport,
    cable: &CableCounts,
    far: &FarSide,
    delivered: u64,
) -> Result<(), Failure> {
    for reason in FROM_WIRE {
        *wire.drops.entry(reason.name()).or_default() += cable.filtered[reason as usize];
    }
    wire.tx_frames = cable.tx_frames;
    wire.tx_bytes = cable.tx_bytes;
    if cable.lost > 0 {
        return Err(Failure::running(
            format!(
                "the model filtered {} frames that the policy gives to a partition",
                cable.lost
            ),
            "this is an error in Lockgate: report it with the policy and the capture",
        ));
    }
    let settled = delivered + wire.drops.values().sum::<u64>();
    if far.whole && far.lossless && settled != cable.rx_frames {
        return Err(Failure::running(
            format!(
                "{} frames arrived on the wire and {settled} are accounted for",
                cable.rx_frames
            ),
            "this is an error in Lockgate: report it with the policy and the capture",
        ));
    }
    wire.rx_frames = cable.rx_frames;
    wire.rx_bytes = cable.rx_bytes;
    Ok(())
}

fn partition_report(
    partition: &PartitionPlan,
    each: &[&PartitionStats],
    latency: &Histogram<u64>,
    missed: u64,
) -> PartitionReport {
    let sum = |get: &dyn Fn(&PartitionStats) -> u64| each.iter().map(|s| get(s)).sum::<u64>();
    let mut drops: Drops = AT_PARTITION
        .iter()
        .map(|&reason| (reason.name(), sum(&|s| s.drops.get(reason))))
        .collect();
    // What the card dropped for want of descriptors never met a worker.
    *drops.entry(Reason::RingFull.name()).or_default() += missed;
    PartitionReport {
        name: partition.name.clone(),
        level: partition.level.clone(),
        rx_frames: sum(&|s| s.rx.frames.get()),
        rx_bytes: sum(&|s| s.rx.bytes.get()),
        tx_frames: sum(&|s| s.tx.frames.get()),
        tx_bytes: sum(&|s| s.tx.bytes.get()),
        drops,
        queues: (0..usize::from(partition.queues))
            .map(|q| QueueReport {
                rx_frames: sum(&|s| s.queues.get(q).map_or(0, |queue| queue.get())),
            })
            .collect(),
        latency_ns: percentiles(latency),
    }
}

fn percentiles(latency: &Histogram<u64>) -> Latency {
    Latency {
        p50: latency.value_at_quantile(0.5),
        p90: latency.value_at_quantile(0.9),
        p99: latency.value_at_quantile(0.99),
        p999: latency.value_at_quantile(0.999),
        max: latency.max(),
    }
}

/// Every frame that came in, from the wire and from partitions, and where it went.
fn accounts(
    wire: &WireReport,
    partitions: &[PartitionReport],
    far: &FarSide,
    delivered: u64,
    stats: &[WorkerStats],
) -> Result<Accounts, Failure> {
    let ring_full = Reason::RingFull.name();
    let mut accounts = Accounts {
        received: wire.rx_frames,
        delivered,
        dropped: wire.drops.values().sum(),
        copies: stats.iter().map(|s| s.wire.copies.get()).sum(),
    };
    if far.cable.is_some() {
        // Frames that found every queue of theirs full count with their takers' losses.
        accounts.delivered = accounts.received.saturating_sub(accounts.dropped);
    }
    for (partition, &sent) in partitions.iter().zip(&far.sent) {
        let refused: u64 = partition
            .drops
            .iter()
            .filter(|(reason, _)| **reason != ring_full)
            .map(|(_, n)| n)
            .sum();
        let settled = partition.tx_frames + refused;
        if let Some(sent) = sent
            && far.whole
            && settled != sent
        {
            return Err(Failure::running(
                format!(
                    "{} sent {sent} frames and {settled} are accounted for",
                    partition.name
                ),
                "this is an error in Lockgate: report it with the policy and the capture",
            ));
        }
        accounts.received += settled;
        accounts.delivered += partition.tx_frames;
        accounts.dropped += refused;
    }
    Ok(accounts)
}
