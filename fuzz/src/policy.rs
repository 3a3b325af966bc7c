//! Policy text: parsed, checked, planned, and asked about frames.

use lockgate_drivers::CARDS;
use lockgate_policy::Policy;
use lockgate_vmdq::{Capabilities, Machine, Plan};

/// Enough for a header with its tag.
const HEADER: [u8; 32] = [0xff; 32];

/// Reads `data` as a policy. Whatever is accepted can be checked for each card, and a plan
/// that comes of it gives a verdict on every frame and has a byte form that is decoded.
///
/// # Panics
/// When its byte form is refused, or there are two.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(policy) = Policy::parse(text) else {
        return;
    };
    for card in &CARDS {
        if let Ok(plan) = policy.check(card.capabilities, &machine()) {
            for length in [0, 13, 14, 60, 1518, 70_000] {
                plan.from_wire(&HEADER[..length.min(32)], length);
            }
            let bytes = plan.encode();
            let again = Plan::decode(&bytes).expect("what a check made is lawful");
            assert_eq!(again.encode(), bytes, "one canonical form");
        }
    }
}

/// A plan of two partitions for a card.
pub(crate) fn plan_for(card: &Capabilities) -> Plan {
    const TEXT: &str = r#"
        [nic]
        device = "model:82576"
        [[partition]]
        name = "a"
        macs = ["02:4c:47:00:00:01"]
        vlans = [10]
        [[partition]]
        name = "b"
        macs = ["02:4c:47:00:00:02"]
        vlans = [20]
    "#;
    let policy = Policy::parse(TEXT).expect("a policy");
    policy
        .check(card, &machine())
        .expect("a plan for every card")
}

fn machine() -> Machine {
    Machine {
        cores: vec![0, 1, 2, 3],
    }
}
