//! What stays open: channels between levels that no policy closes, and notes.
//!
//! Sentences for people. A residual channel is a resource that one level can load
//! and another can feel; frames do not cross by it, but bits can. Not here:
//! anything that decides (`lockgate-vmdq`).

use lockgate_vmdq::{PartitionPlan, Plan, SteeringMode, WireSource};

use super::LoadedPolicy;

/// Resources that partitions of different levels share, a sentence each.
pub(super) fn channels(plan: &Plan) -> Vec<String> {
    let partitions = plan.partitions();
    let shared = |resource: String, uses: &dyn Fn(&PartitionPlan) -> bool| {
        let users = || partitions.iter().filter(|p| uses(p));
        let mut levels = users().filter_map(|p| p.level.as_ref());
        let first = levels.next()?;
        levels.find(|level| *level != first)?;
        let names = users().filter_map(|p| Some(format!("`{}` ({})", p.name, p.level.as_ref()?)));
        let names = names.collect::<Vec<_>>().join(", ");
        Some(format!("{resource}: {names} can feel each other's load"))
    };
    let software = plan.steering() == SteeringMode::Software;
    let by_worker = plan.workers().iter().enumerate().map(|(worker, core)| {
        let serves = |p: &PartitionPlan| software || p.queue_workers.contains(&worker);
        shared(format!("one worker on core {core}"), &serves)
    });
    let levels = |p: &PartitionPlan, q: &PartitionPlan| q.level.is_some() && q.level != p.level;
    let meets = |p: &PartitionPlan, q: &PartitionPlan| p.cores.iter().any(|c| q.cores.contains(c));
    let crowded = |p: &PartitionPlan| partitions.iter().any(|q| levels(p, q) && meets(p, q));
    let rest = [
        shared("the card, its link and its packet buffers".into(), &|_| {
            true
        }),
        shared(
            "cores that more than one endpoint may run on".into(),
            &crowded,
        ),
        shared("the machine's caches and memory".into(), &|_| true),
    ];
    by_worker.chain(rest).flatten().collect()
}

/// What is allowed but may not be meant, a sentence each.
pub(super) fn notes(loaded: &LoadedPolicy, plan: &Plan) -> Vec<String> {
    notes_for(loaded.is_for_model(), plan)
}

fn notes_for(model: bool, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    let key = match &plan.spec().wire {
        WireSource::Nothing => None,
        WireSource::Replay(_) => Some("replay"),
        WireSource::Tap(_) => Some("tap"),
        WireSource::Interface(_) => Some("interface"),
    };
    if let Some(key) = key.filter(|_| !model) {
        notes.push(format!("`wire.{key}` is not used: the device is no model"));
    }
    notes.extend(empty_flows(plan));
    for partition in plan.partitions() {
        let name = &partition.name;
        if partition.macs.is_empty() {
            notes.push(format!("`{name}` owns no address: it can send nothing"));
        }
        if partition
            .cores
            .iter()
            .any(|core| plan.workers().contains(core))
        {
            notes.push(format!(
                "the endpoint of `{name}` may run on a worker's core"
            ));
        }
    }
    for (worker, core) in plan.workers().iter().enumerate() {
        if !plan
            .partitions()
            .iter()
            .any(|p| p.queue_workers.contains(&worker))
        {
            notes.push(format!("the worker on core {core} has no queue"));
        }
    }
    notes
}

/// Flows between partitions that are on no segment together.
fn empty_flows(plan: &Plan) -> impl Iterator<Item = String> {
    plan.spec().flows.iter().filter_map(move |flow| {
        let (from, to) = (plan.partition(flow.from)?, plan.partition(flow.to)?);
        let meet = from.vlans.iter().any(|segment| to.vlans.contains(segment));
        let (from, to) = (&from.name, &to.name);
        let note = format!("the flow from `{from}` to `{to}` carries nothing: no common segment");
        (!meet).then_some(note)
    })
}

#[cfg(test)]
mod tests {
    use lockgate_policy::Policy;
    use lockgate_vmdq::{Capabilities, Machine};

    use super::*;

    fn checked(card: &Capabilities, nic: &str, rest: &str) -> Plan {
        let text = format!("[nic]\ndevice = 'model:82576'\n{nic}\n{rest}");
        let policy = Policy::parse(&text).unwrap();
        let machine = Machine {
            cores: vec![0, 1, 2, 3],
        };
        let plan = policy.check(card, &machine);
        plan.unwrap_or_else(|e| panic!("{e}"))
    }

    fn notes_of(nic: &str, rest: &str) -> Vec<String> {
        notes_for(true, &checked(&Capabilities::I82576, nic, rest))
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
    fn what_levels_share_is_listed_and_what_one_level_shares_is_not() {
        let two = |b: &str, cores: &str| {
            format!(
                "[levels]\norder = ['low', 'high']\n\
                 [[partition]]\nname = 'a'\nlevel = 'low'\nvlans = [1]\n{cores}\n\
                 [[partition]]\nname = 'b'\nlevel = '{b}'\nvlans = [2]\ncores = [2]\n\
                 [[partition]]\nname = 'c'\nvlans = [3]\n"
            )
        };
        let shared_on = |card: &Capabilities, nic: &str, b: &str, cores: &str| {
            channels(&checked(card, nic, &two(b, cores))).join("\n")
        };
        let shared =
            |nic: &str, b: &str, cores: &str| shared_on(&Capabilities::I82576, nic, b, cores);
        let all = shared("", "high", "cores = [3]");
        assert_eq!(all.lines().count(), 3, "{all}");
        assert!(
            all.contains("one worker on core 0: `a` (low), `b` (high) can feel"),
            "{all}"
        );
        assert!(all.contains("the card") && all.contains("memory"), "{all}");
        let apart = shared("workers = [0, 1]", "high", "cores = [3]");
        assert!(
            !apart.contains("worker") && apart.contains("the card"),
            "{apart}"
        );
        let crowded = shared("workers = [0, 1]", "high", "");
        assert!(crowded.contains("more than one endpoint"), "{crowded}");
        assert_eq!(shared("", "low", ""), "");
        let software = shared_on(&Capabilities::I82574, "workers = [0, 1]", "high", "");
        assert_eq!(software.lines().count(), 5, "{software}");
    }

    #[test]
    fn what_may_not_be_meant_is_noted() {
        let mac = "macs = ['02:00:00:00:00:01']";
        assert_eq!(notes_of("", &partitions(2, mac)), [""; 0]);
        let flow = "[[flow]]\nfrom = 'p0'\nto = 'p1'";
        for (nic, text, note) in [
            (
                "",
                partitions(2, mac) + flow,
                "the flow from `p0` to `p1` carries nothing",
            ),
            ("", partitions(1, ""), "`p0` owns no address"),
            (
                "workers = [0, 1]",
                partitions(1, mac),
                "the worker on core 1 has no queue",
            ),
            (
                "workers = [0]",
                partitions(1, &format!("cores = [0]\n{mac}")),
                "on a worker's core",
            ),
        ] {
            let notes = notes_of(nic, &text);
            assert!(notes.iter().any(|said| said.contains(note)), "{notes:?}");
        }
        let both = notes_of("workers = [1]", &partitions(1, "cores = [1]"));
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(
            both[1].contains("`p0` may run on a worker's core"),
            "{both:?}"
        );
        let plan = checked(
            &Capabilities::I82576,
            "",
            &(partitions(1, mac) + "[wire]\nreplay = 'x'"),
        );
        let notes = notes_for(false, &plan);
        assert!(notes[0].contains("`wire.replay` is not used"), "{notes:?}");
    }
}
