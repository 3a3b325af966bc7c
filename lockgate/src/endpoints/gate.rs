//! The gate that replays at full speed pass, so that no frame is lost to a full ring.
//!
//! A replay without a rate should go as fast as everything drains. No worker waits for a
//! lane: one that is full loses frames. So the source must not send what could overflow a
//! lane. Which lanes a frame reaches is the policy's affair and not known here; but each
//! lane gets a frame once at most, so that it is enough if in every ring the free slots are
//! more than all frames that are under way.
//!
//! The rule: free slots are read *after* the frames that were counted as settled have been
//! published, or a frame would be missing from both counts. A worker publishes by the end
//! of the pass that counts; so settled frames are believed one whole pass of every worker
//! after they were read.
//!
//! Source: the reader's side of a producer-consumer ring, and credits as in PCI Express
//! (Base Specification, 2.6). Not here: the pace of a replay ([`super::Pace`]).

/// Who injects frames: a partition by its index, or the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The partition of that index.
    Partition(usize),
    /// The model's wire.
    Wire,
}

/// What the workers' counters say, read in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Passes that each worker has completed.
    pub passes: Vec<u64>,
    /// By partition: frames from it that have met their fate.
    pub settled: Vec<u64>,
    /// Frames, and copies of frames, that have met their fate after the card stored them.
    pub settled_wire: u64,
    /// Frames that partitions which reflect have taken.
    pub reflected_taken: u64,
    /// Frames that partitions which reflect have been given, read after all that is above.
    pub reflected_given: u64,
    /// Frames that partitions which reflect have sent, read after all that is above.
    pub reflected_sent: u64,
    /// Frames from partitions which reflect that have met their fate.
    pub reflected_settled: u64,
}

/// Who counts for a [`Gate`].
pub trait Count {
    /// Reads all counters; what frames pass early is read late.
    fn progress(&self) -> Progress;
}

/// Frames under way, and how many more there may be.
#[derive(Debug)]
pub struct Gate {
    /// By partition, and last the wire: frames injected.
    injected: Vec<u64>,
    /// Those whose fate is not counted upon any more: their lane was shut.
    given_up: Vec<bool>,
    /// What is believed.
    believed: Progress,
    /// What will be, once every worker has completed another pass.
    pending: Option<Progress>,
    /// Slots of the smallest ring there is, of which not all have their reader here.
    slots: u64,
    /// The most frames of one source under way, so that a slow one leaves room for others.
    share: u64,
    budget: u64,
}

impl Gate {
    /// A gate for `partitions` partitions and the wire, of which `sources` send, over rings
    /// of at least `slots` slots.
    pub fn new(partitions: usize, sources: usize, slots: u64) -> Self {
        Self {
            injected: vec![0; partitions + 1],
            given_up: vec![false; partitions + 1],
            believed: Progress::default(),
            pending: None,
            slots,
            share: (slots / sources.max(1) as u64).max(1),
            budget: 0,
        }
    }

    /// Looks at what the workers have done. `room` says how many slots are free in the
    /// fullest ring, as its reader sees it; it is asked after the look.
    pub fn refresh(&mut self, count: &impl Count, room: impl FnOnce() -> u64) {
        let now = count.progress();
        let passed = self.pending.as_ref().is_none_or(|pending| {
            let passes = now.passes.iter().zip(&pending.passes);
            passes.into_iter().all(|(now, then)| now > then)
        });
        if passed {
            // The first sample is believed at once: nothing was injected before it.
            self.believed = self.pending.take().unwrap_or_else(|| now.clone());
            self.pending = Some(now.clone());
        }
        let room = room().min(self.slots);
        self.budget = room.saturating_sub(self.under_way(&now));
    }

    /// Whether `source` may inject one more frame.
    pub fn admits(&self, source: Source) -> bool {
        self.budget > 0 && self.in_flight(self.index(source)) < self.share
    }

    /// `source` injected a frame, of which the card made `copies`; 0 if it kept none.
    pub fn inject(&mut self, source: Source, copies: u64) {
        let at = self.index(source);
        if let Some(injected) = self.injected.get_mut(at) {
            *injected += copies;
        }
        self.budget = self.budget.saturating_sub(copies);
    }

    /// What `source` has under way is lost: its lane was shut.
    pub fn give_up(&mut self, source: Source) {
        let at = self.index(source);
        if let Some(given_up) = self.given_up.get_mut(at) {
            *given_up = true;
        }
    }

    fn index(&self, source: Source) -> usize {
        match source {
            Source::Partition(p) => p,
            Source::Wire => self.injected.len() - 1,
        }
    }

    /// Frames of one source that may still enter a lane.
    fn in_flight(&self, source: usize) -> u64 {
        if self.given_up.get(source).copied().unwrap_or(true) {
            return 0;
        }
        let injected = self.injected.get(source).copied().unwrap_or(0);
        let settled = match self.believed.settled.get(source) {
            Some(settled) => *settled,
            None => self.believed.settled_wire,
        };
        injected.saturating_sub(settled)
    }

