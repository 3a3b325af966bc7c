//! Statistics of the MAC, which both 1 GbE families keep alike.
//!
//! Octets and lengths include the check sequence. "Good" frames received are those that
//! passed the filters and found room in the packet buffer, once each.
//!
//! Declared here is what no driver reads; the rest is in [`lockgate_regs::gigabit`].
//! Source: datasheets of 82574 and 82576, statistics.

use lockgate_regs::gigabit::*;
use lockgate_regs::{Register, registers};

use crate::ethernet::Header;
use crate::registers::{Map, Registers};
use crate::wire::FCS;

// Every one returns to zero when read.
registers! {
    /// All frames received, filtered ones too.
    ClearsOnRead Tpr("TPR", 0x40D0);
    /// Frames with an error signalled by the PHY.
    ClearsOnRead Rxerrc("RXERRC", 0x400C);
    /// Frames whose length field lied.
    ClearsOnRead Rlec("RLEC", 0x4040);
    /// XON frames received.
    ClearsOnRead Xonrxc("XONRXC", 0x4048);
    /// XOFF frames received.
    ClearsOnRead Xoffrxc("XOFFRXC", 0x4050);
    /// Frames received of 64 bytes; lengths here include the check sequence.
    ClearsOnRead Prc64("PRC64", 0x405C);
    /// Frames received of 65 to 127 bytes.
    ClearsOnRead Prc127("PRC127", 0x4060);
    /// Frames received of 128 to 255 bytes.
    ClearsOnRead Prc255("PRC255", 0x4064);
    /// Frames received of 256 to 511 bytes.
    ClearsOnRead Prc511("PRC511", 0x4068);
    /// Frames received of 512 to 1023 bytes.
    ClearsOnRead Prc1023("PRC1023", 0x406C);
    /// Frames received of 1024 bytes and more.
    ClearsOnRead Prc1522("PRC1522", 0x4070);
    /// Good broadcast frames received.
    ClearsOnRead Bprc("BPRC", 0x4078);
    /// Good multicast frames received.
    ClearsOnRead Mprc("MPRC", 0x407C);
    /// Frames that found no receive descriptor.
    ClearsOnRead Rnbc("RNBC", 0x40A0);
    /// All octets received, low half.
    Stable Torl("TORL", 0x40C0);
    /// All octets received, high half; reading clears both.
    ClearsOnRead Torh("TORH", 0x40C4);
    /// All octets sent, low half.
    Stable Totl("TOTL", 0x40C8);
    /// All octets sent, high half; reading clears both.
    ClearsOnRead Toth("TOTH", 0x40CC);
    /// All frames sent.
    ClearsOnRead Tpt("TPT", 0x40D4);
    /// Frames sent of 64 bytes.
    ClearsOnRead Ptc64("PTC64", 0x40D8);
    /// Frames sent of 65 to 127 bytes.
    ClearsOnRead Ptc127("PTC127", 0x40DC);
    /// Frames sent of 128 to 255 bytes.
    ClearsOnRead Ptc255("PTC255", 0x40E0);
    /// Frames sent of 256 to 511 bytes.
    ClearsOnRead Ptc511("PTC511", 0x40E4);
    /// Frames sent of 512 to 1023 bytes.
    ClearsOnRead Ptc1023("PTC1023", 0x40E8);
    /// Frames sent of 1024 bytes and more.
    ClearsOnRead Ptc1522("PTC1522", 0x40EC);
    /// Multicast frames sent.
    ClearsOnRead Mptc("MPTC", 0x40F0);
    /// Broadcast frames sent.
    ClearsOnRead Bptc("BPTC", 0x40F4);
}

/// Adds every counter of the MAC to a map.
pub(crate) fn mapped(map: Map) -> Map {
    map.clears::<Crcerrs>()
        .clears::<Rxerrc>()
        .clears::<Mpc>()
        .clears::<Rlec>()
        .clears::<Xonrxc>()
        .clears::<Xoffrxc>()
        .clears::<Prc64>()
        .clears::<Prc127>()
        .clears::<Prc255>()
        .clears::<Prc511>()
        .clears::<Prc1023>()
        .clears::<Prc1522>()
        .clears::<Gprc>()
        .clears::<Bprc>()
        .clears::<Mprc>()
        .clears::<Gptc>()
        .stored::<Gorcl>(0)
        .clears::<Gorch>()
        .stored::<Gotcl>(0)
        .clears::<Gotch>()
        .clears::<Rnbc>()
        .clears::<Ruc>()
        .clears::<Rfc>()
        .clears::<Roc>()
        .clears::<Rjc>()
        .stored::<Torl>(0)
        .clears::<Torh>()
        .stored::<Totl>(0)
        .clears::<Toth>()
        .clears::<Tpr>()
        .clears::<Tpt>()
        .clears::<Ptc64>()
        .clears::<Ptc127>()
        .clears::<Ptc255>()
        .clears::<Ptc511>()
        .clears::<Ptc1023>()
        .clears::<Ptc1522>()
        .clears::<Mptc>()
        .clears::<Bptc>()
}

/// Clears the low half of a counter of octets whose high half, at `offset`, was read.
pub(crate) fn clear_low_half(registers: &mut Registers, offset: u32) {
    if matches!(offset, Gorch::BASE | Gotch::BASE | Torh::BASE | Toth::BASE) {
        registers.put(offset - 4, 0);
    }
}

/// Counts a frame off the wire, whatever becomes of it.
pub(crate) fn count_total(registers: &mut Registers, bytes: usize) {
    registers.count::<Tpr>((), 1);
    registers.count_wide::<Torl>((), octets(bytes));
}

/// Counts a frame that passed the filters.
pub(crate) fn count_received(registers: &mut Registers, header: &Header, bytes: usize) {
    let classes = [
        Prc64::BASE,
        Prc127::BASE,
        Prc255::BASE,
        Prc511::BASE,
        Prc1023::BASE,
        Prc1522::BASE,
    ];
    count_size(registers, classes, bytes);
    registers.count::<Gprc>((), 1);
    registers.count_wide::<Gorcl>((), octets(bytes));
    if header.is_broadcast() {
        registers.count::<Bprc>((), 1);
    } else if header.is_multicast() {
        registers.count::<Mprc>((), 1);
    }
}

/// Counts a frame that left on the wire.
pub(crate) fn count_sent(registers: &mut Registers, header: &Header, bytes: usize) {
    let classes = [
        Ptc64::BASE,
        Ptc127::BASE,
        Ptc255::BASE,
        Ptc511::BASE,
        Ptc1023::BASE,
        Ptc1522::BASE,
    ];
    count_size(registers, classes, bytes);
    registers.count::<Gptc>((), 1);
    registers.count::<Tpt>((), 1);
    registers.count_wide::<Gotcl>((), octets(bytes));
    registers.count_wide::<Totl>((), octets(bytes));
    if header.is_broadcast() {
        registers.count::<Bptc>((), 1);
    } else if header.is_multicast() {
        registers.count::<Mptc>((), 1);
    }
}

/// Octets of a frame of so many bytes, its check sequence included.
pub(crate) fn octets(bytes: usize) -> u64 {
    (bytes + FCS) as u64
}

fn count_size(registers: &mut Registers, classes: [u32; 6], bytes: usize) {
    let [c64, c127, c255, c511, c1023, longer] = classes;
    let class = match bytes + FCS {
        0..=64 => c64,
        65..=127 => c127,
        128..=255 => c255,
        256..=511 => c511,
        512..=1023 => c1023,
        _ => longer,
    };
    let old = registers.word(class);
    registers.put(class, old.saturating_add(1));
}
