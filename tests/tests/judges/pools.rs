//! VMDq: frames land in the pool of their address and VLAN, and nowhere else.

use std::time::Duration;

use lockgate_tests::judges::Dpdk;

use super::Case;
use super::forward::datagram;

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
    let driver = &dpdk.device.driver;
    let count = driver.pools;
    let session = dpdk.start("pools", &format!("{count} {FIRST_VLAN}"), "pools: ready");
    println!("{}", session.said().lines().filter(|l| l.starts_with("pools:")).collect::<String>());
    for pool in 0..count {
        let own = FIRST_VLAN + pool;
        let frames: Vec<_> =
            (0..FLOWS).map(|flow| datagram(mac(pool), Some(own), flow, 100 + pool)).collect();
        let mut answers = 0;
        dpdk.exchange(&frames, 1, |answer| {
            let (queue, stripped) = place(&answer);
            assert_eq!(queue, pool * driver.pool_queues, "the queue of pool {pool}");
            let rest = if stripped == 0 { 12 } else { 16 };
            assert!(stripped == 0 || stripped == own, "tag {stripped} and not {own}");
            assert_eq!(answer[12..], frames[answers][rest..], "the frame of pool {pool}");
            answers += 1;
        });
        for frame in strangers(pool, count, driver.pools_by_mac) {
            dpdk.send(&frame);
        }
        // A frame behind them is the next that is answered.
        let last = datagram(mac(pool), Some(own), 9, 99);
        dpdk.exchange(&[last], 1, |answer| {
            assert_eq!(answer[answer.len() - 65..][..2], [4, 9], "a stranger: {answer:02x?}");
        });
    }
    assert_eq!(dpdk.receive(Duration::from_millis(200)), None, "nothing more than was sent");
    let said = session.end();
    let answered = u64::from(count * (FLOWS + 1));
    assert!(said.contains(&format!("pools: {answered} received, 0 missed, 0 errors")), "{said}");
}

/// Frames that no pool may have: of an unknown VLAN, and, where pools go by address too, of
/// an unknown address and of another pool's VLAN.
fn strangers(pool: u16, count: u16, by_mac: bool) -> Vec<Vec<u8>> {
    let own = FIRST_VLAN + pool;
    let mut strangers = vec![datagram(mac(pool), Some(FIRST_VLAN + count), 1, 60)];
    if by_mac {
        let other = FIRST_VLAN + (pool + 1) % count;
        strangers.push(datagram(mac(pool), Some(other), 1, 60));
        strangers.push(datagram(mac(count), Some(own), 1, 60));
    }
    strangers
}
