//! Counters.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{BROADCAST, frame, mac};
use crate::igb::extra_registers::*;

#[test]
fn every_counter_returns_to_zero_when_read() {
    let mut fixture = Fixture::new();
    fixture.rx(0, 7);
    fixture.set(Rctl::BASE, 0x0400_8002);
    fixture.model.receive(&frame(BROADCAST, mac(9), 123));
    fixture.model.receive(&frame(mac(1), mac(9), 60));
    let ones = [Tpr::BASE, Gprc::BASE, Bprc::BASE, Prc127::BASE, Torl::BASE];
    assert_eq!(ones.map(|at| fixture.get(at)), [2, 1, 1, 1, 191]);
    assert_eq!(ones.map(|at| fixture.get(at)), [0, 0, 0, 0, 191]);
    assert_eq!(fixture.get(Torh::BASE), 0);
    assert_eq!(fixture.get(Torl::BASE), 0);
}

#[test]
fn pools_count_their_copies_and_the_mac_counts_once() {
    let mut fixture = Fixture::with_pools(3);
    for pool in 0..3 {
        fixture.rx(pool, 7);
        fixture.set(Vmolr::BASE + 4 * pool, 0x9000_2600);
    }
    fixture
        .model
        .receive(&frame([1, 0, 0x5E, 0, 0, 1], mac(9), 100));
    assert_eq!(fixture.get(Gprc::BASE), 1);
    assert_eq!(fixture.get(Mprc::BASE), 1);
    for pool in 0..3 {
        let at = |first: u32| first + 0x100 * pool;
        let counters = [Pvfgprc::BASE, Pvfgorc::BASE, Pvfmprc::BASE];
        assert_eq!(counters.map(|first| fixture.get(at(first))), [1, 104, 1]);
        assert_eq!(fixture.get(at(Pvfgprc::BASE)), 1, "not cleared by reading");
    }
}

#[test]
fn frames_sent_are_counted_by_size_and_kind() {
    let mut fixture = Fixture::with_pools(3);
    fixture.tx(1);
    fixture.send(1, &frame(BROADCAST, mac(1), 60));
    fixture.send(1, &frame([1, 0, 0x5E, 0, 0, 1], mac(1), 61));
    fixture.send(1, &frame(mac(2), mac(1), 1514));
    let counters = [
        Gptc::BASE,
        Tpt::BASE,
        Bptc::BASE,
        Mptc::BASE,
        Ptc64::BASE,
        Ptc127::BASE,
        Ptc1522::BASE,
        Totl::BASE,
        Pvfgptc::BASE + 0x100,
        Pvfgotc::BASE + 0x100,
    ];
    let bytes = 64 + 65 + 1518;
    assert_eq!(
        counters.map(|at| fixture.get(at)),
        [3, 3, 1, 1, 1, 1, 1, bytes, 3, bytes]
    );
}
