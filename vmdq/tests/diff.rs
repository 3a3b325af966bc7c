//! The difference of two settings of a card, made by hand on the first, gives the second.

use std::collections::BTreeMap;

use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{
    BitRate, FilterChange, HardwareChanges, HardwareDiff, HardwarePlan, Mac, PoolPlan, ResetReason,
    RssPlan, SteeringMode,
};
use proptest::prelude::*;
use proptest::sample::select;

/// The number of pools of every plan here.
const POOLS: usize = 8;

fn pool() -> impl Strategy<Value = PoolPlan> {
    (any::<bool>(), 0..3_u8, prop::option::of(1..4_u64)).prop_map(|(receive, queues, rate)| {
        PoolPlan {
            receive,
            queues,
            rate: rate.and_then(BitRate::new),
            max_frame: 1522,
            ..PoolPlan::default()
        }
    })
}

fn plan() -> impl Strategy<Value = HardwarePlan> {
    let masks = || 1..1_u64 << POOLS;
    let macs = prop::collection::btree_map(0..12_u8, masks(), 0..8);
    let vlans = prop::collection::btree_map(0..12_u16, masks(), 0..8);
    let words = prop::collection::vec((0..128_usize, any::<u32>()), 0..6);
    let pools = prop::collection::vec(pool(), POOLS);
    let key = select(vec![Key::MICROSOFT, Key::SYMMETRIC]);
    (macs, vlans, words, pools, key, 1..3_u8).prop_map(
        |(macs, vlans, words, pools, key, queues)| {
            let mut multicast = Box::new([0; 128]);
            for (at, word) in words {
                multicast[at] = word;
            }
            let macs = macs.into_iter();
            HardwarePlan {
                mode: SteeringMode::Pools,
                rss: Some(RssPlan {
                    key,
                    kinds: HashKinds::ALL,
                    table: (0..128).map(|entry| entry % queues).collect(),
                }),
                macs: macs
                    .map(|(low, pools)| (Mac::new([2, 0, 0, 0, 0, low]), pools))
                    .collect(),
                vlans,
                multicast,
                pools,
            }
        },
    )
}

fn set_filters<Key: Ord + Copy>(filters: &mut BTreeMap<Key, u64>, changes: &[FilterChange<Key>]) {
    for change in changes {
        assert_eq!(
            filters.get(&change.key).copied().unwrap_or(0),
            change.before
        );
        assert_eq!(
            change.before & !change.removed() | change.added(),
            change.after
        );
        match change.after {
            0 => filters.remove(&change.key),
            pools => filters.insert(change.key, pools),
        };
    }
}

/// What a driver does to its card.
fn make(mut plan: HardwarePlan, changes: &HardwareChanges) -> HardwarePlan {
    set_filters(&mut plan.macs, &changes.macs);
    set_filters(&mut plan.vlans, &changes.vlans);
    for change in &changes.multicast {
        let word = std::mem::replace(&mut plan.multicast[change.word], change.after);
        assert_eq!(word, change.before);
    }
    for change in &changes.pools {
        let pool = std::mem::replace(&mut plan.pools[change.pool.index()], change.after);
        assert_eq!(pool, change.before);
    }
    if let Some(rss) = &changes.rss {
        plan.rss = Some(rss.clone());
    }
    plan
}

fn changes(before: &HardwarePlan, after: &HardwarePlan) -> HardwareChanges {
    match before.diff(after) {
        HardwareDiff::Changes(changes) => changes,
        HardwareDiff::NeedsReset(reason) => panic!("{reason:?}"),
    }
}

proptest! {
    #[test]
    fn every_change_made_gives_the_other_plan(before in plan(), after in plan()) {
        let changes = changes(&before, &after);
        prop_assert_eq!(changes.is_empty(), before == after);
        prop_assert_eq!(make(before, &changes), after);
    }

    #[test]
    fn a_plan_does_not_differ_from_itself(plan in plan()) {
        prop_assert!(changes(&plan, &plan).is_empty());
    }
}

#[test]
fn what_no_live_card_can_change_needs_a_reset() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let before = plan()
        .new_tree(&mut TestRunner::deterministic())
        .unwrap()
        .current();
    let mut software = before.clone();
    software.mode = SteeringMode::Software;
    let mut fewer = before.clone();
    fewer.pools.truncate(4);
    let mut alone = before.clone();
    alone.rss = None;
    let mut longer = before.clone();
    longer.pools[3].max_frame = 9022;
    for (after, reason) in [
        (software, ResetReason::Steering),
        (fewer, ResetReason::PoolLayout),
        (alone, ResetReason::RssMode),
        (longer, ResetReason::FrameLength),
    ] {
        assert_eq!(before.diff(&after), HardwareDiff::NeedsReset(reason));
        assert_eq!(after.diff(&before), HardwareDiff::NeedsReset(reason));
    }
}
