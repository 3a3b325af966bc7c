//! The ixgbe driver on the model of an 82599: what only this card has, in the model's time.

use std::time::Duration;

use lockgate_drivers::TxQueue;
use lockgate_tests::subject::{Bench, Kind, frame};

/// How much time passes between two looks at the rings: less than the full rings of one
/// pool last.
const STEP: Duration = Duration::from_micros(50);

/// Bytes of a frame, and with its check sequence.
const BYTES: usize = 1514;
const WITH_FCS: u64 = 1518;

/// Bits that a frame takes on the link, preamble and gap included.
const ON_THE_LINK: f64 = (WITH_FCS as f64 + 20.0) * 8.0;

/// A partition for each of `senders`, with what its `tx` says.
fn policy(senders: &[&str]) -> String {
    let mut text = "[nic]\ndevice = 'model:82599'\n".to_owned();
    for (n, tx) in senders.iter().enumerate() {
        text += &format!(
            "[[partition]]\nname = 'p{n}'\nmacs = ['02:00:00:00:00:{n:02x}']\nvlans = [0]\n\
             wire = 'both'\nqueues = 2\ntx = {{ {tx} }}\n"
        );
    }
    text
}

/// Fills a queue to its end, in bursts: only the end of one is reported.
fn fill(queue: &mut TxQueue) {
    queue.free();
    let bytes = frame([0xff; 6], queue.pool(), None, BYTES);
    for n in 1.. {
        if queue.free() == 0 {
            break;
        }
        assert!(queue.push(&bytes));
        if n % 16 == 0 {
            queue.flush();
        }
    }
    queue.flush();
}

/// Keeps every queue that `floods` full while `time` passes on the link; gives the frames
/// that each pool sent.
fn flood(bench: &mut Bench, time: Duration, floods: impl Fn(u8) -> bool) -> Vec<u64> {
    let model = bench.subject.model().expect("a model").clone();
    let mut sent = vec![0; bench.plan.partitions().len()];
    model.advance(Duration::ZERO);
    for _ in 0..time.as_micros() / STEP.as_micros() {
        bench
            .queues
            .tx
            .iter_mut()
            .filter(|queue| floods(queue.pool()))
            .for_each(fill);
        model.advance(STEP);
        for frame in model.transmitted() {
            sent[usize::from(frame[11])] += 1;
        }
    }
    sent
}

fn within_two_percent(measured: f64, wanted: f64, what: &str) {
    let off = measured / wanted - 1.0;
    println!(
        "{what}: {measured:.4} of {wanted:.4}, {:+.2} % off",
        100.0 * off
    );
    assert!(off.abs() < 0.02, "{what}: {measured} and not {wanted}");
}

#[test]
fn each_pool_gets_its_rate_and_the_others_share_the_rest_by_weight_under_a_flood() {
    // Heavy enough that the rate is what holds them.
    let rates =
        ["'10Mbit/s'", "'100Mbit/s'", "'1Gbit/s'"].map(|r| format!("rate = {r}, weight = 8"));
    let rates: Vec<&str> = rates.iter().map(String::as_str).collect();
    let weights = ["weight = 1", "weight = 2", "weight = 5", "weight = 8"];
    let senders = [&rates[..], &weights[..]].concat();
    let mut bench = Bench::start(Kind::Model82599, &policy(&senders), 1024);
    let sent = flood(&mut bench, Duration::from_secs(1), |_| true);

    let mut left = 10_000.0;
    for (pool, mbit) in [10.0, 100.0, 1000.0].into_iter().enumerate() {
        let measured = (sent[pool] * WITH_FCS * 8) as f64 / 1e6;
        within_two_percent(measured, mbit, &format!("Mbit/s of pool {pool}"));
        left -= sent[pool] as f64 * ON_THE_LINK / 1e6;
    }
    for (pool, weight) in [1.0, 2.0, 5.0, 8.0].into_iter().enumerate() {
        let measured = sent[3 + pool] as f64 * ON_THE_LINK / 1e6;
        within_two_percent(
            measured,
            left * weight / 16.0,
            &format!("Mbit/s of weight {weight}"),
        );
    }
}

