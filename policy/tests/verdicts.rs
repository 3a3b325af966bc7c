//! Verdicts against a reading of the design that shares no code with the crate.
//!
//! Random policies, random frames, both directions; and the filters of the card
//! against the verdicts. Everything below `oracle` is sentences of the design.

use std::collections::BTreeSet;

use lockgate_policy::Policy;
use lockgate_vmdq::{
    Capabilities, HardwarePlan, Machine, PartitionId, Plan, Reason, SendVerdict, SteeringMode,
    WireVerdict,
};
use proptest::prelude::*;
use proptest::sample::select;

const MTU: usize = 100;
const UNICAST: [u64; 6] = [
    0x02_00_00_00_00_01,
    0x02_00_00_00_00_02,
    0x02_00_00_00_01_01,
    0x06_00_00_00_00_01,
    0x00_1b_21_00_00_01,
    0xfe_ff_ff_ff_ff_ff,
];
const GROUPS: [u64; 4] = [
    0x01_00_5e_00_00_fb,
    0x33_33_00_00_00_01,
    0x01_80_c2_00_00_0e,
    0x03_00_00_00_00_01,
];
const BROADCAST: u64 = 0xff_ff_ff_ff_ff_ff;
const VIDS: [u16; 3] = [0, 5, 4094];

/// A partition as the policy file has it.
#[derive(Debug, Clone)]
struct Spec {
    macs: BTreeSet<u64>,
    vlans: BTreeSet<u16>,
    wire: &'static str,
    broadcast: bool,
    all_groups: bool,
    groups: BTreeSet<u64>,
}

impl Spec {
    fn receives(&self) -> bool {
        self.wire == "in" || self.wire == "both"
    }

    fn sends(&self) -> bool {
        self.wire == "out" || self.wire == "both"
    }

    fn takes(&self, dst: u64) -> bool {
        match dst {
            BROADCAST => self.broadcast,
            dst if dst >> 40 & 1 == 1 => self.all_groups || self.groups.contains(&dst),
            dst => self.macs.contains(&dst),
        }
    }
}

#[derive(Debug, Clone)]
struct Case {
    partitions: Vec<Spec>,
    flows: BTreeSet<(usize, usize)>,
}

fn mac_text(mac: u64) -> String {
    let octets = mac.to_be_bytes();
    octets[2..]
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

fn list(macs: &BTreeSet<u64>) -> String {
    macs.iter()
        .map(|mac| format!("'{}'", mac_text(*mac)))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Case {
    fn text(&self) -> String {
        let mut text = format!("[nic]\ndevice = 'model:82576'\nmtu = {MTU}\nworkers = [0, 1]\n");
        for (p, spec) in self.partitions.iter().enumerate() {
            let vlans: Vec<_> = spec.vlans.iter().map(u16::to_string).collect();
            let groups = match spec.all_groups {
                true => "'all'".to_owned(),
                false => format!("[{}]", list(&spec.groups)),
            };
            text += &format!(
                "[[partition]]\nname = 'p{p}'\nmacs = [{}]\nvlans = [{}]\nwire = '{}'\n\
                 broadcast = {}\nmulticast = {groups}\nqueues = {}\n",
                list(&spec.macs),
                vlans.join(", "),
                spec.wire,
                spec.broadcast,
                p % 2 + 1,
            );
        }
        for (from, to) in &self.flows {
            text += &format!("[[flow]]\nfrom = 'p{from}'\nto = 'p{to}'\n");
        }
        text
    }

    /// Two owners of one address on one segment are no policy.
    fn is_policy(&self) -> bool {
        let partitions = &self.partitions;
        (0..partitions.len()).all(|b| {
            (0..b).all(|a| {
                partitions[a].macs.is_disjoint(&partitions[b].macs)
                    || !shares_segment(&partitions[a], &partitions[b])
            })
        })
    }

    fn plan(&self, card: &Capabilities) -> Plan {
        let machine = Machine { cores: vec![0, 1] };
        Policy::parse(&self.text())
            .unwrap()
            .check(card, &machine)
            .unwrap()
    }
}

fn segments(spec: &Spec) -> BTreeSet<u16> {
    if spec.vlans.is_empty() {
        [0].into()
    } else {
        spec.vlans.clone()
    }
}

fn shares_segment(a: &Spec, b: &Spec) -> bool {
    !segments(a).is_disjoint(&segments(b))
}

fn spec() -> impl Strategy<Value = Spec> {
    let some = |from: &'static [u64], most| prop::collection::btree_set(select(from), 0..=most);
    (
        some(&UNICAST, 2),
        prop::collection::btree_set(select(&VIDS[..]), 0..3),
        select(vec!["none", "in", "out", "both", "both"]),
        any::<bool>(),
        prop::bool::weighted(0.2),
        some(&GROUPS, 2),
    )
        .prop_map(|(macs, vlans, wire, broadcast, all_groups, groups)| Spec {
            macs,
            vlans,
            wire,
            broadcast,
            all_groups,
            groups,
        })
}

fn case() -> impl Strategy<Value = Case> {
    let flows = prop::collection::btree_set((0..5_usize, 0..5_usize), 0..18);
    (prop::collection::vec(spec(), 1..=5), flows)
        .prop_map(|(partitions, mut flows)| {
            flows.retain(|(from, to)| *from < partitions.len() && *to < partitions.len());
            Case { partitions, flows }
        })
        .prop_filter("one owner per address", Case::is_policy)
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => select(&UNICAST[..]),
        2 => select(&GROUPS[..]),
        1 => Just(BROADCAST),
        1 => (0..20_u64).prop_map(|low| 0x01_80_c2_00_00_00 + low),
        1 => 0..1_u64 << 48,
    ]
}

/// Frames of every interesting length, about which the verdicts may differ.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec![
        0x0800, 0x0800, 0x0800, 0x0800, 0x0800, 0x86dd, 0x8808, 0x8100, 0x88a8, 0,
    ]);
    let tag = (select(vec![0, 5, 5, 4094, 7, 4095]), 0..16_u16);
    let tag = prop::option::of(tag.prop_map(|(vid, high)| high << 12 | vid));
    let len = prop_oneof![
        5 => 60..=MTU + 14,
        1 => 0..60_usize,
        1 => MTU + 13..MTU + 21,
        1 => select(vec![13_usize, 14, 15, 16, 17, 18, 9000]),
    ];
    (address(), address(), tag, word, len).prop_map(|(dst, src, tag, ethertype, len)| {
        let mut frame = [&dst.to_be_bytes()[2..], &src.to_be_bytes()[2..]].concat();
        if let Some(tag) = tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(u16::to_be_bytes(ethertype));
        frame.resize(len.max(frame.len()), 0x88);
        frame.truncate(len);
        frame
    })
}

