//! Rings: round and round, at every fill level, in bursts of every size.

use lockgate_tests::frames::Frames;
use lockgate_tests::subject::{Bench, Kind, frame, station};

use super::lifecycle::TWO;
use super::{Feature, everywhere, model_only};

const VLAN: Option<u16> = Some(10);

/// Bursts at the edges of what a worker takes at a time.
const BATCHES: [usize; 6] = [1, 2, 31, 32, 33, 64];

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere("receive ring wrap at every fill level", receive_wrap),
        everywhere("transmit ring wrap at every fill level", transmit_wrap),
        everywhere("batches of 1, 2, 31, 32, 33 and 64", batches),
        everywhere("transmit completion", completion),
        model_only(
            "drop-enable: a stalled pool costs its neighbours nothing",
            drop_enable,
        ),
    ]
}

/// Frame `number` to station `to`.
fn numbered(to: u8, number: u32) -> Vec<u8> {
    let mut frame = frame(station(to), 9, VLAN, 64 + number as usize % 100);
    frame[18..22].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Frame `number` of station 1's own.
fn outgoing(number: u32) -> Vec<u8> {
    let mut frame = numbered(9, number);
    frame[6..12].copy_from_slice(&station(1));
    frame
}

fn bytes(arrivals: Vec<lockgate_tests::subject::Arrival>) -> Vec<Vec<u8>> {
    arrivals.into_iter().map(|arrival| arrival.bytes).collect()
}

fn receive_wrap(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let mut number = 0;
    // Twice 1 to 63 is 4032 frames: 63 times round.
    for fill in (1..64).chain(1..64) {
        let frames: Vec<_> = (number..number + fill).map(|n| numbered(1, n)).collect();
        assert_eq!(
            bytes(bench.exchange(&frames)),
            frames,
            "{fill} from {number}"
        );
        number += fill;
    }
}

fn transmit_wrap(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let mut number = 0;
    for fill in (1..64).chain(1..64) {
        let frames: Vec<_> = (number..number + fill).map(outgoing).collect();
        // QEMU's end of the cable holds a few frames only; a burst must not fill it.
        bench.transmit(0, &frames);
        assert_eq!(bench.leaving(frames.len()), frames, "{fill} from {number}");
        number += fill;
    }
}

fn batches(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 128);
    let mut number = 0;
    for batch in BATCHES.into_iter().cycle().take(30) {
        let frames: Vec<_> = (0..batch as u32).map(|n| numbered(1, number + n)).collect();
        number += batch as u32;
        frames.iter().for_each(|frame| bench.subject.send(frame));
        bench.subject.settle();
        let queue = &mut bench.queues.rx[0];
        // One at a time at first: no more comes than is asked for, and what is left stays.
        let mut taken = Vec::new();
        assert_eq!(queue.frames(1, |frame, _| keep(&mut taken, frame)), 1);
        assert_eq!(queue.frames(batch, |_, _| false), 0);
        queue.frames(batch / 2, |frame, _| keep(&mut taken, frame));
        queue.frames(usize::MAX, |frame, _| keep(&mut taken, frame));
        assert_eq!(taken, frames);
        assert_eq!(queue.frames(64, |_, _| true), 0, "nothing behind the last");
        let frames: Vec<_> = (0..batch as u32).map(outgoing).collect();
        bench.transmit(0, &frames);
        assert_eq!(bench.leaving(batch), frames);
    }
}

fn keep(taken: &mut Vec<Vec<u8>>, frame: &[u8]) -> bool {
    taken.push(frame.to_vec());
    true
}

fn completion(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    let mut sent = 0_u32;
    for burst in (1..=63).rev().chain([1, 32, 63]) {
        let frames: Vec<_> = (sent..sent + burst).map(outgoing).collect();
        sent += burst;
        let queue = &mut bench.queues.tx[0];
        assert_eq!(queue.free(), 63, "all buffers are back");
        for frame in &frames {
            assert!(queue.push(frame));
        }
        assert_eq!(
            queue.free(),
            63 - burst as usize,
            "nothing is back that was not announced"
        );
        queue.flush();
        assert_eq!(bench.leaving(frames.len()), frames);
        bench.transmit(0, &[]);
    }
}

fn drop_enable(kind: Kind) {
    let mut bench = Bench::start(kind, TWO, 64);
    for round in 0..20 {
        // Red is never emptied; blue gets a frame for each of red's.
        let frames: Vec<_> = (0..60)
            .map(|n| numbered(1 + (n % 2) as u8, 60 * round + n))
            .collect();
        frames.iter().for_each(|frame| bench.subject.send(frame));
        bench.subject.settle();
        let blue = bench
            .queues
            .rx
            .iter_mut()
            .find(|queue| queue.pool() == 1)
            .unwrap();
        assert_eq!(blue.frames(usize::MAX, |_, _| true), 30, "round {round}");
    }
    let lost = bench.nic.statistics().unwrap().rx_no_descriptor;
    assert_eq!(lost[..2], [20 * 30 - 63, 0], "counted by pool");
}
