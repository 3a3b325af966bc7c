//! Plans and started cards, for tests that hold a card's queues themselves.

use std::thread;
use std::time::{Duration, Instant};

use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, Queues, RingSizes, open};
use lockgate_vmdq::Plan;

use crate::subject::Kind;

/// The plan of `policy` on an 82576 in a machine with four cores.
///
/// # Panics
/// When the policy is refused.
pub fn plan(policy: &str) -> Plan {
    Kind::Model82576.plan(policy)
}

/// `card` under its driver, started as `plan` says, with rings of `slots` and its link
/// not yet awaited.
///
/// # Panics
/// When it does not start.
pub fn started(card: Card, plan: &Plan, slots: u16) -> (Nic, Queues) {
    let mut nic = open(card).expect("a driver");
    let queues = nic
        .start(
            plan,
            RingSizes {
                rx: slots,
                tx: slots,
            },
        )
        .expect("it starts");
    (nic, queues)
}

/// Waits until the link is up.
///
/// # Panics
/// When it does not come up within ten seconds.
pub fn linked(nic: &mut Nic) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !nic.poll_link().expect("a card that answers").up {
        assert!(Instant::now() < deadline, "no link");
        thread::sleep(Duration::from_millis(5));
    }
}
