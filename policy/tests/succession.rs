//! One policy after another: who keeps which number, and what the card is told of it.

use std::collections::BTreeMap;

use lockgate_policy::{Policy, PolicyErrorKind};
use lockgate_vmdq::{Capabilities, HardwareDiff, Machine, PartitionId, Plan, PoolId, ResetReason};
use proptest::prelude::*;

const CARD: &Capabilities = &Capabilities::I82576;

fn machine() -> Machine {
    Machine { cores: vec![0, 1] }
}

/// A policy of partitions with these names, each on a VLAN of its own by its name.
fn text(names: &[usize], more: &str) -> String {
    let mut text = "[nic]\ndevice = 'model:82576'\n".to_owned();
    for name in names {
        let vlan = name + 1;
        text += &format!("[[partition]]\nname = 'n{name}'\nvlans = [{vlan}]\n{more}\n");
    }
    text
}

fn first(names: &[usize]) -> Plan {
    let policy = Policy::parse(&text(names, "")).unwrap();
    policy.check(CARD, &machine()).unwrap()
}

fn after(before: &Plan, names: &[usize], card: &Capabilities) -> Plan {
    let policy = Policy::parse(&text(names, "")).unwrap();
    policy.check_succeeding(before, card, &machine()).unwrap()
}

/// Number and pool of every partition, by name.
fn numbers(plan: &Plan) -> BTreeMap<String, (PartitionId, Option<PoolId>)> {
    let partitions = plan.partitions().iter();
    partitions
        .map(|p| (p.name.clone(), (p.id, plan.pool_of(p.id))))
        .collect()
}

#[test]
fn who_stays_keeps_number_and_pool_and_who_is_new_gets_others() {
    let before = first(&[0, 1, 2]);
    let plan = after(&before, &[3, 2, 0], CARD);
    let index = |name: &str| {
        let (id, pool) = numbers(&plan)[name];
        (id.index(), pool.map(PoolId::index))
    };
    assert_eq!(index("n0"), (0, Some(0)));
    assert_eq!(index("n2"), (2, Some(2)));
    assert_eq!(index("n3"), (3, Some(3)), "1 was another's a moment ago");
    let names: Vec<_> = plan.partitions().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["n3", "n2", "n0"], "the order is the policy's");
    assert_eq!(plan.position(plan.partitions()[1].id), Some(1));
    // In the policy after that it is free again.
    let later = after(&plan, &[4, 3, 2, 0], CARD);
    assert_eq!(numbers(&later)["n4"].0.index(), 1);
}

#[test]
fn a_pool_may_pass_to_another_at_once_where_the_card_has_no_other() {
    let before = first(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let plan = after(&before, &[0, 1, 2, 3, 4, 5, 6, 8], CARD);
    let (id, pool) = numbers(&plan)["n8"];
    assert_eq!((id.index(), pool.map(PoolId::index)), (8, Some(7)));
}

#[test]
fn numbers_do_not_depend_on_pools() {
    let before = first(&[0, 1, 2]);
    let plan = after(&before, &[2, 1], &Capabilities::I82574);
    assert_eq!(numbers(&plan)["n2"], (PartitionId::new(2).unwrap(), None));
}

#[test]
fn where_every_number_is_another_s_the_change_takes_two_steps() {
    let all: Vec<_> = (0..64).collect();
    let others: Vec<_> = (64..128).collect();
    let card = &Capabilities::I82599;
    let check = |names: &[usize]| Policy::parse(&text(names, "")).unwrap();
    let before = check(&all).check(card, &machine()).unwrap();
    let errors = check(&others).check_succeeding(&before, card, &machine());
    let errors = errors.unwrap_err();
    assert_eq!(*errors.first().kind, PolicyErrorKind::NoNumbers);
    let between = check(&all[..1]).check_succeeding(&before, card, &machine());
    let between = between.unwrap();
    let others = &others[..63];
    assert!(
        check(others)
            .check_succeeding(&between, card, &machine())
            .is_ok()
    );
}

#[test]
fn a_partition_that_goes_changes_its_own_filters_and_pool_and_nothing_else() {
    let before = first(&[0, 1, 2]);
    let plan = after(&before, &[0, 2], CARD);
    let HardwareDiff::Changes(changes) = before.hardware().diff(plan.hardware()) else {
        panic!("the card needs no reset");
    };
    let vlans: Vec<_> = changes
        .vlans
        .iter()
        .map(|c| (c.key, c.before, c.after))
        .collect();
    assert_eq!(vlans, [(2, 0b10, 0)]);
    let pools: Vec<_> = changes
        .pools
        .iter()
        .map(|change| change.pool.index())
        .collect();
    assert_eq!(pools, [1]);
    assert!(changes.macs.is_empty() && changes.multicast.is_empty() && changes.rss.is_none());
}

#[test]
fn another_mtu_needs_a_reset() {
    let before = first(&[0]);
    let text = text(&[0], "").replace("[[", "mtu = 9000\n[[");
    let plan = Policy::parse(&text).unwrap();
    let plan = plan.check_succeeding(&before, CARD, &machine()).unwrap();
    let diff = before.hardware().diff(plan.hardware());
    assert_eq!(diff, HardwareDiff::NeedsReset(ResetReason::FrameLength));
}

proptest! {
    #[test]
    fn no_number_goes_from_one_name_to_another_in_one_step(
        steps in prop::collection::vec(prop::collection::btree_set(0..20_usize, 1..=8), 2..6),
    ) {
        let mut plan: Option<Plan> = None;
        for names in steps {
            let names: Vec<_> = names.into_iter().collect();
            let next = match &plan {
                None => first(&names),
                Some(before) => after(before, &names, CARD),
            };
            if let Some(before) = &plan {
                let (old, new) = (numbers(before), numbers(&next));
                for (name, (id, pool)) in &new {
                    match old.get(name) {
                        Some(kept) => prop_assert_eq!(kept, &(*id, *pool)),
                        None => prop_assert!(old.values().all(|(taken, _)| taken != id)),
                    }
                }
            }
            for partition in next.partitions() {
                let pool = next.pool_of(partition.id).unwrap();
                prop_assert_eq!(next.partition_of(pool), Some(partition.id));
            }
            plan = Some(next);
        }
    }
}