/// The reading of the design.
mod oracle {
    use super::*;

    /// What both directions begin with: destination, source, segment.
    fn admit(frame: &[u8]) -> Result<(u64, u64, u16), &'static str> {
        let mut padded = frame.to_vec();
        padded.resize(frame.len().max(60), 0);
        let number = |range: std::ops::Range<usize>| {
            padded[range]
                .iter()
                .fold(0, |all, byte| all << 8 | u64::from(*byte))
        };
        let tagged = number(12..14) == 0x8100;
        let ethertype = if tagged {
            number(16..18)
        } else {
            number(12..14)
        };
        let segment = if tagged { number(14..16) % 4096 } else { 0 };
        match () {
            () if frame.len() < 14 => Err("runt"),
            () if frame.len() > MTU + 14 + if tagged { 4 } else { 0 } => Err("oversize"),
            () if ethertype == 0x8808 => Err("control-frame"),
            () => Ok((number(0..6), number(6..12), segment as u16)),
        }
    }

    pub(super) fn from_wire(case: &Case, frame: &[u8]) -> Result<BTreeSet<usize>, &'static str> {
        let (dst, _, segment) = admit(frame)?;
        let partitions = || case.partitions.iter().enumerate();
        let on: Vec<_> = partitions()
            .filter(|(_, p)| segments(p).contains(&segment))
            .collect();
        let takers: Vec<_> = on.iter().filter(|(_, p)| p.takes(dst)).collect();
        let to = takers
            .iter()
            .filter(|(_, p)| p.receives())
            .map(|(i, _)| *i)
            .collect();
        match () {
            () if on.is_empty() => Err("unknown-vlan"),
            () if takers.is_empty() => Err("unknown-mac"),
            () if BTreeSet::is_empty(&to) => Err("not-permitted"),
            () => Ok(to),
        }
    }

    pub(super) fn from_partition(
        case: &Case,
        from: usize,
        frame: &[u8],
    ) -> Result<(BTreeSet<usize>, bool), &'static str> {
        let (dst, src, segment) = admit(frame)?;
        let sender = &case.partitions[from];
        if (0x0180_c200_0000..=0x0180_c200_000f).contains(&dst) {
            return Err("control-frame");
        }
        if !sender.macs.contains(&src) {
            return Err("spoofed-mac");
        }
        if !segments(sender).contains(&segment) {
            return Err("foreign-vlan");
        }
        let takers = |(_, p): &(usize, &Spec)| segments(p).contains(&segment) && p.takes(dst);
        let takers = case
            .partitions
            .iter()
            .enumerate()
            .filter(takers)
            .map(|(i, _)| i);
        let takers: BTreeSet<_> = takers.collect();
        let group = dst >> 40 & 1 == 1;
        let wire = sender.sends() && (group || takers.is_empty());
        let allowed = |to: &usize| case.flows.contains(&(from, *to));
        let to: BTreeSet<_> = takers.into_iter().filter(allowed).collect();
        if to.is_empty() && !wire {
            Err("flow-denied")
        } else {
            Ok((to, wire))
        }
    }
}

