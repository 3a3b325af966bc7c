//! Flow control: pause frames, sent and obeyed.
//!
//! Source: 82576 datasheet, chapter 8.

use bitfield_struct::bitfield;

use crate::register::{register, words};

/// Flow control receive threshold low.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Fcrtl {
    #[bits(4)]
    __: u8,
    /// RTL: below this many 16-byte units an XON frame is sent.
    #[bits(13)]
    pub threshold: u16,
    #[bits(14)]
    __: u16,
    /// XONE: sends XON frames.
    pub xon_enable: bool,
}
register!(Fcrtl, "FCRTL", 0x2160);

/// Flow control receive threshold high.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Fcrth {
    #[bits(4)]
    __: u8,
    /// RTH: above this many 16-byte units an XOFF frame is sent; 0 for never.
    #[bits(13)]
    pub threshold: u16,
    #[bits(15)]
    __: u16,
}
register!(Fcrth, "FCRTH", 0x2168);

words! {
    /// Destination of pause frames, octets 0 to 3, the first low.
    : Fcal, "FCAL", (0x0028);
    /// Destination of pause frames, octets 4 and 5.
    : Fcah, "FCAH", (0x002C);
    /// EtherType of pause frames.
    : Fct, "FCT", (0x0030);
    /// Pause time sent in XOFF frames, bits 15:0.
    : Fcttv, "FCTTV", (0x0170);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Fcal>("FCAL", 0x0028, 0x0028);
        assert_place::<Fcah>("FCAH", 0x002C, 0x002C);
        assert_place::<Fct>("FCT", 0x0030, 0x0030);
        assert_place::<Fcttv>("FCTTV", 0x0170, 0x0170);
        assert_place::<Fcrtl>("FCRTL", 0x2160, 0x2160);
        assert_place::<Fcrth>("FCRTH", 0x2168, 0x2168);
    }

    #[test]
    fn fields_fill_their_bits() {
        assert_fields!(Fcrtl: with_threshold(0x1FFF) = 0x1_FFF0, with_xon_enable(true) = 0x8000_0000);
        assert_fields!(Fcrth: with_threshold(0x1FFF) = 0x1_FFF0);
    }
}
