//! Line rate, limits and weights in the model's time.

use std::time::Duration;

use crate::ixgbe::rig::{BROADCAST, DESCRIPTORS, Rig, frame, mac};

/// Keeps queues full while time passes in steps; gives the frames that each sent.
fn flood(rig: &mut Rig, queues: &[u32], bytes: usize, steps: u32, step: Duration) -> Vec<u64> {
    let mut sent = vec![0; queues.len()];
    let mut filled: Vec<u32> = queues.iter().map(|q| rig.get(0x6018 + 0x40 * q)).collect();
    for _ in 0..steps {
        for (queue, filled) in queues.iter().zip(&mut filled) {
            let head = rig.get(0x6010 + 0x40 * queue);
            while (*filled + 1) % DESCRIPTORS != head {
                let source = mac(*queue as u8);
                rig.push(*queue, &frame(BROADCAST, source, bytes), Rig::data(bytes));
                *filled = (*filled + 1) % DESCRIPTORS;
            }
            rig.ring(*queue);
        }
        rig.model.advance(step);
        for frame in rig.model.transmitted() {
            let from = queues.iter().position(|queue| frame[11] == *queue as u8);
            sent[from.unwrap()] += 1;
        }
    }
    sent
}

fn rig(queues: &[u32]) -> Rig {
    let mut rig = Rig::with_pools(8);
    queues.iter().for_each(|&queue| rig.tx(queue));
    rig.model.advance(Duration::ZERO);
    rig
}

const STEP: Duration = Duration::from_micros(5);

#[test]
fn the_link_carries_ten_gigabits_and_nothing_without_time() {
    let mut rig = rig(&[0]);
    rig.send(0, &frame(BROADCAST, mac(0), 60));
    assert!(rig.model.transmitted().is_empty());
    // 1,514 bytes, 4 of check sequence and 20 around them take 1,230.4 ns.
    let sent = flood(&mut rig, &[0], 1514, 200, STEP);
    assert!(
        (810..=814).contains(&sent[0]),
        "{sent:?} of 812 in a millisecond"
    );
}

#[test]
fn a_limiter_holds_its_rate_beside_a_flood() {
    let mut rig = rig(&[0, 2]);
    rig.set(0x4904, 2);
    // 10 Gbit/s by 20 is 500 Mbit/s.
    rig.set(0x4984, 1 << 31 | 20 << 14);
    let sent = flood(&mut rig, &[0, 2], 1514, 2000, STEP);
    let mbit = sent[1] * 1518 * 8 / 10_000;
    assert!((490..=510).contains(&mbit), "{mbit} Mbit/s");
    assert!(sent[0] > 7600, "the rest is the other's: {sent:?}");
}

#[test]
fn pools_share_by_their_credits_and_equally_without_weights() {
    let mut rig = rig(&[0, 2, 4]);
    for (pool, credits) in [(0, 16), (1, 32), (2, 64)] {
        rig.set(0x4904, pool);
        rig.set(0x4908, credits);
    }
    let equal = flood(&mut rig, &[0, 2, 4], 1000, 500, STEP);
    assert!(
        equal.iter().all(|sent| sent.abs_diff(equal[0]) <= 4),
        "{equal:?}"
    );
    rig.set(0x4900, 2);
    let sent = flood(&mut rig, &[0, 2, 4], 1000, 1000, STEP);
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
    let mut rig = rig(&[0, 2]);
    flood(&mut rig, &[0], 1514, 200, STEP);
    let sent = flood(&mut rig, &[0, 2], 1514, 20, STEP);
    assert!(sent[0].abs_diff(sent[1]) <= 3, "{sent:?}");
}
