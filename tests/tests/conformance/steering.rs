//! Who gets a frame, by the filters of the hardware alone.
//!
//! Expectations are written out by hand, pool by pool. A card without pools is one
//! pool: there a frame is to come out exactly if any partition may have it as far as
//! the card's filters can tell.

use std::time::Duration;

use lockgate_tests::subject::{Bench, Kind, frame, station};

use super::{Feature, everywhere, pools};

/// Partition `p` is pool `p`.
const POLICY: &str = r#"
[nic]
device = "model:82576"

[[partition]]
name = "red"
macs = ["02:00:00:00:00:01", "02:00:00:00:00:11"]
vlans = [10, 4094]
wire = "both"

[[partition]]
name = "blue"
macs = ["02:00:00:00:00:02"]
vlans = [0, 20]
wire = "both"
multicast = ["01:00:5e:00:00:fb", "33:33:00:00:00:01"]

[[partition]]
name = "green"
macs = ["02:00:00:00:00:03"]
vlans = [10, 20]
wire = "both"
multicast = "all"

[[partition]]
name = "mute"
macs = ["02:00:00:00:00:04"]
vlans = [0, 10]
wire = "both"
broadcast = false

[[partition]]
name = "deaf"
macs = ["02:00:00:00:00:05"]
vlans = [10, 20, 30]
wire = "out"
"#;

const RED: u8 = 0;
const BLUE: u8 = 1;
const GREEN: u8 = 2;
const MUTE: u8 = 3;

const BROADCAST: [u8; 6] = [0xff; 6];

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere("steering by MAC and VLAN together", mac_and_vlan),
        everywhere("priority-tagged frames are untagged ones", priority_tag),
        everywhere("broadcast, replicated to who takes it", broadcast),
        everywhere(
            "multicast, replicated, and collisions in its table",
            multicast,
        ),
        everywhere("frames for nobody go nowhere", nobody),
        everywhere("nothing is looped back", no_loop),
        pools("all eight pools and 32 VLANs", all_pools),
    ]
}

/// What comes out for a frame that the pools `expected` are to get.
fn expect(bench: &mut Bench, frame: &Vec<u8>, expected: &[u8]) {
    let pooled = bench.subject.kind.has_pools();
    let whole: &[u8] = if expected.is_empty() { &[] } else { &[0] };
    let expected = if pooled { expected } else { whole };
    assert_eq!(bench.pools_of(frame), expected, "{:02x?}", &frame[..18]);
}

fn bench(kind: Kind) -> Bench {
    Bench::start(kind, POLICY, 64)
}

/// The policy with a short list in the place of "all".
fn listed() -> String {
    POLICY.replace(
        r#"multicast = "all""#,
        r#"multicast = ["01:00:5e:01:02:03"]"#,
    )
}

fn mac_and_vlan(kind: Kind) {
    let mut bench = bench(kind);
    let owners: [(u8, u8, &[Option<u16>]); 5] = [
        (1, RED, &[Some(10), Some(4094)]),
        (0x11, RED, &[Some(10), Some(4094)]),
        (2, BLUE, &[None, Some(20)]),
        (3, GREEN, &[Some(10), Some(20)]),
        (4, MUTE, &[None, Some(10)]),
    ];
    // VIDs that differ from a listed one in a bit, and words of VFTA apart.
    let vids = [
        1, 2, 9, 10, 11, 12, 20, 21, 22, 26, 30, 42, 52, 138, 522, 2046, 3070, 4094,
    ];
    let tags = || [None].into_iter().chain(vids.map(Some));
    for (mac, pool, segments) in owners {
        for tci in tags() {
            let frame = frame(station(mac), 9, tci, 80);
            if kind.has_pools() {
                let own = segments.contains(&tci);
                expect(&mut bench, &frame, &[pool][..usize::from(own)]);
            } else {
                // One table of VLANs for all, and none for frames without a tag.
                let listed = tci.is_none_or(|vid| [10, 20, 4094].contains(&vid));
                expect(&mut bench, &frame, if listed { &[0] } else { &[] });
            }
        }
    }
}

fn priority_tag(kind: Kind) {
    let mut bench = bench(kind);
    for tci in [0x0000, 0x2000, 0xE000, 0x1000] {
        expect(&mut bench, &frame(station(2), 9, Some(tci), 80), &[BLUE]);
        expect(&mut bench, &frame(station(4), 9, Some(tci), 80), &[MUTE]);
        if kind.has_pools() {
            expect(&mut bench, &frame(station(1), 9, Some(tci), 80), &[]);
            expect(&mut bench, &frame(station(3), 9, Some(tci), 80), &[]);
        }
        // Priority and drop eligibility do not count beside a VLAN.
        expect(
            &mut bench,
            &frame(station(1), 9, Some(tci | 10), 80),
            &[RED],
        );
    }
}

fn broadcast(kind: Kind) {
    let mut bench = bench(kind);
    let of = |tci| frame(BROADCAST, 9, tci, 80);
    expect(&mut bench, &of(Some(10)), &[RED, GREEN]);
    expect(&mut bench, &of(Some(20)), &[BLUE, GREEN]);
    expect(&mut bench, &of(None), &[BLUE]);
    expect(&mut bench, &of(Some(0x6000)), &[BLUE]);
    expect(&mut bench, &of(Some(4094)), &[RED]);
    expect(&mut bench, &of(Some(30)), &[]);
    expect(&mut bench, &of(Some(99)), &[]);
}

