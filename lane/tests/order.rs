//! Both ends of a lane together: frames arrive whole, once and in order.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use lockgate_lane::{DownReader, Endpoint, Geometry, Lane, Meta};
use proptest::prelude::*;

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

fn lane() -> (Lane, Endpoint) {
    let lane = Lane::create("test", SMALL).unwrap();
    let endpoint = Endpoint::attach(&lane.files).unwrap();
    (lane, endpoint)
}

/// Frame number `n`: its length and every byte follow from the number.
fn frame(n: u32) -> Vec<u8> {
    let len = 14 + n.wrapping_mul(2_654_435_761) as usize % 179;
    (0..len).map(|i| (n as usize * 31 + i) as u8).collect()
}

fn meta(n: u32, frame: &[u8]) -> Meta {
    Meta {
        len: frame.len() as u32,
        queue: n as u16 & 3,
        hash: n.is_multiple_of(3).then_some((!n, 2)),
        stamp_ns: u64::from(n) << 20,
    }
}

/// Sends frame number `n` down ring `ring`; false if the ring is full.
fn send_down(lane: &mut Lane, ring: usize, n: u32) -> bool {
    let frame = frame(n);
    lane.down[ring].free().is_ok() && lane.down[ring].put(&frame, meta(n, &frame).pack())
}

fn assert_next_down(reader: &mut DownReader, n: u32) {
    let expected = frame(n);
    let found = reader.next().expect("a frame waits");
    assert_eq!(found, (meta(n, &expected), &expected[..]));
    let mut copy = [0; 300];
    let room = copy.len() >> (n & 3);
    assert_eq!(reader.take(&mut copy[..room]), Some(expected.len()));
    let copied = expected.len().min(room);
    assert_eq!(copy[..copied], expected[..copied]);
}

fn next_up(lane: &mut Lane) -> Option<Vec<u8>> {
    lane.up.available().ok()?;
    let found = lane.up.head()?;
    let mut frame = vec![0; found];
    assert_eq!(lane.up.copy(&mut frame), found);
    lane.up.consume();
    Some(frame)
}

#[test]
fn frames_travel_whole_and_each_ring_on_its_own() {
    let (mut lane, mut endpoint) = lane();
    for (ring, n) in [(0, 1), (1, 2), (0, 3)] {
        assert!(send_down(&mut lane, ring, n));
    }
    lane.down.iter_mut().for_each(|writer| writer.publish());
    assert_next_down(&mut endpoint.rings[0], 1);
    assert_next_down(&mut endpoint.rings[0], 3);
    assert_next_down(&mut endpoint.rings[1], 2);
    assert!(endpoint.rings.iter_mut().all(|ring| ring.next().is_none()));
    assert!(endpoint.up.push(&frame(4)));
    endpoint.up.publish();
    assert_eq!(next_up(&mut lane), Some(frame(4)));
    assert_eq!(next_up(&mut lane), None);
}

#[test]
fn nothing_is_seen_before_it_is_published_nor_free_before_it_is_released() {
    let (mut lane, mut endpoint) = lane();
    assert!(send_down(&mut lane, 0, 1));
    assert_eq!(endpoint.rings[0].available(), Ok(0));
    lane.down[0].publish();
    assert_eq!(endpoint.rings[0].available(), Ok(1));
    endpoint.rings[0].consume();
    assert_eq!(lane.down[0].free(), Ok(7));
    endpoint.rings[0].release();
    assert_eq!(lane.down[0].free(), Ok(8));

    assert!(endpoint.up.push(&[1; 60]));
    assert_eq!(lane.up.available(), Ok(0));
    endpoint.up.publish();
    assert_eq!(lane.up.available(), Ok(1));
    lane.up.consume();
    assert_eq!(endpoint.up.free(), Ok(7));
    lane.up.release();
    assert_eq!(endpoint.up.free(), Ok(8));
}

#[test]
fn full_ring_takes_no_frame_and_loses_none() {
    let (mut lane, mut endpoint) = lane();
    for n in 0..8 {
        assert!(send_down(&mut lane, 0, n));
        assert!(endpoint.up.push(&frame(n)));
    }
    assert_eq!(lane.down[0].free(), Ok(0));
    assert!(!send_down(&mut lane, 0, 8));
    assert!(!endpoint.up.push(&frame(8)));
    lane.down[0].publish();
    endpoint.up.publish();
    for n in 0..8 {
        assert_next_down(&mut endpoint.rings[0], n);
        assert_eq!(next_up(&mut lane), Some(frame(n)));
    }
    assert!(endpoint.rings[0].next().is_none());
    assert_eq!(next_up(&mut lane), None);
    assert!(!send_down(&mut lane, 0, 8));
    assert!(!endpoint.up.push(&frame(8)));
}

