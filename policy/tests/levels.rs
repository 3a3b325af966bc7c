//! The level check against a search over partitions and segments as nodes.

use std::collections::{BTreeMap, BTreeSet};

use lockgate_policy::{Policy, PolicyErrorKind};
use lockgate_vmdq::{Capabilities, Machine, PlanErrorKind as Kind};
use proptest::prelude::*;
use proptest::sample::select;

const LEVELS: [&str; 3] = ["low", "mid", "high"];

#[derive(Debug, Clone)]
struct Case {
    /// Level (index), segments, whether it receives and sends.
    partitions: Vec<(Option<usize>, BTreeSet<u16>, bool, bool)>,
    /// Whether each flow has a `downgrade`.
    flows: BTreeMap<(usize, usize), bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Partition(usize),
    /// A segment, and who sent to it: the way on may be sanctioned for that pair.
    Segment(u16, usize),
}

impl Case {
    fn text(&self) -> String {
        let mut text =
            "[nic]\ndevice = 'model:82576'\n[levels]\norder = ['low', 'mid', 'high']\n".to_owned();
        for (p, (level, vlans, receives, sends)) in self.partitions.iter().enumerate() {
            let wire = match (receives, sends) {
                (true, true) => "both",
                (true, false) => "in",
                (false, true) => "out",
                (false, false) => "none",
            };
            let level = level.map_or(String::new(), |level| {
                format!("level = '{}'\n", LEVELS[level])
            });
            let vlans = vlans
                .iter()
                .map(u16::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            text += &format!(
                "[[partition]]\nname = 'p{p}'\n{level}vlans = [{vlans}]\nwire = '{wire}'\n"
            );
        }
        for ((from, to), downgrade) in &self.flows {
            let reason = if *downgrade {
                "downgrade = 'reviewed'\n"
            } else {
                ""
            };
            text += &format!("[[flow]]\nfrom = 'p{from}'\nto = 'p{to}'\n{reason}");
        }
        text
    }

    /// Two levels on one segment with a direction outside that no flow declares.
    fn meet(&self) -> bool {
        let all = || self.partitions.iter().enumerate();
        all().any(|(x, (above, on, _, sends))| {
            all().any(|(y, (below, at, receives, _))| {
                let levels = above.is_some() && below.is_some() && above != below;
                let outside = *sends && *receives && !on.is_disjoint(at);
                levels && outside && !self.flows.contains_key(&(x, y))
            })
        })
    }

    fn sanctioned(&self, from: usize, to: usize) -> bool {
        self.flows.get(&(from, to)) == Some(&true)
    }

    fn neighbours(&self, node: Node) -> Vec<Node> {
        let numbers = 0..self.partitions.len();
        match node {
            Node::Partition(from) => {
                let (_, vlans, _, sends) = &self.partitions[from];
                let flows = self
                    .flows
                    .iter()
                    .filter(|((x, _), down)| *x == from && !**down);
                let flows = flows.map(|((_, to), _)| Node::Partition(*to));
                let out = vlans
                    .iter()
                    .filter(|_| *sends)
                    .map(|vid| Node::Segment(*vid, from));
                flows.chain(out).collect()
            }
            Node::Segment(vid, from) => numbers
                .filter(|to| {
                    let (_, vlans, receives, _) = &self.partitions[*to];
                    *receives && vlans.contains(&vid) && !self.sanctioned(from, *to)
                })
                .map(Node::Partition)
                .collect(),
        }
    }

    /// Some partition reaches a lower one by steps that nobody sanctioned.
    fn downhill(&self) -> bool {
        (0..self.partitions.len()).any(|top| {
            let mut seen = BTreeSet::new();
            let mut open = vec![Node::Partition(top)];
            while let Some(node) = open.pop() {
                if seen.insert(node) {
                    open.extend(self.neighbours(node));
                }
            }
            let rank = |p: usize| self.partitions[p].0;
            seen.iter().any(|node| match node {
                Node::Partition(p) => rank(*p).zip(rank(top)).is_some_and(|(low, top)| low < top),
                Node::Segment(..) => false,
            })
        })
    }
}

fn case() -> impl Strategy<Value = Case> {
    let partition = (
        prop::option::weighted(0.75, 0..3_usize),
        prop::collection::btree_set(select(vec![1_u16, 2, 3, 4, 5, 6]), 1..=2),
        prop::bool::weighted(0.6),
        prop::bool::weighted(0.6),
    );
    let flows =
        prop::collection::btree_map((0..6_usize, 0..6_usize), prop::bool::weighted(0.4), 0..8);
    (prop::collection::vec(partition, 2..=6), flows).prop_map(|(partitions, mut flows)| {
        flows.retain(|(from, to), _| *from < partitions.len() && *to < partitions.len());
        Case { partitions, flows }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_policy_passes_exactly_when_no_level_can_leak_down(case in case()) {
        let machine = Machine { cores: vec![0] };
        let checked = Policy::parse(&case.text()).unwrap().check(&Capabilities::I82576, &machine);
        match checked.map_err(|errors| *errors.first().kind.clone()) {
            Ok(_) => prop_assert!(!case.meet() && !case.downhill()),
            Err(PolicyErrorKind::Plan(Kind::LevelsMeet { .. })) => prop_assert!(case.meet()),
            Err(PolicyErrorKind::Plan(Kind::FlowDownhill { .. })) => prop_assert!(case.downhill() && !case.meet()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// The cases above are no use if they all end the same way.
#[test]
fn the_random_policies_are_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut kinds = [0; 3];
    for _ in 0..1000 {
        let case = case().new_tree(&mut runner).unwrap().current();
        kinds[if case.meet() {
            0
        } else if case.downhill() {
            1
        } else {
            2
        }] += 1;
    }
    assert!(
        kinds.iter().all(|count| *count > 50),
        "meet, downhill, fine: {kinds:?}"
    );
}
