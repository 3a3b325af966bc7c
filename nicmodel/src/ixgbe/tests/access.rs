//! Registers: what they hold, what a reset and a queue's enable bit do.

use super::Fixture;
use crate::Misuse;

#[test]
fn outside_the_bar_reads_are_all_ones_and_an_unknown_register_reads_0() {
    let fixture = Fixture::bare();
    assert_eq!(fixture.get(0x2_0000), u32::MAX);
    fixture.set(0x0F00, 1);
    assert_eq!(fixture.get(0x0F00), 0);
    assert_eq!(fixture.model.misuse(), [Misuse::UnknownRegister(0x0F00)]);
}

#[test]
fn registers_hold_the_bits_they_have() {
    let fixture = Fixture::bare();
    for (offset, mask) in [
        (0x1000, 0xFFFF_FF80),
        (0xDFC8, 0x000F_FF80),
        (0xA5FC, 0x8000_FFFF),
        (0xA604, u32::MAX),
        (0xF1FC, 0x8000_0FFF),
        (0x5C7C, 0x0F0F_0F0F),
        (0x51B0, 0x6000_1F81),
        (0x821C, 0xFFFF),
    ] {
        fixture.set(offset, u32::MAX);
        assert_eq!(fixture.get(offset), mask, "{offset:#x}");
    }
}

#[test]
fn a_write_during_a_reset_is_lost() {
    let fixture = Fixture::bare();
    fixture.set(0x0, 1 << 26);
    fixture.set(0x5200, 1);
    assert_eq!(fixture.model.misuse(), [Misuse::WriteDuringReset(0x5200)]);
    assert_ne!(fixture.get(0x0) & (1 << 26), 0);
    assert_eq!(fixture.get(0x0) & (1 << 26), 0);
    fixture.set(0x5200, 1);
    assert_eq!(fixture.get(0x5200), 1);
}

#[test]
fn each_queue_has_a_rate_and_a_drop_bit_of_its_own_behind_one_register() {
    let fixture = Fixture::bare();
    for queue in [0_u32, 5, 127] {
        fixture.set(0x4904, queue);
        fixture.set(0x4984, 0x8000_0000 | queue);
        fixture.set(0x2F04, 1 << 16 | queue << 8 | 1);
    }
    for queue in [0_u32, 5, 127] {
        fixture.set(0x4904, queue);
        assert_eq!(fixture.get(0x4984), 0x8000_0000 | queue);
        fixture.set(0x2F04, 1 << 17 | queue << 8);
        assert_eq!(fixture.get(0x2F04) & 1, 1);
    }
    fixture.set(0x2F04, 1 << 17 | 6 << 8);
    assert_eq!(fixture.get(0x2F04) & 1, 0);
}

#[test]
fn the_eeprom_has_a_valid_sum_and_the_modules_list() {
    let fixture = Fixture::bare();
    let word = |at: u32| {
        fixture.set(0x1_0014, at << 2 | 1);
        let read = fixture.get(0x1_0014);
        assert_eq!(read & 2, 2);
        read >> 16
    };
    assert_eq!(
        (0..64).map(word).fold(0, |sum, word| (sum + word) & 0xFFFF),
        0xBABA
    );
    let list = word(0x2B);
    assert_eq!(word(list + 1), 3, "passive copper, port 0");
}
