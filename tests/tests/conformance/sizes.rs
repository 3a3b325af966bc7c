//! Frame sizes, from the shortest to the longest of each card.

use lockgate_tests::subject::{Bench, Kind, frame, station};

use super::{Feature, everywhere};

/// Bytes of an Ethernet header, and of a tag.
const HEADER: usize = 14;
const TAG: usize = 4;

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere("every frame size from 14 to 1518", up_to_1518),
        everywhere("jumbo frames up to the card's longest", jumbo),
        everywhere("frames that are too long", too_long),
        everywhere("transmit sizes", transmit_sizes),
    ]
}

fn policy(mtu: usize) -> String {
    format!(
        r#"
        [nic]
        device = "model:82576"
        mtu = {mtu}
        [[partition]]
        name = "red"
        macs = ["02:00:00:00:00:01"]
        vlans = [0, 10]
        wire = "both"
        "#
    )
}

/// What is in memory of a frame: its sender's MAC, or the card, pads it to 60.
fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

fn up_to_1518(kind: Kind) {
    let mut bench = Bench::start(kind, &policy(1500), 64);
    let untagged = (HEADER..=1500 + HEADER).map(|bytes| (None, bytes));
    let tagged = (HEADER + TAG..=1500 + HEADER + TAG).map(|bytes| (Some(10), bytes));
    let sizes: Vec<_> = untagged.chain(tagged).collect();
    for some in sizes.chunks(40) {
        let frames: Vec<_> = some
            .iter()
            .map(|&(tci, bytes)| frame(station(1), 9, tci, bytes))
            .collect();
        let arrivals = bench.exchange(&frames);
        let got: Vec<_> = arrivals.into_iter().map(|arrival| arrival.bytes).collect();
        let expected: Vec<_> = frames.into_iter().map(padded).collect();
        assert_eq!(got, expected);
    }
}

fn jumbo(kind: Kind) {
    for mtu in [2000, 4000, usize::from(kind.capabilities().max_mtu)] {
        let mut bench = Bench::start(kind, &policy(mtu), 64);
        let longest = mtu + HEADER;
        let steps = (60..longest).step_by(251);
        let edges = [
            1514,
            1518,
            1519,
            2047,
            2048,
            2049,
            4095,
            4096,
            4097,
            longest - 1,
            longest,
        ];
        let sizes: Vec<_> = steps
            .chain(edges)
            .filter(|&bytes| bytes <= longest)
            .collect();
        for some in sizes.chunks(8) {
            let frames = some.iter().flat_map(|&bytes| {
                [
                    frame(station(1), 9, None, bytes),
                    frame(station(1), 9, Some(10), bytes + TAG),
                ]
            });
            let frames: Vec<_> = frames.collect();
            let arrivals = bench.exchange(&frames);
            let got: Vec<_> = arrivals.into_iter().map(|arrival| arrival.bytes).collect();
            assert_eq!(got, frames, "mtu {mtu}");
        }
    }
}

fn too_long(kind: Kind) {
    let mut bench = Bench::start(kind, &policy(1500), 64);
    let good = frame(station(1), 9, Some(10), 1500 + HEADER + TAG);
    for bytes in [1500 + HEADER + TAG + 1, 1600, 2048, 2049, 5000, 9000] {
        let long = frame(station(1), 9, Some(10), bytes);
        let arrivals = bench.exchange([&long, &good]);
        let got: Vec<_> = arrivals.into_iter().map(|arrival| arrival.bytes).collect();
        assert_eq!(
            got,
            std::slice::from_ref(&good),
            "{bytes} bytes are not for anybody"
        );
    }
}

fn transmit_sizes(kind: Kind) {
    let mut bench = Bench::start(kind, &policy(kind.capabilities().max_mtu.into()), 64);
    let longest = usize::from(kind.capabilities().max_mtu) + HEADER + TAG;
    let steps = (60..longest).step_by(97);
    let sizes: Vec<_> = steps.chain([longest]).collect();
    for some in sizes.chunks(6) {
        let frames: Vec<_> = some
            .iter()
            .map(|&bytes| frame(station(9), 1, Some(10), bytes))
            .collect();
        bench.transmit(0, &frames);
        assert_eq!(bench.leaving(frames.len()), frames);
    }
}
