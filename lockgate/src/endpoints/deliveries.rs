//! The receiving half of a lane, as every endpoint of ours reads it.
//!
//! The rule: a frame is shown once, in order, and its slot is given back at the end of the
//! burst that it came in.
//!
//! Not here: what is done with a frame.

use lockgate_lane::{Frame, RxConsumer};

use super::{BURST, Time};
use crate::error::Failure;

/// The receive rings of a lane, one for each worker that delivers.
pub(crate) struct Deliveries {
    rings: Vec<RxConsumer>,
    /// Where a frame is copied to, before anybody looks at it.
    buffer: Vec<u8>,
}

/// One frame, as it was delivered.
pub(super) struct Delivery<'a> {
    /// Its bytes.
    pub(super) frame: &'a [u8],
    /// The receive queue that it came through.
    pub(super) queue: u16,
    /// Its Toeplitz hash, if the card or the worker hashed it.
    pub(super) hash: Option<u32>,
    /// When the worker saw it first, on the session's clock.
    pub(super) stamp_ns: u64,
    /// When it was found in the lane, on the same clock.
    pub(super) found_ns: u64,
}

impl Deliveries {
    /// Those of one lane.
    pub(crate) fn new(rings: Vec<RxConsumer>) -> Self {
        let longest = rings.iter().map(RxConsumer::frame_bytes).max();
        Self {
            rings,
            buffer: vec![0; longest.unwrap_or(0)],
        }
    }

    /// Free slots in the fullest ring. One that is shut counts as free: nothing that is lost
    /// there can be kept.
    pub(super) fn room(&mut self) -> u64 {
        let free = |ring: &mut RxConsumer| ring.slots().saturating_sub(ring.look().unwrap_or(0));
        let fewest = self.rings.iter_mut().map(free).min();
        fewest.map_or(u64::MAX, |slots| slots as u64)
    }

    /// Shows up to a burst of frames from each ring to `take`; says how many those were.
    ///
    /// # Errors
    /// That of `take`, whose frame stays where it is.
    pub(super) fn drain(
        &mut self,
        time: Time,
        mut take: impl FnMut(&Delivery<'_>) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        for ring in &mut self.rings {
            if ring.waiting() > 0 {
                taken += drain_ring(ring, &mut self.buffer, time, &mut take)?;
            }
        }
        Ok(taken)
    }
}

fn drain_ring(
    ring: &mut RxConsumer,
    buffer: &mut [u8],
    time: Time,
    take: &mut impl FnMut(&Delivery<'_>) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    // Read after the frames were seen, or some would arrive before they left.
    let found_ns = time.now_ns();
    let mut taken = 0;
    while taken < BURST
        && let Some(waiting) = ring.peek()
    {
        if let Some(delivery) = read(&waiting, buffer, found_ns) {
            take(&delivery)?;
        }
        ring.advance(1);
        taken += 1;
    }
    ring.release();
    Ok(taken)
}

/// Copies what waits; `None` if it does not fit `buffer`, as no frame of a lane does.
fn read<'b>(waiting: &Frame<'_>, buffer: &'b mut [u8], found_ns: u64) -> Option<Delivery<'b>> {
    let meta = waiting.meta();
    Some(Delivery {
        frame: waiting.read(buffer)?,
        queue: meta.queue,
        hash: meta.hash.map(|hash| hash.value),
        stamp_ns: meta.stamp_ns,
        found_ns,
    })
}
