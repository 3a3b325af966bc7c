//! Switches that take a while.
//!
//! A card confirms some requests late: a queue is live, or at rest, only once its
//! register says so. A driver that does not poll meets the old state.

/// An on-off state that follows its request a few ticks behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    on: bool,
    next: Option<(bool, u64)>,
}

impl Switch {
    /// Ticks from request to confirmation.
    const LATENCY: u64 = 2;

    /// At rest in state `on`.
    pub(crate) const fn new(on: bool) -> Self {
        Self { on, next: None }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// Asks for a state at tick `now`.
    pub(crate) fn ask(&mut self, on: bool, now: u64) {
        match self.next {
            Some((next, _)) if next == on => {}
            _ if self.on == on => self.next = None,
            _ => self.next = Some((on, now.saturating_add(Self::LATENCY))),
        }
    }

    /// Whether a request is on its way.
    pub(crate) fn is_moving(self) -> bool {
        self.next.is_some()
    }

    /// Follows the request once it is due; says whether the state changed.
    pub(crate) fn settle(&mut self, now: u64) -> bool {
        match self.next {
            Some((on, due)) if now >= due => {
                *self = Self::new(on);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Switch;

    #[test]
    fn a_request_takes_two_ticks_and_asking_again_does_not_delay_it() {
        let mut switch = Switch::new(false);
        switch.ask(true, 10);
        switch.ask(true, 11);
        assert!(!switch.settle(11) && !switch.is_on());
        assert!(switch.settle(12) && switch.is_on());
        assert!(!switch.settle(13));
    }

    #[test]
    fn a_request_can_be_taken_back() {
        let mut switch = Switch::new(true);
        switch.ask(false, 0);
        switch.ask(true, 1);
        assert!(!switch.settle(9) && switch.is_on());
    }
}
