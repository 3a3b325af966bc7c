//! Statistics of the MAC: every one returns to zero when read.
//!
//! A 64-bit counter is two registers; the low one is read first, and reading the
//! high one clears both (82576 datasheet, chapter 8).
//!
//! Not here: counters per queue (the families).

use crate::registers;

registers! {
    /// Frames with a wrong check sequence.
    ClearsOnRead Crcerrs("CRCERRS", 0x4000);
    /// Frames missed because the packet buffer was full or the queue dropped them.
    ClearsOnRead Mpc("MPC", 0x4010);
    /// Good frames received.
    ClearsOnRead Gprc("GPRC", 0x4074);
    /// Good frames sent.
    ClearsOnRead Gptc("GPTC", 0x4080);
    /// Octets of good frames received, low half.
    Stable Gorcl("GORCL", 0x4088);
    /// Octets of good frames received, high half; reading clears both.
    ClearsOnRead Gorch("GORCH", 0x408C);
    /// Octets of good frames sent, low half.
    Stable Gotcl("GOTCL", 0x4090);
    /// Octets of good frames sent, high half; reading clears both.
    ClearsOnRead Gotch("GOTCH", 0x4094);
    /// Frames under 64 bytes with a good check sequence.
    ClearsOnRead Ruc("RUC", 0x40A4);
    /// Frames under 64 bytes with a wrong check sequence.
    ClearsOnRead Rfc("RFC", 0x40A8);
    /// Frames that were too long.
    ClearsOnRead Roc("ROC", 0x40AC);
    /// Frames that were too long and had a wrong check sequence.
    ClearsOnRead Rjc("RJC", 0x40B0);
    /// All frames received, filtered ones too.
    ClearsOnRead Tpr("TPR", 0x40D0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::assert_place;

    #[test]
    fn counters_are_where_the_datasheet_says() {
        assert_place::<Crcerrs>("CRCERRS", 0x4000, 0x4000);
        assert_place::<Mpc>("MPC", 0x4010, 0x4010);
        assert_place::<Gprc>("GPRC", 0x4074, 0x4074);
        assert_place::<Gptc>("GPTC", 0x4080, 0x4080);
        assert_place::<Gorcl>("GORCL", 0x4088, 0x4088);
        assert_place::<Gorch>("GORCH", 0x408C, 0x408C);
        assert_place::<Gotcl>("GOTCL", 0x4090, 0x4090);
        assert_place::<Gotch>("GOTCH", 0x4094, 0x4094);
        assert_place::<Ruc>("RUC", 0x40A4, 0x40A4);
        assert_place::<Rfc>("RFC", 0x40A8, 0x40A8);
        assert_place::<Roc>("ROC", 0x40AC, 0x40AC);
        assert_place::<Rjc>("RJC", 0x40B0, 0x40B0);
        assert_place::<Tpr>("TPR", 0x40D0, 0x40D0);
    }
}
