//! Link, PHY and EEPROM.

use super::Fixture;

#[test]
fn the_link_comes_up_by_itself_and_again_after_a_restart() {
    let fixture = Fixture::bare();
    let up = |fixture: &Fixture| fixture.get(0x42A4) & (1 << 30) != 0;
    assert!((0..8).any(|_| up(&fixture)));
    assert_eq!(fixture.get(0x42A4) >> 28 & 3, 3, "10 Gbit/s");
    fixture.set(0x42A0, fixture.get(0x42A0) | 1 << 12);
    assert!(!up(&fixture));
    assert_ne!(fixture.get(0x42B0) & 0xF_0000, 0, "negotiation has begun");
    assert!((0..8).any(|_| up(&fixture)));
    fixture.model.set_link(false);
    assert!(!up(&fixture));
}