fn multicast(kind: Kind) {
    // "all" opens the whole table, so the first policy shows who listens at all.
    let mut all = bench(kind);
    let group = [0x01, 0, 0x5e, 0, 0, 0xfb];
    expect(&mut all, &frame(group, 9, Some(20), 80), &[BLUE, GREEN]);
    expect(&mut all, &frame(group, 9, Some(10), 80), &[GREEN]);
    expect(&mut all, &frame(group, 9, None, 80), &[BLUE]);
    expect(
        &mut all,
        &frame(group, 9, Some(4094), 80),
        if kind.has_pools() { &[] } else { &[0] },
    );
    expect(&mut all, &frame(group, 9, Some(30), 80), &[]);
    drop(all);

    let mut bench = Bench::start(kind, &listed(), 64);
    let of = |mac| frame(mac, 9, Some(20), 80);
    // The table knows address bits 47:36 of Intel's count only: the last octet and the
    // upper half of the one before. So one group hits another's bit, for every listener.
    let hits = [
        group,
        [0x01, 0, 0x5e, 0x7f, 0xff, 0xfb],
        [0x33, 0x33, 0, 0, 0, 1],
    ];
    let hits = [
        hits.as_slice(),
        &[[0x01, 0, 0x5e, 1, 2, 3], [0x33, 0x33, 9, 9, 0x0f, 3]],
    ]
    .concat();
    for mac in hits.iter().copied() {
        let bit = |mac: [u8; 6]| (mac[5], mac[4] >> 4);
        let listed = [group, [0x33, 0x33, 0, 0, 0, 1], [0x01, 0, 0x5e, 1, 2, 3]];
        let hit = listed.iter().any(|&listed| bit(listed) == bit(mac));
        expect(&mut bench, &of(mac), if hit { &[BLUE, GREEN] } else { &[] });
    }
    // Each bit of the index turned over, and the bits beside the index.
    for bit in 0..12 {
        let mut mac = group;
        let index = (u16::from(mac[5]) << 4 | u16::from(mac[4] >> 4)) ^ 1 << bit;
        (mac[5], mac[4]) = ((index >> 4) as u8, (index as u8) << 4 | mac[4] & 0xf);
        expect(&mut bench, &of(mac), &[]);
    }
}

fn nobody(kind: Kind) {
    // QEMU's 82574 asks the multicast table about unicast addresses too, so it must not
    // be all ones.
    let mut bench = Bench::start(kind, &listed(), 64);
    for tci in [None, Some(10), Some(20), Some(30), Some(0x2000)] {
        for mac in [0, 5, 6, 7, 0x12, 0x21, 0x81, 0xff] {
            expect(&mut bench, &frame(station(mac), 9, tci, 80), &[]);
        }
    }
    for bit in (0..48).filter(|bit| *bit != 40) {
        let own = u64::from_be_bytes([0, 0, 2, 0, 0, 0, 0, 0x11]);
        let [_, _, mac @ ..] = (own ^ 1 << bit).to_be_bytes();
        let known = [0x01, 0x11].map(station).contains(&mac);
        expect(
            &mut bench,
            &frame(mac, 9, Some(10), 80),
            if known { &[RED] } else { &[] },
        );
    }
}

fn no_loop(kind: Kind) {
    let mut bench = bench(kind);
    let from = if kind.has_pools() { GREEN } else { 0 };
    let frames = [
        frame(station(1), 3, Some(10), 80),
        frame(station(2), 3, Some(20), 80),
        frame(station(3), 3, Some(10), 80),
        frame(BROADCAST, 3, Some(10), 80),
        frame([0x01, 0, 0x5e, 0, 0, 0xfb], 3, Some(20), 80),
    ];
    bench.transmit(from, &frames);
    assert_eq!(
        bench.leaving(frames.len()),
        frames,
        "all of it is on the wire"
    );
    assert_eq!(bench.subject.left(Duration::from_millis(50)), None, "once");
    bench.subject.settle();
    assert_eq!(bench.arrivals(), []);
}

fn all_pools(kind: Kind) {
    let partition = |p: u16| {
        let vlans: Vec<_> = (0..4).map(|n| 100 + 4 * p + n).collect();
        format!(
            "[[partition]]\nname = 'p{p}'\nmacs = ['02:00:00:00:00:{:02x}', \
             '02:00:00:00:01:{p:02x}', '02:00:00:00:02:{p:02x}']\nvlans = {vlans:?}\n\
             wire = 'both'\n",
            p + 1
        )
    };
    let text: String = (0..8).map(partition).collect();
    let mut bench = Bench::start(kind, &format!("[nic]\ndevice = 'model:82576'\n{text}"), 64);
    for p in 0..8_u8 {
        for vid in 98..136_u16 {
            let own = (100 + 4 * u16::from(p)..104 + 4 * u16::from(p)).contains(&vid);
            let expected = [p];
            let expected = &expected[..usize::from(own)];
            expect(
                &mut bench,
                &frame(station(p + 1), 9, Some(vid), 80),
                expected,
            );
            expect(
                &mut bench,
                &frame([2, 0, 0, 0, 2, p], 9, Some(vid), 80),
                expected,
            );
        }
        let vid = 100 + 4 * u16::from(p);
        expect(&mut bench, &frame(BROADCAST, 9, Some(vid), 80), &[p]);
    }
}
