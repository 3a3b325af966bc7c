//! Statistics against what was sent.

use lockgate_tests::subject::{Bench, Kind, frame, station};

use super::lifecycle::TWO;
use super::{Feature, everywhere, model_only};

const VLAN: Option<u16> = Some(10);

/// Bytes of the frame check sequence.
const FCS: u64 = 4;

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere("statistics against what was sent", against_what_was_sent),
        everywhere("oversized frames are counted", oversized),
        model_only(
            "anti-spoof: frames of another partition do not leave",
            anti_spoof,
        ),
    ]
}

fn against_what_was_sent(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let before = bench.nic.statistics().unwrap();
    assert_eq!((before.rx_good, before.tx_good), (0, 0));
    for round in 1..=5_usize {
        let sizes = (0..30).map(|n| 64 + (n * 47 * round) % 1400);
        let frames: Vec<_> = sizes
            .map(|bytes| frame(station(1), 9, VLAN, bytes))
            .collect();
        let mine = bench.exchange(&frames).len();
        // What nobody takes is not good.
        bench.exchange([
            &frame(station(7), 9, VLAN, 64),
            &frame(station(1), 9, Some(11), 64),
        ]);
        let own = frames
            .iter()
            .take(17)
            .map(|f| frame(station(9), 1, VLAN, f.len()));
        let sent: Vec<_> = own.collect();
        bench.transmit(0, &sent);
        bench.leaving(sent.len());
        let octets = |frames: &[Vec<u8>]| frames.iter().map(|f| f.len() as u64 + FCS).sum::<u64>();
        let counted = bench.nic.statistics().unwrap();
        assert_eq!((mine, counted.rx_good), (30, 30));
        assert_eq!(counted.rx_octets, octets(&frames));
        assert_eq!((counted.tx_good, counted.tx_octets), (17, octets(&sent)));
        assert_eq!((counted.rx_missed, counted.rx_crc_errors), (0, 0));
        assert_eq!(
            bench.nic.statistics().unwrap().rx_good,
            0,
            "a difference, not a sum"
        );
    }
}

fn oversized(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    for bytes in [1519, 3000, 9000] {
        assert_eq!(bench.exchange([&frame(station(1), 9, VLAN, bytes)]), []);
    }
    assert_eq!(bench.nic.statistics().unwrap().rx_oversize, 3);
}

fn anti_spoof(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let own = frame(station(9), 1, VLAN, 64);
    let other = frame(station(9), 2, VLAN, 64);
    let foreign = frame(station(9), 1, Some(11), 64);
    bench.transmit(0, &[other, own.clone(), foreign]);
    assert_eq!(bench.leaving(1), [own]);
    assert_eq!(bench.subject.left(std::time::Duration::ZERO), None);
    assert_eq!(bench.nic.statistics().unwrap().tx_spoofed, 2);
}