    /// Frames that may still enter a lane, those included that come back reflected.
    fn under_way(&self, now: &Progress) -> u64 {
        let injected: u64 = (0..self.injected.len()).map(|s| self.in_flight(s)).sum();
        let waiting = now
            .reflected_given
            .saturating_sub(self.believed.reflected_taken);
        let back = now
            .reflected_sent
            .saturating_sub(self.believed.reflected_settled);
        injected + waiting + back
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    /// A worker with one lane of `slots` slots, whose counts show at once and whose frames
    /// show at the end of a pass, as the memory model allows.
    #[derive(Default)]
    struct Lane {
        /// Injected and not settled.
        queued: u64,
        settled: u64,
        /// Settled, counted, and not published.
        hidden: u64,
        /// Published and not taken.
        visible: u64,
        passes: u64,
    }

    struct Counts<'a>(&'a RefCell<Lane>);

    impl Count for Counts<'_> {
        fn progress(&self) -> Progress {
            let lane = self.0.borrow();
            Progress {
                passes: vec![lane.passes],
                settled: vec![lane.settled],
                ..Progress::default()
            }
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Inject(u64),
        Settle(u64),
        EndPass,
        Take(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1..40_u64).prop_map(Step::Inject),
            3 => (1..40_u64).prop_map(Step::Settle),
            2 => Just(Step::EndPass),
            2 => (1..40_u64).prop_map(Step::Take),
        ]
    }

    const SLOTS: u64 = 16;

    /// The most frames that the lane ever held.
    fn fullest(steps: &[Step]) -> u64 {
        let lane = RefCell::new(Lane::default());
        let mut gate = Gate::new(1, 1, SLOTS);
        let mut fullest = 0;
        for &step in steps {
            match step {
                Step::Inject(wanted) => {
                    let room = || SLOTS.saturating_sub(lane.borrow().visible);
                    gate.refresh(&Counts(&lane), room);
                    for _ in 0..wanted {
                        if !gate.admits(Source::Partition(0)) {
                            break;
                        }
                        gate.inject(Source::Partition(0), 1);
                        lane.borrow_mut().queued += 1;
                    }
                }
                Step::Settle(most) => {
                    let mut lane = lane.borrow_mut();
                    let settled = lane.queued.min(most);
                    lane.queued -= settled;
                    lane.settled += settled;
                    lane.hidden += settled;
                }
                Step::EndPass => {
                    let mut lane = lane.borrow_mut();
                    lane.visible += std::mem::take(&mut lane.hidden);
                    lane.passes += 1;
                }
                Step::Take(most) => {
                    let mut lane = lane.borrow_mut();
                    lane.visible = lane.visible.saturating_sub(most);
                }
            }
            let lane = lane.borrow();
            fullest = fullest.max(lane.hidden + lane.visible);
        }
        fullest
    }

    proptest! {
        #[test]
        fn no_lane_ever_gets_more_than_its_slots(steps in proptest::collection::vec(step(), 1..200)) {
            prop_assert!(fullest(&steps) <= SLOTS);
        }
    }

    #[test]
    fn a_lane_can_be_filled_to_its_last_slot() {
        let steps = [Step::Inject(100), Step::Settle(100), Step::EndPass];
        assert_eq!(fullest(&steps), SLOTS);
    }

    #[test]
    fn a_gate_opens_again_once_its_frames_have_been_taken() {
        let lane = RefCell::new(Lane::default());
        let mut gate = Gate::new(1, 1, SLOTS);
        gate.refresh(&Counts(&lane), || SLOTS);
        gate.inject(Source::Partition(0), SLOTS);
        assert!(!gate.admits(Source::Partition(0)));
        lane.borrow_mut().settled = SLOTS;
        for _ in 0..2 {
            lane.borrow_mut().passes += 1;
            gate.refresh(&Counts(&lane), || SLOTS);
        }
        assert!(gate.admits(Source::Partition(0)));
    }

    #[test]
    fn a_slow_source_leaves_room_for_the_others() {
        let lane = RefCell::new(Lane::default());
        let mut gate = Gate::new(1, 2, SLOTS);
        gate.refresh(&Counts(&lane), || SLOTS);
        while gate.admits(Source::Partition(0)) {
            gate.inject(Source::Partition(0), 1);
        }
        assert!(gate.admits(Source::Wire));
    }

    #[test]
    fn a_source_whose_lane_was_shut_holds_up_nobody() {
        let lane = RefCell::new(Lane::default());
        let mut gate = Gate::new(1, 1, SLOTS);
        gate.refresh(&Counts(&lane), || SLOTS);
        gate.inject(Source::Partition(0), SLOTS);
        gate.give_up(Source::Partition(0));
        gate.refresh(&Counts(&lane), || SLOTS);
        assert!(gate.admits(Source::Wire));
    }
}
