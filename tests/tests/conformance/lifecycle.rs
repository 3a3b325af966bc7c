//! Reset, stop and restart, the link, and a pool that is switched off.

use lockgate_drivers::{Error, RingSizes};
use lockgate_tests::cards;
use lockgate_tests::subject::{Bench, Kind, frame, station};

use super::{Feature, everywhere, pools};

/// Two partitions on one VLAN.
pub(crate) const TWO: &str = r#"
[nic]
device = "model:82576"

[[partition]]
name = "red"
macs = ["02:00:00:00:00:01"]
vlans = [10]
wire = "both"

[[partition]]
name = "blue"
macs = ["02:00:00:00:00:02"]
vlans = [10]
wire = "both"
"#;

const VLAN: Option<u16> = Some(10);

/// VFRE of the 82576 and PFVFRE of the 82599, low word (chapter 8 of both datasheets):
/// pools that receive.
fn receiving_pools(kind: Kind) -> u32 {
    if kind == Kind::Model82599 {
        0x51E0
    } else {
        0x0C8C
    }
}

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere("reset under traffic", reset_under_traffic),
        everywhere("link down and up", link_down_and_up),
        everywhere("queue stop and restart", stop_and_restart),
        everywhere("a stopped card is quiet", stopped_is_quiet),
        pools("a pool disabled while others run", pool_disabled),
    ]
}

/// A frame to station `to`, numbered.
fn numbered(to: u8, number: u32) -> Vec<u8> {
    let mut frame = frame(station(to), 9, VLAN, 64 + number as usize % 1000);
    frame[18..22].copy_from_slice(&number.to_be_bytes());
    frame
}

fn exchange_both_ways(bench: &mut Bench, from: u32) {
    for number in (from..from + 40).step_by(8) {
        let mut frames: Vec<_> = (number..number + 8).map(|n| numbered(1, n)).collect();
        let arrivals = bench.exchange(&frames);
        let got: Vec<_> = arrivals.into_iter().map(|arrival| arrival.bytes).collect();
        assert_eq!(got, frames);
        frames
            .iter_mut()
            .for_each(|frame| frame[..12].rotate_left(6));
        bench.transmit(0, &frames);
        assert_eq!(bench.leaving(8), frames);
    }
}

fn reset_under_traffic(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    for round in 0..10 {
        // More than the ring holds, and nobody takes them out.
        let first = round * 1000;
        for number in first..first + 20 + 4 * round {
            bench
                .subject
                .send(&numbered(1 + (number % 2) as u8, number));
        }
        bench.restart(64);
        // What waited in the cable may come first, whole and in order.
        bench.subject.settle();
        let stale = bench.arrivals();
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes[18..22].try_into().unwrap());
        for arrival in stale {
            let number = number(&arrival.bytes);
            assert_eq!(arrival.bytes, numbered(1 + (number % 2) as u8, number));
        }
        exchange_both_ways(&mut bench, first + 500);
    }
}

fn link_down_and_up(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    for round in 0..3 {
        exchange_both_ways(&mut bench, 100 * round);
        bench.subject.set_link(false);
        assert!(!bench.nic.poll_link().unwrap().up);
        bench.subject.set_link(true);
        cards::linked(&mut bench.nic);
        assert_eq!(
            bench.nic.poll_link().unwrap().mbit,
            kind.capabilities().link_mbit
        );
        assert_eq!(&bench.nic.read_back().unwrap(), bench.plan.hardware());
    }
    exchange_both_ways(&mut bench, 1000);
}

fn stop_and_restart(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    for (round, slots) in (0..).zip([64, 128, 4096, 64]) {
        bench.restart(slots);
        assert_eq!(&bench.nic.read_back().unwrap(), bench.plan.hardware());
        exchange_both_ways(&mut bench, 100 * round);
    }
    let again = bench.nic.start(&bench.plan, RingSizes { rx: 512, tx: 512 });
    assert!(
        matches!(again, Err(Error::QueuesInUse)),
        "old queues are still there"
    );
}

fn stopped_is_quiet(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    exchange_both_ways(&mut bench, 0);
    bench.nic.stop().unwrap();
    bench.nic.stop().unwrap();
    if let Some(model) = bench.subject.model() {
        model.receive(&numbered(1, 1));
    } else {
        bench.subject.send(&numbered(1, 1));
    }
    let frames = [numbered(9, 1)];
    let queue = &mut bench.queues.tx[0];
    assert!(queue.push(&frames[0]));
    queue.flush();
    assert_eq!(
        bench.subject.left(std::time::Duration::from_millis(200)),
        None
    );
    assert_eq!(bench.arrivals(), []);
}

fn pool_disabled(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let bar = bench.subject.card().bar;
    let vfre = receiving_pools(kind);
    let all = bar.read(vfre);
    for (closed, open) in [(1, 2), (2, 1)] {
        let pool = closed - 1;
        bar.write(vfre, all & !(1 << pool));
        bar.flush();
        let frames: Vec<_> = (0..32).map(|n| numbered(1 + (n % 2) as u8, n)).collect();
        let arrivals = bench.exchange(&frames);
        assert_eq!(arrivals.len(), 16);
        assert!(arrivals.iter().all(|arrival| arrival.pool == open - 1));
        bar.write(vfre, all);
    }
    bar.flush();
    assert_eq!(bench.pools_of(&numbered(1, 1)), [0]);
    assert_eq!(bench.pools_of(&numbered(2, 1)), [1]);
}