fn id(number: usize) -> PartitionId {
    PartitionId::new(number).unwrap()
}

fn arriving(plan: &Plan, header: &[u8], len: usize) -> Result<BTreeSet<usize>, &'static str> {
    match plan.from_wire(header, len) {
        WireVerdict::Deliver(to) => Ok(to.iter().map(PartitionId::index).collect()),
        WireVerdict::Drop(reason) => Err(reason.name()),
    }
}

fn sent(
    plan: &Plan,
    from: usize,
    header: &[u8],
    len: usize,
) -> Result<(BTreeSet<usize>, bool), &'static str> {
    match plan.from_partition(id(from), header, len) {
        SendVerdict::Send { to, wire } => Ok((to.iter().map(PartitionId::index).collect(), wire)),
        SendVerdict::Refuse(reason) => Err(reason.name()),
    }
}

/// The starts of `frame` that a caller may pass: whole, cut, padded, with stale bytes.
fn headers(frame: &[u8]) -> [Vec<u8>; 4] {
    let [mut padded, mut stale] = [frame.to_vec(), frame.to_vec()];
    padded.resize(frame.len().max(60), 0);
    stale.resize(128.max(frame.len()), 0x81);
    [
        frame.to_vec(),
        frame[..frame.len().min(18)].to_vec(),
        padded,
        stale,
    ]
}

/// Whether pool `p` of the card takes the frame, by the filters alone.
fn card_takes(hardware: &HardwarePlan, p: usize, frame: &[u8]) -> bool {
    let pool = &hardware.pools[p];
    let has = |pools: u64| pools >> p & 1 == 1;
    let mut frame = frame.to_vec();
    frame.resize(frame.len().max(60), 0);
    let dst = frame[..6]
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    let address = match dst {
        BROADCAST => pool.broadcast,
        dst if dst >> 40 & 1 == 1 => {
            let (fifth, sixth) = (usize::from(frame[4]), usize::from(frame[5]));
            let index = sixth * 16 + fifth / 16;
            pool.multicast && hardware.multicast[index / 32] >> (index % 32) & 1 == 1
        }
        dst => hardware
            .macs
            .iter()
            .any(|(mac, pools)| mac.as_u64() == dst && has(*pools)),
    };
    let segment = match frame[12..14] {
        [0x81, 0x00] => {
            let vid = u16::from_be_bytes([frame[14], frame[15]]) & 0xfff;
            hardware.vlans.get(&vid).is_some_and(|pools| has(*pools))
        }
        _ => pool.untagged,
    };
    pool.receive && address && segment && frame.len() + 4 <= usize::from(pool.max_frame)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn frames_from_the_wire_go_where_the_design_says(
        case in case(),
        frames in prop::collection::vec(frame(), 30),
    ) {
        let plan = case.plan(&Capabilities::I82576);
        for frame in frames {
            let expected = oracle::from_wire(&case, &frame);
            for header in headers(&frame) {
                let got = arriving(&plan, &header, frame.len());
                prop_assert_eq!(&got, &expected, "{:02x?}", frame);
                for p in 0..case.partitions.len() {
                    let accepts = plan.accepts(id(p), &header, frame.len());
                    let expected = expected.as_ref().is_ok_and(|to| to.contains(&p));
                    prop_assert_eq!(accepts, expected, "{} of {:02x?}", p, frame);
                }
            }
        }
    }

    #[test]
    fn frames_from_a_partition_go_where_the_design_says(
        case in case(),
        frames in prop::collection::vec((frame(), 0..5_usize, any::<bool>(), any::<u8>()), 40),
    ) {
        let plan = case.plan(&Capabilities::I82576);
        for (mut frame, from, honest, pick) in frames {
            let from = from % case.partitions.len();
            let own: Vec<_> = case.partitions[from].macs.iter().collect();
            if honest && !own.is_empty() && frame.len() >= 12 {
                let mac = own[usize::from(pick) % own.len()];
                frame[6..12].copy_from_slice(&mac.to_be_bytes()[2..]);
            }
            let expected = oracle::from_partition(&case, from, &frame);
            for header in headers(&frame) {
                let got = sent(&plan, from, &header, frame.len());
                prop_assert_eq!(&got, &expected, "{} sends {:02x?}", from, frame);
            }
        }
    }

    #[test]
    fn the_card_never_withholds_a_frame_and_sorts_unicast_and_broadcast_exactly(
        case in case(),
        frames in prop::collection::vec(frame(), 30),
    ) {
        for card in [&Capabilities::I82576, &Capabilities::I82599] {
            let plan = case.plan(card);
            for frame in &frames {
                let verdict = arriving(&plan, frame, frame.len());
                for p in 0..plan.hardware().pools.len() {
                    let wants = verdict.as_ref().is_ok_and(|to| to.contains(&p));
                    let takes = frame.len() >= 14 && card_takes(plan.hardware(), p, frame);
                    prop_assert!(takes || !wants, "{} lacks {:02x?}", p, frame);
                    let group = frame.first().is_some_and(|octet| octet & 1 == 1);
                    let broadcast = frame.starts_with(&[0xff; 6]);
                    let odd = matches!(verdict, Err("oversize" | "control-frame" | "runt"));
                    if !odd && (!group || broadcast) {
                        prop_assert_eq!(takes, wants, "{} and {:02x?}", p, frame);
                    }
                }
            }
        }
    }

    #[test]
    fn a_card_without_pools_takes_whatever_somebody_is_to_get(
        case in case(),
        frames in prop::collection::vec(frame(), 30),
    ) {
        let plan = case.plan(&Capabilities::I82574);
        prop_assert_eq!(plan.hardware().mode, SteeringMode::Software);
        let whole = &plan.hardware().pools[0];
        prop_assert_eq!(whole.queues, if whole.receive { 2 } else { 0 });
        prop_assert_eq!(plan.hardware().pools.len(), 1);
        for frame in frames {
            let expected = oracle::from_wire(&case, &frame);
            prop_assert_eq!(arriving(&plan, &frame, frame.len()), expected.clone());
            let takes = frame.len() >= 14 && card_takes(plan.hardware(), 0, &frame);
            prop_assert!(takes || expected.is_err(), "{:02x?}", frame);
        }
    }
}

