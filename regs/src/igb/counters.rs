//! Statistics that only the 82576 has: refused senders, and counters per pool.
//!
//! Counters per pool do not clear when read; they wrap at 32 bits (82576
//! datasheet, chapter 8).

use super::Pool;
use crate::register::words;

words! {
    /// Frames that an anti-spoof check refused.
    clears: Ssvpc, "SSVPC", (0x41A0);
    /// Good frames a pool received.
    : Pvfgprc, "PVFGPRC", (Pool, 0x1_0010, 0x100);
    /// Good frames a pool sent.
    : Pvfgptc, "PVFGPTC", (Pool, 0x1_0014, 0x100);
    /// Octets of good frames a pool received.
    : Pvfgorc, "PVFGORC", (Pool, 0x1_0018, 0x100);
    /// Octets of good frames a pool sent.
    : Pvfgotc, "PVFGOTC", (Pool, 0x1_0034, 0x100);
    /// Multicast frames a pool received. Sources disagree on 0x10038 or 0x1003C;
    /// a virtual function sees its own at +0x3C of the same page, so that is it.
    : Pvfmprc, "PVFMPRC", (Pool, 0x1_003C, 0x100);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::assert_place;

    #[test]
    fn counters_are_where_the_datasheet_says() {
        assert_place::<Ssvpc>("SSVPC", 0x41A0, 0x41A0);
        assert_place::<Pvfgprc>("PVFGPRC", 0x1_0010, 0x1_0710);
        assert_place::<Pvfgptc>("PVFGPTC", 0x1_0014, 0x1_0714);
        assert_place::<Pvfgorc>("PVFGORC", 0x1_0018, 0x1_0718);
        assert_place::<Pvfgotc>("PVFGOTC", 0x1_0034, 0x1_0734);
        assert_place::<Pvfmprc>("PVFMPRC", 0x1_003C, 0x1_073C);
    }
}
