//! Receive-side scaling: the table is an even spread, and the traffic obeys it.

use lockgate_tests::judges::{GUEST, HOST, Linux};

use super::Case;
use super::counters::heard_by;
use super::transfer::peer;

pub(crate) const CASES: &[Case<Linux>] = &[
    ("the indirection table is an even spread", table),
    ("flows of many addresses spread over all queues", addresses),
    ("flows of many ports spread where the driver says so", ports),
    ("traffic obeys the indirection table", obeys),
    ("another number of queues", another),
];

/// The queues that a driver makes of the guest's four cores.
const QUEUES: usize = 4;

/// How many flows, and datagrams of each.
const FLOWS: u64 = 64;
const EACH: u64 = 10;

/// What may come in between: ARP.
const STRAY: u64 = 10;

fn table(linux: &Linux) {
    let channels = linux.ok("host-ethtool -l $dev");
    let numbers = |name: &str| {
        let lines = channels.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .map(|number| number.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let driver = &linux.device.driver;
    assert_eq!(
        numbers("Combined:"),
        [driver.queues.to_string(), QUEUES.to_string()]
    );
    even(linux, QUEUES);
    for queues in [2, 3, 1] {
        linux.ok(&format!("host-ethtool -X $dev equal {queues}"));
        even(linux, queues);
    }
}

/// The table has all its entries, and as many for each of `queues` as for another.
fn even(linux: &Linux, queues: usize) {
    let table = indirection(linux);
    assert_eq!(table.len(), linux.device.driver.table, "{table:?}");
    let share = |queue| table.iter().filter(|entry| **entry == queue).count();
    let shares: Vec<usize> = (0..queues).map(share).collect();
    let (least, most) = (shares.iter().min(), shares.iter().max());
    let near = least
        .zip(most)
        .is_some_and(|(least, most)| most - least <= 1);
    assert!(
        near && shares.iter().sum::<usize>() == table.len(),
        "{shares:?}: {table:?}"
    );
}

/// The entries of the table: `ethtool -x` has eight a line, behind the first one's number.
fn indirection(linux: &Linux) -> Vec<usize> {
    let said = linux.ok("host-ethtool -x $dev");
    let rows = said.lines().filter_map(|line| {
        let (first, entries) = line.split_once(':')?;
        first.trim().parse::<usize>().ok()?;
        Some(
            entries
                .split_whitespace()
                .filter_map(|entry| entry.parse().ok())
                .collect::<Vec<_>>(),
        )
    });
    rows.flatten().collect()
}

/// Sends datagrams of so many addresses and ports; what each queue had of them.
fn spread(linux: &Linux, addresses: u64, ports: u64) -> Vec<u64> {
    // Every address of this network is this machine's.
    linux
        .network()
        .run("ip route replace local 10.9.0.0/16 dev lo");
    linux.ok(&format!("host-ip route replace 10.9.0.0/16 via {HOST}"));
    let count = addresses * ports * EACH;
    linux.start(&format!("peer hear 7000 {count} 60"));
    heard_by(linux);
    let before = linux.queues();
    let sources = format!("tell 10.9.0.0:6000 {addresses} {ports}");
    linux
        .network()
        .run(&peer(&format!("{sources} {GUEST}:7000 {EACH} 100")));
    linux.wait();
    let after = linux.queues();
    let grown: Vec<u64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    let sum = grown.iter().sum::<u64>();
    assert!(
        (count..=count + STRAY).contains(&sum),
        "of {count} datagrams: {grown:?}"
    );
    grown
}

/// The queues that had more than strays.
fn used(grown: &[u64]) -> Vec<usize> {
    (0..grown.len())
        .filter(|&queue| grown[queue] > STRAY)
        .collect()
}

fn addresses(linux: &Linux) {
    let grown = spread(linux, FLOWS, 1);
    println!("flows of many addresses: {grown:?}");
    assert_eq!(used(&grown), (0..QUEUES).collect::<Vec<_>>(), "{grown:?}");
}

fn ports(linux: &Linux) {
    linux.ok("host-ethtool -N $dev rx-flow-hash udp4 sd");
    let grown = spread(linux, 1, FLOWS);
    assert_eq!(
        used(&grown).len(),
        1,
        "two addresses are one flow: {grown:?}"
    );
    linux.ok("host-ethtool -N $dev rx-flow-hash udp4 sdfn");
    // Fragments of these flows may now come out of order, and the drivers warn of it.
    linux.complaints();
    let grown = spread(linux, 1, FLOWS);
    assert_eq!(used(&grown), (0..QUEUES).collect::<Vec<_>>(), "{grown:?}");
}

fn obeys(linux: &Linux) {
    for (table, expected) in [
        ("equal 1", &[0][..]),
        ("equal 2", &[0, 1]),
        ("weight 0 0 1 0", &[2]),
        ("weight 0 1 0 1", &[1, 3]),
        ("default", &[0, 1, 2, 3]),
    ] {
        linux.ok(&format!("host-ethtool -X $dev {table}"));
        let grown = spread(linux, FLOWS, 1);
        assert_eq!(used(&grown), expected, "{table}: {grown:?}");
    }
}

fn another(linux: &Linux) {
    // More than there are cores, if the driver lets us.
    let queues = if linux.device.driver.queues > QUEUES as u32 {
        8
    } else {
        2
    };
    linux.ok(&format!("host-ethtool -L $dev combined {queues}"));
    linux.up();
    even(linux, queues);
    let grown = spread(linux, 200, 1);
    assert_eq!(used(&grown), (0..queues).collect::<Vec<_>>(), "{grown:?}");
}