#[test]
fn frame_longer_than_a_slot_is_not_sent() {
    let (mut lane, mut endpoint) = lane();
    assert!(!lane.down[0].put(&[1; 193], Meta::default().pack()));
    assert!(!endpoint.up.push(&[1; 193]));
    assert!(endpoint.up.push(&[1; 192]));
    endpoint.up.publish();
    assert_eq!(next_up(&mut lane), Some(vec![1; 192]));
}

#[test]
fn second_endpoint_goes_on_where_the_first_stopped() {
    let (mut lane, mut first) = lane();
    for n in 0..5 {
        assert!(send_down(&mut lane, 0, n));
        assert!(first.up.push(&frame(n)));
    }
    lane.down[0].publish();
    first.up.publish();
    assert_next_down(&mut first.rings[0], 0);
    first.rings[0].release();
    assert_next_down(&mut first.rings[0], 1);
    drop(first);
    let mut second = Endpoint::attach(&lane.files).unwrap();
    assert_next_down(&mut second.rings[0], 1);
    assert_eq!(second.up.free(), Ok(3));
    assert!(second.up.push(&frame(5)));
    second.up.publish();
    for n in 0..6 {
        assert_eq!(next_up(&mut lane), Some(frame(n)));
    }
}

/// Stops the other thread too when the one that holds it panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(thread::panicking(), Relaxed);
    }
}

/// One side of the lane, as the exchange below sees it.
trait Side {
    fn send(&mut self, n: u32) -> bool;
    /// Takes the next frame, if there is one, which must be number `n`.
    fn receive(&mut self, n: u32) -> bool;
    fn end_burst(&mut self);
}

impl Side for Lane {
    fn send(&mut self, n: u32) -> bool {
        send_down(self, 1, n)
    }

    fn receive(&mut self, n: u32) -> bool {
        next_up(self).is_some_and(|found| {
            assert_eq!(found, frame(n));
            true
        })
    }

    fn end_burst(&mut self) {
        self.down[1].publish();
        self.up.release();
    }
}

impl Side for Endpoint {
    fn send(&mut self, n: u32) -> bool {
        self.up.push(&frame(n))
    }

    fn receive(&mut self, n: u32) -> bool {
        let waits = self.rings[1].next().is_some();
        if waits {
            assert_next_down(&mut self.rings[1], n);
        }
        waits
    }

    fn end_burst(&mut self) {
        self.up.publish();
        self.rings[1].release();
    }
}

/// Sends and receives in bursts of random length until all frames are through.
fn exchange(mut side: impl Side, broken: &AtomicBool) {
    const FRAMES: u32 = 100_000;
    let _alarm = Alarm(broken);
    let (mut sent, mut received) = (0, 0);
    while sent < FRAMES || received < FRAMES {
        assert!(!broken.load(Relaxed), "the other side gave up");
        for _ in 0..=(sent ^ received).wrapping_mul(0x9e37_79b1) >> 29 {
            sent += u32::from(sent < FRAMES && side.send(sent));
            received += u32::from(side.receive(received));
        }
        side.end_burst();
        thread::yield_now();
    }
}

#[test]
fn frames_between_two_threads_arrive_in_order_and_none_is_lost() {
    let (lane, endpoint) = lane();
    let broken = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| exchange(endpoint, &broken));
        exchange(lane, &broken);
    });
}

#[derive(Debug, Clone)]
enum Step {
    Fill(u32),
    Publish,
    Drain(u32),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..10_u32).prop_map(Step::Fill),
        Just(Step::Publish),
        (1..10_u32).prop_map(Step::Drain),
        Just(Step::Release),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// The oracle: one queue of frames filled but unseen, one of frames seen, and
    /// a count of slots drained but not given back.
    #[test]
    fn both_directions_behave_as_plain_queues(
        steps in steps(),
    ) {
        let (mut lane, mut endpoint) = lane();
        let (mut unseen, mut seen) = (VecDeque::new(), VecDeque::new());
        let (mut n, mut held) = (0, 0);
        for step in steps {
            match step {
                Step::Fill(count) => for _ in 0..count {
                    let free = unseen.len() + seen.len() + held < 8;
                    prop_assert_eq!(send_down(&mut lane, 0, n), free);
                    prop_assert_eq!(endpoint.up.push(&frame(n)), free);
                    if free {
                        unseen.push_back(n);
                    }
                    n += 1;
                },
                Step::Publish => {
                    lane.down[0].publish();
                    endpoint.up.publish();
                    seen.append(&mut unseen);
                }
                Step::Drain(count) => for _ in 0..count {
                    let Some(n) = seen.pop_front() else {
                        prop_assert!(endpoint.rings[0].next().is_none());
                        prop_assert_eq!(next_up(&mut lane), None);
                        break;
                    };
                    assert_next_down(&mut endpoint.rings[0], n);
                    prop_assert_eq!(next_up(&mut lane), Some(frame(n)));
                    held += 1;
                },
                Step::Release => {
                    endpoint.rings[0].release();
                    lane.up.release();
                    held = 0;
                }
            }
        }
    }
}
