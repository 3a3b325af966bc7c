//! Statistics that are not as on the 1 GbE cards. Queues share 16 sets of counters.
//!
//! Source: 82599 datasheet, chapter 8.

use super::{PacketBuffer, QueueGroup, StatisticsSet};
use crate::registers;

registers! {
    /// Frames missed because the packet buffer was full.
    ClearsOnRead Mpc("MPC", PacketBuffer, 0x3FA0, 4);
    /// Frames that an anti-spoof check refused.
    ClearsOnRead Ssvpc("SSVPC", 0x8780);
    /// The sets of four receive queues, a byte each; to be set again after a reset.
    Stable Rqsmr("RQSMR", QueueGroup, 0x2300, 4);
    /// Frames that the queues of a set dropped.
    ClearsOnRead Qprdc("QPRDC", StatisticsSet, 0x1430, 0x40);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::assert_place;

    #[test]
    fn counters_are_where_the_datasheet_says() {
        assert_place::<Mpc>("MPC", 0x3FA0, 0x3FBC);
        assert_place::<Ssvpc>("SSVPC", 0x8780, 0x8780);
        assert_place::<Rqsmr>("RQSMR", 0x2300, 0x237C);
        assert_place::<Qprdc>("QPRDC", 0x1430, 0x17F0);
    }
}
