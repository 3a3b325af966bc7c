//! Line rate, limits and weights in the model's time.

use std::time::Duration;

use super::Fixture;
use crate::fixture::{BROADCAST, DESCRIPTORS, frame, mac};

/// Keeps queues full while time passes in steps; gives the frames that each sent.
fn flood(
    fixture: &mut Fixture,
    queues: &[u32],
    bytes: usize,
    steps: u32,
    step: Duration,
) -> Vec<u64> {
    let mut sent = vec![0; queues.len()];
    let mut filled: Vec<u32> = queues
        .iter()
        .map(|q| fixture.get(0x6018 + 0x40 * q))
        .collect();
    for _ in 0..steps {
        for (queue, filled) in queues.iter().zip(&mut filled) {
            let head = fixture.get(0x6010 + 0x40 * queue);
            while (*filled + 1) % DESCRIPTORS != head {
                let source = mac(*queue as u8);
                fixture.push(
                    *queue,
                    &frame(BROADCAST, source, bytes),
                    Fixture::data(bytes),
                );
                *filled = (*filled + 1) % DESCRIPTORS;
            }
            fixture.ring(*queue);
        }
        fixture.model.advance(step);
        for frame in fixture.model.transmitted() {
            let from = queues.iter().position(|queue| frame[11] == *queue as u8);
            sent[from.unwrap()] += 1;
        }
    }
    sent
}

fn fixture(queues: &[u32]) -> Fixture {
    let mut fixture = Fixture::with_pools(8);
    queues.iter().for_each(|&queue| fixture.tx(queue));
    fixture.model.advance(Duration::ZERO);
    fixture
}

const STEP: Duration = Duration::from_micros(5);

#[test]
fn the_link_carries_ten_gigabits_and_nothing_without_time() {
    let mut fixture = fixture(&[0]);
    fixture.send(0, &frame(BROADCAST, mac(0), 60));
    assert!(fixture.model.transmitted().is_empty());
    // 1,514 bytes, 4 of check sequence and 20 around them take 1,230.4 ns.
    let sent = flood(&mut fixture, &[0], 1514, 200, STEP);
    assert!(
        (810..=814).contains(&sent[0]),
        "{sent:?} of 812 in a millisecond"
    );
}

#[test]
fn a_limiter_holds_its_rate_beside_a_flood() {
    let mut fixture = fixture(&[0, 2]);
    fixture.set(0x4904, 2);
    // 10 Gbit/s by 20 is 500 Mbit/s.
    fixture.set(0x4984, 1 << 31 | 20 << 14);
    let sent = flood(&mut fixture, &[0, 2], 1514, 2000, STEP);
    let mbit = sent[1] * 1518 * 8 / 10_000;
    assert!((490..=510).contains(&mbit), "{mbit} Mbit/s");
    assert!(sent[0] > 7600, "the rest is the other's: {sent:?}");
}

#[test]
fn pools_share_by_their_credits_and_equally_without_weights() {
    let mut fixture = fixture(&[0, 2, 4]);
    for (pool, credits) in [(0, 16), (1, 32), (2, 64)] {
        fixture.set(0x4904, pool);
        fixture.set(0x4908, credits);
    }
    let equal = flood(&mut fixture, &[0, 2, 4], 1000, 500, STEP);
    assert!(
        equal.iter().all(|sent| sent.abs_diff(equal[0]) <= 4),
        "{equal:?}"
    );
    fixture.set(0x4900, 2);
    let sent = flood(&mut fixture, &[0, 2, 4], 1000, 1000, STEP);
    let all: u64 = sent.iter().sum();
    for (sent, weight) in sent.iter().zip([1, 2, 4]) {
        let share = *sent as f64 / all as f64 * 7.0 / f64::from(weight);
        assert!(
            (0.98..1.02).contains(&share),
            "{sent} of {all} for weight {weight}"
        );
    }
}

#[test]
fn a_pool_that_is_idle_saves_nothing_up() {
    let mut fixture = fixture(&[0, 2]);
    flood(&mut fixture, &[0], 1514, 200, STEP);
    let sent = flood(&mut fixture, &[0, 2], 1514, 20, STEP);
    assert!(sent[0].abs_diff(sent[1]) <= 3, "{sent:?}");
}