#[test]
fn of_64_pools_one_that_floods_by_two_queues_gets_no_more_than_its_share() {
    let bench = &mut Bench::start(Kind::Model82599, &policy(&["weight = 1"; 64]), 512);
    // All but one send by one queue only.
    let mut seen = [false; 64];
    bench.queues.tx.retain(|queue| {
        let pool = usize::from(queue.pool());
        pool == 0 || !std::mem::replace(&mut seen[pool], true)
    });
    let sent = flood(bench, Duration::from_millis(200), |_| true);
    let all: u64 = sent.iter().sum();
    within_two_percent(
        all as f64 * ON_THE_LINK / 2e5,
        10_000.0,
        "Mbit/s of all pools",
    );
    for sent in sent {
        within_two_percent(sent as f64, all as f64 / 64.0, "frames of a pool");
    }
}

#[test]
fn a_pool_that_is_over_its_rate_costs_the_others_nothing() {
    let mut bench = Bench::start(Kind::Model82599, &policy(&["rate = '10Mbit/s'", ""]), 512);
    let sent = flood(&mut bench, Duration::from_millis(100), |_| true);
    within_two_percent(
        sent[1] as f64 * ON_THE_LINK / 1e5,
        9_990.0,
        "Mbit/s beside it",
    );
}

#[test]
fn a_pool_that_nobody_drains_loses_its_own_frames_and_no_others() {
    for partitions in [3, 64] {
        let mut bench = Bench::start(Kind::Model82599, &policy(&vec![""; partitions]), 64);
        bench.nic.statistics().expect("figures");
        let stalled = bench.queues.rx.remove(0);
        let second = bench.queues.rx.remove(0);
        assert_eq!((stalled.pool(), second.pool()), (0, 0));
        for round in 0..10 {
            let to = |pool| frame([2, 0, 0, 0, 0, pool], 0xee, None, 60 + round);
            let others: Vec<_> = (1..partitions as u8).map(to).collect();
            let flood: Vec<_> = (0..20).map(|_| to(0)).collect();
            let mixed = flood.iter().chain(&others).chain(&flood);
            let arrivals = bench.exchange(mixed);
            let got: Vec<_> = arrivals.into_iter().map(|arrival| arrival.bytes).collect();
            assert_eq!(got, others, "every frame of the others, and nothing else");
        }
        let counted = bench.nic.statistics().expect("figures");
        // The stalled queue took what its ring holds.
        let lost = 400 - 63;
        match partitions {
            3 => assert_eq!((counted.rx_no_descriptor[0], counted.rx_missed), (lost, 0)),
            _ => assert_eq!((counted.rx_no_descriptor[0], counted.rx_missed), (0, lost)),
        }
        drop((stalled, second));
    }
}

/// A UDP packet of flow `flow` to partition `n`.
fn packet(n: u8, flow: u16) -> Vec<u8> {
    let mut bytes = frame([2, 0, 0, 0, 0, n], 0xee, None, 80);
    bytes[12..24].copy_from_slice(&[0x08, 0, 0x45, 0, 0, 66, 0, 0, 0, 0, 64, 17]);
    bytes[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, n]);
    bytes[34..36].copy_from_slice(&(40_000 + flow).to_be_bytes());
    bytes
}

#[test]
fn four_queues_make_32_pools_and_rss_fills_all_four_of_each_that_has_them() {
    let policy: String = (0..32)
        .map(|n| {
            let queues = [4, 2, 1][n % 3];
            format!(
                "[[partition]]\nname = 'p{n}'\nmacs = ['02:00:00:00:00:{n:02x}']\nvlans = [0]\n\
                 wire = 'both'\nqueues = {queues}\n"
            )
        })
        .collect();
    let policy = format!("[nic]\ndevice = 'model:82599'\n{policy}");
    let mut bench = Bench::start(Kind::Model82599, &policy, 128);
    assert_eq!(bench.plan.hardware().pools.len(), 32);
    assert_eq!(
        &bench.nic.read_back().expect("registers"),
        bench.plan.hardware()
    );
    let key = lockgate_rss::Key::MICROSOFT;
    for n in 0..32 {
        let frames: Vec<_> = (0..64).map(|flow| packet(n, flow)).collect();
        let arrivals = bench.exchange(&frames);
        assert_eq!(arrivals.len(), frames.len());
        let queues = [4, 2, 1][usize::from(n) % 3];
        let mut used = [0; 4];
        for arrival in arrivals {
            let hash = lockgate_rss::toeplitz(&key, &arrival.bytes[26..38]);
            assert_eq!((arrival.pool, arrival.hash), (n, Some(hash)));
            assert_eq!(
                u32::from(arrival.queue),
                hash % 128 % 4 % queues,
                "of {queues} queues"
            );
            used[usize::from(arrival.queue)] += 1;
        }
        assert!(
            used.iter().take(queues as usize).all(|&count| count > 0),
            "{used:?}"
        );
    }
}
