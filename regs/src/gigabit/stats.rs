//! Statistics of the MAC: every one returns to zero when read.
//!
//! A 64-bit counter is two registers; the low one is read first, and reading the
//! high one clears both (82576 datasheet, chapter 8).
//!
//! Not here: counters per queue and per pool (the families).

use crate::register::words;

words! {
    /// Frames with a wrong check sequence.
    clears: Crcerrs, "CRCERRS", (0x4000);
    /// Frames with an error signalled by the PHY.
    clears: Rxerrc, "RXERRC", (0x400C);
    /// Frames missed because the packet buffer was full or the queue dropped them.
    clears: Mpc, "MPC", (0x4010);
    /// Frames whose length field lied.
    clears: Rlec, "RLEC", (0x4040);
    /// XON frames received.
    clears: Xonrxc, "XONRXC", (0x4048);
    /// XOFF frames received.
    clears: Xoffrxc, "XOFFRXC", (0x4050);
    /// Frames received of 64 bytes; lengths here include the check sequence.
    clears: Prc64, "PRC64", (0x405C);
    /// Frames received of 65 to 127 bytes.
    clears: Prc127, "PRC127", (0x4060);
    /// Frames received of 128 to 255 bytes.
    clears: Prc255, "PRC255", (0x4064);
    /// Frames received of 256 to 511 bytes.
    clears: Prc511, "PRC511", (0x4068);
    /// Frames received of 512 to 1023 bytes.
    clears: Prc1023, "PRC1023", (0x406C);
    /// Frames received of 1024 bytes and more.
    clears: Prc1522, "PRC1522", (0x4070);
    /// Good frames received.
    clears: Gprc, "GPRC", (0x4074);
    /// Good broadcast frames received.
    clears: Bprc, "BPRC", (0x4078);
    /// Good multicast frames received.
    clears: Mprc, "MPRC", (0x407C);
    /// Good frames sent.
    clears: Gptc, "GPTC", (0x4080);
    /// Octets of good frames received, low half.
    : Gorcl, "GORCL", (0x4088);
    /// Octets of good frames received, high half; reading clears both.
    clears: Gorch, "GORCH", (0x408C);
    /// Octets of good frames sent, low half.
    : Gotcl, "GOTCL", (0x4090);
    /// Octets of good frames sent, high half; reading clears both.
    clears: Gotch, "GOTCH", (0x4094);
    /// Frames that found no receive descriptor.
    clears: Rnbc, "RNBC", (0x40A0);
    /// Frames under 64 bytes with a good check sequence.
    clears: Ruc, "RUC", (0x40A4);
    /// Frames under 64 bytes with a wrong check sequence.
    clears: Rfc, "RFC", (0x40A8);
    /// Frames that were too long.
    clears: Roc, "ROC", (0x40AC);
    /// Frames that were too long and had a wrong check sequence.
    clears: Rjc, "RJC", (0x40B0);
    /// All octets received, low half.
    : Torl, "TORL", (0x40C0);
    /// All octets received, high half; reading clears both.
    clears: Torh, "TORH", (0x40C4);
    /// All octets sent, low half.
    : Totl, "TOTL", (0x40C8);
    /// All octets sent, high half; reading clears both.
    clears: Toth, "TOTH", (0x40CC);
    /// All frames received, filtered ones too.
    clears: Tpr, "TPR", (0x40D0);
    /// All frames sent.
    clears: Tpt, "TPT", (0x40D4);
    /// Frames sent of 64 bytes.
    clears: Ptc64, "PTC64", (0x40D8);
    /// Frames sent of 65 to 127 bytes.
    clears: Ptc127, "PTC127", (0x40DC);
    /// Frames sent of 128 to 255 bytes.
    clears: Ptc255, "PTC255", (0x40E0);
    /// Frames sent of 256 to 511 bytes.
    clears: Ptc511, "PTC511", (0x40E4);
    /// Frames sent of 512 to 1023 bytes.
    clears: Ptc1023, "PTC1023", (0x40E8);
    /// Frames sent of 1024 bytes and more.
    clears: Ptc1522, "PTC1522", (0x40EC);
    /// Multicast frames sent.
    clears: Mptc, "MPTC", (0x40F0);
    /// Broadcast frames sent.
    clears: Bptc, "BPTC", (0x40F4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::assert_place;

    #[test]
    fn receive_counters_are_where_the_datasheet_says() {
        assert_place::<Crcerrs>("CRCERRS", 0x4000, 0x4000);
        assert_place::<Rxerrc>("RXERRC", 0x400C, 0x400C);
        assert_place::<Mpc>("MPC", 0x4010, 0x4010);
        assert_place::<Rlec>("RLEC", 0x4040, 0x4040);
        assert_place::<Xonrxc>("XONRXC", 0x4048, 0x4048);
        assert_place::<Xoffrxc>("XOFFRXC", 0x4050, 0x4050);
        assert_place::<Prc64>("PRC64", 0x405C, 0x405C);
        assert_place::<Prc127>("PRC127", 0x4060, 0x4060);
        assert_place::<Prc255>("PRC255", 0x4064, 0x4064);
        assert_place::<Prc511>("PRC511", 0x4068, 0x4068);
        assert_place::<Prc1023>("PRC1023", 0x406C, 0x406C);
        assert_place::<Prc1522>("PRC1522", 0x4070, 0x4070);
        assert_place::<Gprc>("GPRC", 0x4074, 0x4074);
        assert_place::<Bprc>("BPRC", 0x4078, 0x4078);
        assert_place::<Mprc>("MPRC", 0x407C, 0x407C);
        assert_place::<Gorcl>("GORCL", 0x4088, 0x4088);
        assert_place::<Gorch>("GORCH", 0x408C, 0x408C);
        assert_place::<Rnbc>("RNBC", 0x40A0, 0x40A0);
        assert_place::<Ruc>("RUC", 0x40A4, 0x40A4);
        assert_place::<Rfc>("RFC", 0x40A8, 0x40A8);
        assert_place::<Roc>("ROC", 0x40AC, 0x40AC);
        assert_place::<Rjc>("RJC", 0x40B0, 0x40B0);
        assert_place::<Torl>("TORL", 0x40C0, 0x40C0);
        assert_place::<Torh>("TORH", 0x40C4, 0x40C4);
        assert_place::<Tpr>("TPR", 0x40D0, 0x40D0);
    }

    #[test]
    fn transmit_counters_are_where_the_datasheet_says() {
        assert_place::<Gptc>("GPTC", 0x4080, 0x4080);
        assert_place::<Gotcl>("GOTCL", 0x4090, 0x4090);
        assert_place::<Gotch>("GOTCH", 0x4094, 0x4094);
        assert_place::<Totl>("TOTL", 0x40C8, 0x40C8);
        assert_place::<Toth>("TOTH", 0x40CC, 0x40CC);
        assert_place::<Tpt>("TPT", 0x40D4, 0x40D4);
        assert_place::<Ptc64>("PTC64", 0x40D8, 0x40D8);
        assert_place::<Ptc127>("PTC127", 0x40DC, 0x40DC);
        assert_place::<Ptc255>("PTC255", 0x40E0, 0x40E0);
        assert_place::<Ptc511>("PTC511", 0x40E4, 0x40E4);
        assert_place::<Ptc1023>("PTC1023", 0x40E8, 0x40E8);
        assert_place::<Ptc1522>("PTC1522", 0x40EC, 0x40EC);
        assert_place::<Mptc>("MPTC", 0x40F0, 0x40F0);
        assert_place::<Bptc>("BPTC", 0x40F4, 0x40F4);
    }
}
