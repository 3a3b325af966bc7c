//! testpmd sends back what comes, over four queues, and loses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use lockgate_tests::judges::Dpdk;

use super::Case;
use super::ethernet::datagram;

pub(crate) const CASES: &[Case<Dpdk>] =
    &[("testpmd sends back 20,000 frames over four queues", forward)];

const COUNT: u32 = 20_000;
const FLOWS: u16 = 64;
const QUEUES: usize = 4;

/// Less than a ring holds: the card has no reason to drop.
const WINDOW: usize = 128;

/// Frame `number`, which says so.
fn numbered(to: [u8; 6], number: u32) -> Vec<u8> {
    let flow = (number % u32::from(FLOWS)) as u16;
    let mut frame = datagram(to, None, flow, 60 + (number % 1400) as u16);
    frame[42..46].copy_from_slice(&number.to_be_bytes());
    for (byte, at) in frame[46..].iter_mut().zip(number..) {
        *byte = at as u8;
    }
    frame
}

fn forward(dpdk: &Dpdk) {
    let queues = format!("--rxq={QUEUES} --txq={QUEUES} --rxd=512 --txd=512");
    // Without the second option, `start` throws away what has come by then.
    let start = "-i --no-flush-rx --rss-udp --forward-mode=macswap";
    let arguments = format!("{start} {queues} --total-num-mbufs=16384");
    let session = dpdk.start("testpmd", &arguments, "testpmd>");
    session.say("start");
    let frames: Vec<_> = (0..COUNT)
        .map(|number| numbered(dpdk.device.mac, number))
        .collect();
    let mut seen = vec![false; frames.len()];
    dpdk.exchange(&frames, WINDOW, |frame| {
        let number = u32::from_be_bytes(frame[42..46].try_into().expect("four bytes"));
        let mut expected = numbered(dpdk.device.mac, number);
        let (to, from) = expected.split_at_mut(6);
        to.swap_with_slice(&mut from[..6]);
        assert_eq!(
            frame, expected,
            "frame {number} as it was, its addresses swapped"
        );
        let again = std::mem::replace(&mut seen[number as usize], true);
        assert!(!again, "frame {number} came twice");
    });
    assert_eq!(
        dpdk.receive(Duration::from_millis(200)),
        None,
        "nothing more than was sent"
    );
    // Some of what it says comes out only when it ends.
    for line in ["stop", "show port xstats 0", "quit"] {
        session.say(line);
    }
    statistics(&session.end());
}

/// All frames are counted, by the queues together and by the card, and none is in error.
fn statistics(said: &str) {
    for way in ["RX-packets:", "TX-packets:"] {
        let queues: Vec<u64> = (0..QUEUES)
            .map(|queue| of_queue(said, queue, way))
            .collect();
        println!("testpmd, {way} {queues:?}");
        assert!(
            queues.iter().all(|count| *count > 0),
            "every queue has some: {queues:?}"
        );
        assert_eq!(
            queues.iter().sum::<u64>(),
            u64::from(COUNT),
            "{way} {queues:?}"
        );
    }
    let count = |line: &str| {
        let (name, value) = line.trim().split_once(": ")?;
        Some((name.to_owned(), value.trim().parse::<u64>().ok()?))
    };
    let counts: BTreeMap<String, u64> = said.lines().filter_map(count).collect();
    for name in ["rx_good_packets", "tx_good_packets"] {
        assert_eq!(counts.get(name), Some(&u64::from(COUNT)), "{name}: {said}");
    }
    const BAD: [&str; 5] = ["error", "missed", "dropped", "nombuf", "no_buffer"];
    let bad = |name: &str| BAD.iter().any(|word| name.contains(word));
    let found: Vec<_> = counts
        .iter()
        .filter(|(name, count)| bad(name) && **count > 0)
        .collect();
    assert!(found.is_empty(), "errors and losses: {found:?}");
}

/// What testpmd says of a queue when it stops: a heading, and the counts in the next line.
fn of_queue(said: &str, queue: usize, name: &str) -> u64 {
    let heading = format!("Forward Stats for RX Port= 0/Queue={queue:2}");
    let mut lines = said
        .lines()
        .skip_while(|line| !line.contains(&heading))
        .skip(1);
    let words = lines.next().unwrap_or_default().split_whitespace();
    let count = words.skip_while(|word| *word != name).nth(1);
    // A queue that had nothing is left out.
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}
