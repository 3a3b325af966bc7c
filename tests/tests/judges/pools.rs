//! VMDq: frames land in the pool of their address and VLAN, and nowhere else.

use std::time::Duration;

use lockgate_tests::judges::Dpdk;

use super::Case;
use super::ethernet::datagram;

pub(crate) const CASES: &[Case<Dpdk>] =
    &[("frames land in the pool of their address and VLAN", pools)];

const FIRST_VLAN: u16 = 100;
const FLOWS: u16 = 4;

/// The address that `pools.c` gives to pool `pool`.
fn mac(pool: u16) -> [u8; 6] {
    [2, 0, 0, 0, 1, pool as u8]
}

/// Where an answer says that its frame came in: the queue, and the tag if it was taken out.
fn place(answer: &[u8]) -> (u16, u16) {
    assert_eq!(answer[6..8], [2, 0x51], "an answer: {answer:02x?}");
    let word = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
    (word(8), word(10))
}

fn pools(dpdk: &Dpdk) {
    let count = dpdk.device.driver.pools;
    let session = dpdk.start("pools", &format!("{count} {FIRST_VLAN}"), "pools: ready");
    let mut answered = 0;
    for pool in 0..count {
        answered += own(dpdk, pool) + strangers(dpdk, pool);
    }
    assert_eq!(
        dpdk.receive(Duration::from_millis(200)),
        None,
        "nothing more than was sent"
    );
    let said = session.interrupt();
    println!(
        "{}",
        said.lines()
            .filter(|line| line.starts_with("pools:"))
            .collect::<String>()
    );
    assert!(
        said.contains(&format!("pools: {answered} received, 0 missed, 0 errors")),
        "{said}"
    );
}

/// What is for a pool lands in its queue as it was sent. Says how many frames.
fn own(dpdk: &Dpdk, pool: u16) -> usize {
    let vlan = FIRST_VLAN + pool;
    let frame = |flow| datagram(mac(pool), Some(vlan), flow, 100 + pool);
    let frames: Vec<_> = (0..FLOWS).map(frame).collect();
    let mut answers = frames.iter();
    dpdk.exchange(&frames, 1, |answer| {
        let (queue, stripped) = place(&answer);
        assert_eq!(
            queue,
            pool * dpdk.device.driver.pool_queues,
            "the queue of pool {pool}"
        );
        assert!(
            stripped == 0 || stripped == vlan,
            "tag {stripped} and not {vlan}"
        );
        let rest = if stripped == 0 { 12 } else { 16 };
        let sent = answers.next().map(|frame| &frame[rest..]);
        assert_eq!(Some(&answer[12..]), sent, "the frame of pool {pool}");
    });
    frames.len()
}

/// What is for no pool lands in the default pool if there is one, and nowhere if not. Says
/// how many frames landed.
fn strangers(dpdk: &Dpdk, pool: u16) -> usize {
    let driver = &dpdk.device.driver;
    let frames = for_nobody(pool, driver.pools, driver.pools_by_mac);
    let Some(default) = driver.default_pool else {
        for frame in &frames {
            dpdk.send(frame);
        }
        // A frame of its own behind them is the next that is answered.
        return own(dpdk, pool);
    };
    dpdk.exchange(&frames, 1, |answer| {
        let (queue, _) = place(&answer);
        assert_eq!(
            queue,
            default * driver.pool_queues,
            "the queue of the default pool"
        );
    });
    frames.len()
}

/// Frames that are for no pool: of an unknown VLAN, and, where pools go by address too, of
/// an unknown address and of another pool's VLAN.
fn for_nobody(pool: u16, count: u16, by_mac: bool) -> Vec<Vec<u8>> {
    let own = FIRST_VLAN + pool;
    let mut frames = vec![datagram(mac(pool), Some(FIRST_VLAN + count), 1, 60)];
    if by_mac {
        let other = FIRST_VLAN + (pool + 1) % count;
        frames.push(datagram(mac(pool), Some(other), 1, 60));
        frames.push(datagram(mac(count), Some(own), 1, 60));
    }
    frames
}