#[test]
fn a_partition_that_does_not_exist_can_send_nothing() {
    let case = Case {
        partitions: vec![],
        flows: BTreeSet::new(),
    };
    let text = case.text() + "[[partition]]\nname = 'a'\nmacs = ['02:00:00:00:00:01']";
    let machine = Machine { cores: vec![0, 1] };
    let plan = Policy::parse(&text)
        .unwrap()
        .check(&Capabilities::I82576, &machine)
        .unwrap();
    let mut frame = [0; 60];
    frame[5] = 9;
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    assert!(matches!(
        plan.from_partition(id(0), &frame, 60),
        SendVerdict::Send { .. }
    ));
    for from in [1, 32, 63] {
        let refused = SendVerdict::Refuse(Reason::SpoofedMac);
        assert_eq!(plan.from_partition(id(from), &frame, 60), refused);
        assert!(!plan.accepts(id(from), &frame, 60));
    }
}

#[test]
fn reasons_have_the_names_of_the_design_and_their_place_in_all() {
    let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let design = "runt oversize control-frame unknown-vlan unknown-mac not-permitted spoofed-mac \
                  foreign-vlan flow-denied link-down ring-full";
    assert_eq!(names, design.split(' ').collect::<Vec<_>>());
    assert!(
        Reason::ALL
            .iter()
            .enumerate()
            .all(|(i, reason)| *reason as usize == i)
    );
    assert_eq!(Reason::COUNT, 11);
}

/// The frames above are no use if they all end the same way.
#[test]
fn the_random_frames_meet_every_verdict_often() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;

    let mut runner = TestRunner::deterministic();
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let mut frame = frame().new_tree(&mut runner).unwrap().current();
        let arrived = match oracle::from_wire(&case, &frame) {
            Ok(to) if to.len() > 1 => "copies",
            Ok(_) => "delivered",
            Err(reason) => reason,
        };
        if let (Some(own), true) = (case.partitions[0].macs.first(), frame.len() >= 12) {
            frame[6..12].copy_from_slice(&own.to_be_bytes()[2..]);
        }
        let sent = match oracle::from_partition(&case, 0, &frame) {
            Ok((to, true)) if to.is_empty() => "to the wire",
            Ok((_, true)) => "to both",
            Ok((_, false)) => "to others",
            Err(reason) => reason,
        };
        *counts.entry(("wire", arrived)).or_insert(0) += 1;
        *counts.entry(("partition", sent)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 8 + 9, "{counts:?}");
    assert!(counts.values().all(|count| *count > 100), "{counts:?}");
}
