//! What a plan makes of a policy that is allowed: workers, cores, the card's filters.

use lockgate_policy::Policy;
use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{Capabilities, Machine, Plan, PoolPlan, SteeringMode, Wire, multicast_index};

fn plan_on(card: &Capabilities, nic: &str, rest: &str) -> Plan {
    let text = format!("[nic]\ndevice = 'model:82576'\n{nic}\n{rest}");
    let machine = Machine {
        cores: vec![0, 1, 2, 3],
    };
    Policy::parse(&text)
        .unwrap()
        .check(card, &machine)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn plan(nic: &str, rest: &str) -> Plan {
    plan_on(&Capabilities::I82576, nic, rest)
}

/// `count` partitions, each on a VLAN of its own, each with `keys`.
fn partitions(count: usize, keys: &str) -> String {
    let one = |i| {
        format!(
            "[[partition]]\nname = 'p{i}'\nvlans = [{}]\n{keys}\n",
            i + 1
        )
    };
    (0..count).map(one).collect()
}

#[test]
fn queues_go_round_the_workers_and_transmit_stays_with_queue_0() {
    let plan = plan("workers = [3, 1, 0]", &partitions(4, "queues = 2"));
    assert_eq!(plan.workers(), [3, 1, 0]);
    let queues: Vec<_> = plan
        .partitions()
        .iter()
        .map(|p| p.queue_workers.clone())
        .collect();
    assert_eq!(queues, [[0, 1], [2, 0], [1, 2], [0, 1]]);
    let workers: Vec<_> = plan.partitions().iter().map(|p| p.worker).collect();
    assert_eq!(workers, [0, 2, 1, 0]);
}

#[test]
fn endpoints_stay_off_the_cores_of_workers_unless_told_otherwise() {
    assert_eq!(plan("", &partitions(1, "")).workers(), [0]);
    assert_eq!(
        plan("", &partitions(1, "")).partitions()[0].cores,
        [1, 2, 3]
    );
    assert_eq!(
        plan("workers = [1, 2]", &partitions(1, "")).partitions()[0].cores,
        [0, 3]
    );
    let told = plan("workers = [1]", &partitions(1, "cores = [1]"));
    assert_eq!(told.partitions()[0].cores, [1]);
    let full = plan("workers = [0, 1, 2, 3]", &partitions(4, ""));
    assert_eq!(full.partitions()[0].cores, [0, 1, 2, 3]);
}

#[test]
fn what_a_policy_leaves_out_has_the_defaults_of_the_design() {
    const BARE: &str = "[[partition]]\nname = 'a'";
    let plan = plan("", BARE);
    let a = &plan.partitions()[0];
    assert_eq!((plan.mtu(), a.queues, a.weight, a.rate), (1500, 1, 1, None));
    let text = format!("[nic]\ndevice = 'model:82576'\n{BARE}");
    let policy = Policy::parse(&text).unwrap();
    let b = &policy.partitions[0];
    assert_eq!(
        (b.broadcast, b.wire, a.vlans[0].vid()),
        (true, Wire::Both, 0)
    );
    assert_eq!(b.multicast.listed(), []);
    assert_eq!((a.rss.key, a.rss.hash), (Key::MICROSOFT, HashKinds::ALL));
    assert_eq!(a.table.len(), 128);
}

const MILS: &str = "
[[partition]]
name = 'a'
queues = 2
macs = ['02:00:00:00:00:02', '02:00:00:00:00:01']
vlans = [7, 0]
multicast = ['01:00:5e:00:00:fb']
rss = { key = 'symmetric', hash = ['ipv4'] }
tx = { rate = '200Mbit/s' }
[[partition]]
name = 'b'
macs = ['02:00:00:00:00:02']
vlans = [9]
broadcast = false
[[partition]]
name = 'c'
macs = ['02:00:00:00:00:03']
vlans = [7]
wire = 'out'
tx = { rate = '1Mbit/s' }
[[partition]]
name = 'd'
vlans = [9]
wire = 'in'
tx = { rate = '1Mbit/s' }
";

#[test]
fn the_card_is_told_each_filter_once_with_all_its_pools() {
    let plan = plan("", MILS);
    let hardware = plan.hardware();
    assert_eq!(
        (plan.steering(), hardware.mode),
        (SteeringMode::Pools, SteeringMode::Pools)
    );
    let macs: Vec<_> = hardware
        .macs
        .iter()
        .map(|(mac, pools)| (mac.as_u64() & 0xff, *pools))
        .collect();
    assert_eq!(macs, [(1, 0b01), (2, 0b11)]);
    let vlans: Vec<_> = hardware
        .vlans
        .iter()
        .map(|(vid, pools)| (*vid, *pools))
        .collect();
    assert_eq!(vlans, [(0, 0b01), (7, 0b01), (9, 0b1010)]);
    let group = multicast_index("01:00:5e:00:00:fb".parse().unwrap());
    assert_eq!(group, 0xfb0);
    let bits: u32 = hardware
        .multicast
        .iter()
        .map(|word| word.count_ones())
        .sum();
    assert_eq!(
        (bits, hardware.multicast[0xfb0 >> 5]),
        (1, 1 << (0xfb0 & 31))
    );
}

#[test]
fn pools_are_set_for_what_their_partition_may_do() {
    let plan = plan("mtu = 9000", MILS);
    let rate = |text: &str| Some(text.parse().unwrap());
    let a = PoolPlan {
        receive: true,
        transmit: true,
        broadcast: true,
        untagged: true,
        multicast: true,
        queues: 2,
        anti_spoof: true,
        max_frame: 9022,
        rate: rate("200Mbit/s"),
        weight: 0,
    };
    let b = PoolPlan {
        broadcast: false,
        untagged: false,
        multicast: false,
        queues: 1,
        rate: None,
        ..a
    };
    let c = PoolPlan {
        transmit: true,
        rate: rate("1Mbit/s"),
        ..PoolPlan::default()
    };
    let d = PoolPlan {
        broadcast: true,
        transmit: false,
        anti_spoof: false,
        ..b
    };
    assert_eq!(plan.hardware().pools[..4], [a, b, c, d]);
    assert_eq!(plan.hardware().pools[4..], [PoolPlan::default(); 4]);
}

#[test]
fn the_card_has_the_rss_of_the_pools_that_spread() {
    let with = plan("", MILS);
    let rss = with.hardware().rss.as_ref().unwrap();
    assert_eq!((rss.key, rss.kinds.iter().count()), (Key::SYMMETRIC, 1));
    assert!(
        rss.table
            .iter()
            .enumerate()
            .all(|(i, queue)| usize::from(*queue) == i % 2)
    );
    assert_eq!(
        (
            rss.table.len(),
            plan("", &partitions(8, "")).hardware().rss.as_ref()
        ),
        (128, None)
    );
    let four = partitions(1, "queues = 4") + "[[partition]]\nname = 'b'\nqueues = 2";
    let four = plan_on(&Capabilities::I82599, "", &four);
    assert_eq!(four.hardware().pools.len(), 32);
    assert_eq!(
        four.hardware().rss.as_ref().unwrap().table[..6],
        [0, 1, 2, 3, 0, 1]
    );
    assert_eq!(
        plan_on(&Capabilities::I82599, "", &partitions(1, ""))
            .hardware()
            .pools
            .len(),
        64
    );
}

#[test]
fn a_listener_to_all_opens_the_whole_multicast_table() {
    let plan = plan("", &partitions(2, "multicast = 'all'"));
    assert_eq!(*plan.hardware().multicast, [u32::MAX; 128]);
    assert!(plan.hardware().pools[1].multicast && !plan.hardware().pools[2].multicast);
}

#[test]
fn software_steering_is_one_pool_with_a_queue_per_worker_as_far_as_they_go() {
    for (workers, queues) in [("workers = [0]", 1), ("workers = [0, 1, 2]", 2)] {
        let plan = plan_on(&Capabilities::I82574, workers, MILS);
        let hardware = plan.hardware();
        assert_eq!(plan.steering(), SteeringMode::Software);
        assert_eq!(hardware.mode, SteeringMode::Software);
        assert_eq!(
            (hardware.pools.len(), hardware.pools[0].queues),
            (1, queues)
        );
        assert_eq!(hardware.rss.is_some(), queues > 1);
        assert!(
            hardware.macs.values().all(|pools| *pools == 1),
            "{:?}",
            hardware.macs
        );
        assert!(!hardware.pools[0].anti_spoof && hardware.pools[0].rate.is_none());
    }
}
