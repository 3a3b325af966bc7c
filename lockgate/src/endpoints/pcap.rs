//! The endpoint of kind `pcap`: deliveries go into a capture, and a replay sends.

use hdrhistogram::Histogram;
use lockgate_lane::{Meta, PartitionEnds, RxConsumer, TxProducer};
use lockgate_rss::{HashKinds, Toeplitz};
use lockgate_vmdq::PartitionPlan;

use super::{BURST, Pace, Port, Time, capture_failure};
use crate::capture::replay::Replay;
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;

/// Longest latency that a histogram tells apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// The far end of one partition's lane.
pub struct PcapEndpoint {
    rings: Vec<RxConsumer>,
    tx: TxProducer,
    /// Where a frame is copied to.
    buffer: Vec<u8>,
    capture: Option<CaptureWriter>,
    replay: Option<Replay>,
    pace: Pace,
    time: Time,
    hasher: Toeplitz,
    kinds: HashKinds,
    latency: Histogram<u64>,
    sent: u64,
}

impl PcapEndpoint {
    /// An endpoint of `partition` on the far end of its lane.
    pub fn new(
        lane: PartitionEnds,
        partition: &PartitionPlan,
        capture: Option<CaptureWriter>,
        replay: Option<Replay>,
        pace: Pace,
        time: Time,
    ) -> Self {
        Self {
            rings: lane.rx,
            buffer: vec![0; lane.tx.frame_bytes()],
            tx: lane.tx,
            capture,
            replay,
            pace,
            time,
            hasher: Toeplitz::new(&partition.rss.key),
            kinds: partition.rss.hash,
            latency: latency_histogram(),
            sent: 0,
        }
    }

    /// How long frames took from the worker's first sight of them to here, how
    /// many went the other way, and the capture to finish.
    pub fn into_parts(self) -> (Histogram<u64>, u64, Option<CaptureWriter>) {
        (self.latency, self.sent, self.capture)
    }

    fn drain(&mut self) -> Result<usize, Failure> {
        let mut taken = 0;
        for ring in &mut self.rings {
            if ring.waiting() == 0 {
                continue;
            }
            // Read after the frames were seen, or some would arrive before they left.
            let now_ns = self.time.now_ns();
            for _ in 0..BURST {
                let Some(waiting) = ring.peek() else {
                    break;
                };
                let meta = waiting.meta();
                self.latency
                    .saturating_record(now_ns.saturating_sub(meta.stamp_ns));
                if let Some(capture) = &mut self.capture
                    && let Some(frame) = waiting.read(&mut self.buffer)
                {
                    // The worker hashes only where a queue depends on it.
                    let hash = meta.hash.map(|hash| hash.value).or_else(|| {
                        let input = lockgate_rss::input(frame, self.kinds)?;
                        Some(self.hasher.hash(input.bytes()))
                    });
                    capture
                        .write(
                            self.time.of_day(meta.stamp_ns),
                            frame,
                            Some(u32::from(meta.queue)),
                            hash,
                        )
                        .map_err(capture_failure)?;
                }
                ring.advance(1);
                taken += 1;
            }
            ring.release();
        }
        Ok(taken)
    }

    fn send(&mut self, now_ns: u64) -> Result<usize, Failure> {
        let mut sent = 0;
        let Some(replay) = &mut self.replay else {
            return Ok(0);
        };
        while sent < BURST && self.pace.due(now_ns) && self.tx.free(1) > 0 {
            let Some(frame) = replay.next()? else {
                self.replay = None;
                break;
            };
            // A slot is longer than any legal frame: what is cut is refused as oversize.
            let fits = frame.bytes.len().min(self.tx.frame_bytes());
            let pushed = self.tx.push(&frame.bytes[..fits], Meta::default());
            debug_assert!(
                pushed.is_ok(),
                "there is a free slot, and it is long enough"
            );
            self.pace.sent(now_ns);
            sent += 1;
        }
        self.tx.publish();
        self.sent += sent as u64;
        Ok(sent)
    }
}

impl Port for PcapEndpoint {
    fn poll(&mut self, now_ns: u64) -> Result<usize, Failure> {
        Ok(self.drain()? + self.send(now_ns)?)
    }

    fn is_drained(&self) -> bool {
        self.replay.is_none()
    }

    fn request_stop(&mut self) {
        self.replay = None;
    }
}

/// An empty histogram from 1 ns to a minute, three digits.
pub(super) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3)
        .expect("1 ns to a minute with three digits are legal bounds")
}
