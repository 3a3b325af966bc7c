use lockgate_rss::{HashKind, HashKinds, Key};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::sample::{flow, id, partition, segment, spec};
use crate::{
    Attachment, AttachmentKind, BitRate, FlowSpec, InterfaceAddress, Mac, Multicast, PartitionSpec,
    PlanErrorKind as Kind, Poll, PoolId, Rss, Service, Side, Socket, Wait, Wire, WireSource,
};

const CARD: &Capabilities = &Capabilities::I82576;

fn text() -> impl Strategy<Value = String> {
    select(vec!["a", "/run/x", "né", "0000:03:00.0"]).prop_map(String::from)
}

fn socket() -> impl Strategy<Value = Socket> {
    let who = || prop::option::of(text());
    (text(), who(), who(), 0..=0o777_u16).prop_map(|(path, owner, group, mode)| Socket {
        path,
        owner,
        group,
        mode,
    })
}

fn kind() -> impl Strategy<Value = AttachmentKind> {
    let some = || prop::option::of(text());
    let side = select(vec![Side::Listen, Side::Connect]);
    let addresses = select(vec!["10.0.0.1/8", "fd20::1/64"]);
    let addresses = addresses.prop_map(|text| vec![text.parse::<InterfaceAddress>().unwrap()]);
    let serve = select(vec![vec![], vec![Service::Ping, Service::Http]]);
    prop_oneof![
        some().prop_map(|replay| AttachmentKind::Pcap { replay }),
        Just(AttachmentKind::Reflect),
        Just(AttachmentKind::Vf),
        (socket(), side, prop::option::of(1..16_u8)).prop_map(|(socket, side, queues)| {
            AttachmentKind::VhostUser {
                socket,
                side,
                queues,
            }
        }),
        (socket(), any::<u32>(), some()).prop_map(|(socket, id, peer)| AttachmentKind::Memif {
            socket,
            id,
            peer
        }),
        (some(), some()).prop_map(|(netns, owner)| {
            let name = "lg0".into();
            AttachmentKind::Tap { name, netns, owner }
        }),
        (addresses, serve)
            .prop_map(|(addresses, serve)| AttachmentKind::Stack { addresses, serve }),
        socket().prop_map(|socket| AttachmentKind::Lane { socket }),
    ]
}

fn attachment() -> impl Strategy<Value = Attachment> {
    let wait = select(vec![Wait::Auto, Wait::Spin, Wait::Yield, Wait::Sleep]);
    (kind(), wait, prop::option::of(text())).prop_map(|(kind, wait, user)| Attachment {
        kind,
        wait,
        user,
    })
}

fn rss() -> impl Strategy<Value = Rss> {
    let hash = select(vec![
        HashKinds::ALL,
        HashKinds::NONE.with(HashKind::Ipv6Udp),
    ]);
    let key = select(vec![Key::MICROSOFT, Key::SYMMETRIC]);
    (key, hash).prop_map(|(key, hash)| Rss { key, hash })
}

/// A partition, of which a specification still has to make the numbers.
fn some_partition() -> impl Strategy<Value = PartitionSpec> {
    let wire = select(vec![Wire::None, Wire::In, Wire::Out, Wire::Both]);
    let group = Mac::new([1, 0, 0x5e, 0, 0, 0xfb]);
    let multicast = select(vec![
        Multicast::All,
        Multicast::default(),
        Multicast::List(vec![group]),
    ]);
    let level = prop::option::of(0..2_u16);
    let rate = prop::option::of(62_000..1_000_000_000_u64);
    let rest = (level, rate, 1..1000_u16, any::<bool>());
    (wire, multicast, rss(), attachment(), rest).prop_map(
        |(wire, multicast, rss, attachment, (level, rate, weight, broadcast))| PartitionSpec {
            level,
            weight,
            broadcast,
            rate: rate.and_then(BitRate::new),
            wire,
            multicast,
            rss,
            attachment,
            ..partition(0)
        },
    )
}

/// Specifications of which many are lawful.
fn some_spec() -> impl Strategy<Value = PlanSpec> {
    let partitions = prop::collection::vec(some_partition(), 1..5);
    let flows =
        prop::collection::btree_map((0..4_usize, 0..4_usize), prop::option::of(text()), 0..4);
    let wire = prop_oneof![
        Just(WireSource::Nothing),
        text().prop_map(WireSource::Replay),
        text().prop_map(WireSource::Tap),
        text().prop_map(WireSource::Interface),
    ];
    let poll = select(vec![Poll::Spin, Poll::Adaptive]);
    (partitions, flows, wire, poll, any::<[u8; 32]>()).prop_map(
        |(partitions, flows, wire, poll, policy_hash)| {
            let numbered = partitions
                .into_iter()
                .zip(0..)
                .map(|(own, number)| PartitionSpec {
                    level: own.level,
                    queues: 1 + number % 2,
                    id: id(63 - usize::from(number)),
                    pool: Some(PoolId::new(7 - number)),
                    rss: Rss::default(),
                    attachment: own.attachment.clone(),
                    wire: own.wire,
                    multicast: own.multicast.clone(),
                    weight: own.weight,
                    rate: own.rate,
                    broadcast: own.broadcast,
                    ..partition(number)
                });
            let flows = flows.into_iter().map(|((from, to), downgrade)| FlowSpec {
                downgrade,
                ..flow(63 - from, 63 - to)
            });
            PlanSpec {
                policy_hash,
                poll,
                wire,
                ..spec(numbered.collect(), flows.collect())
            }
        },
    )
}

/// That many lawful plans.
fn plans(count: usize) -> Vec<Plan> {
    let mut runner = TestRunner::deterministic();
    let strategy = some_spec();
    let mut plans = Vec::new();
    while plans.len() < count {
        let spec = strategy.new_tree(&mut runner).unwrap().current();
        plans.extend(Plan::new(spec, CARD));
    }
    plans
}

/// Decodes bytes that may be anything: what is accepted encodes to them again.
fn try_decode(bytes: &[u8]) -> bool {
    match Plan::decode(bytes) {
        Ok(plan) => {
            assert_eq!(
                plan.encode(),
                bytes,
                "another form of one plan was accepted"
            );
            true
        }
        Err(error) => {
            assert!(!error.help().is_empty());
            false
        }
    }
}

#[test]
fn a_plan_comes_back_from_its_bytes() {
    for plan in plans(200) {
        let again = Plan::decode(&plan.encode()).unwrap();
        assert_eq!(again.spec(), plan.spec());
        assert_eq!(again.hardware(), plan.hardware());
        assert_eq!(again.card(), plan.card());
    }
}

#[test]
fn every_change_of_a_byte_is_refused_or_makes_another_lawful_plan() {
    let (mut accepted, mut refused) = (0, 0);
    for (number, plan) in plans(200).iter().enumerate() {
        let mut bytes = plan.encode();
        for at in 0..bytes.len() {
            let right = bytes[at];
            // Every value in one plan, every bit in all.
            let changes: Vec<u8> = match number {
                0 => (1..=255).collect(),
                _ => (0..8).map(|bit| 1 << bit).collect(),
            };
            for change in changes {
                bytes[at] = right ^ change;
                match try_decode(&bytes) {
                    true => accepted += 1,
                    false => refused += 1,
                }
            }
            bytes[at] = right;
        }
    }
    assert!(
        accepted > 1000 && refused > 1000,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn a_plan_that_is_cut_or_goes_on_is_refused() {
    for plan in plans(20) {
        let mut bytes = plan.encode();
        for end in 0..bytes.len() {
            assert!(Plan::decode(&bytes[..end]).is_err(), "{end} bytes");
            // And if the length is made to fit.
            let mut cut = bytes[..end].to_vec();
            if let Some(length) = cut.get_mut(LENGTH_AT..LENGTH_AT + 4) {
                length.copy_from_slice(&(end as u32).to_le_bytes());
                assert!(Plan::decode(&cut).is_err(), "{end} bytes");
            }
        }
        bytes.push(0);
        let length = (bytes.len() as u32).to_le_bytes();
        bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length);
        let at = bytes.len() - 1;
        assert_eq!(
            Plan::decode(&bytes).unwrap_err(),
            DecodeError::Malformed { at }
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_can_break_the_reader(
        mut noise in prop::collection::vec(any::<u8>(), 0..200),
        keep in 0..60_usize,
    ) {
        let bytes = plans(1)[0].encode();
        try_decode(&noise);
        noise.splice(..0, bytes[..keep].iter().copied());
        try_decode(&noise);
    }
}

/// What decoding says of a specification that somebody wrote down by hand.
fn refused(spec: &PlanSpec) -> Kind {
    match Plan::decode(&encode(spec, CARD)) {
        Err(DecodeError::Unlawful { first }) => *first.kind,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was accepted"),
    }
}

/// Two partitions of low and high level, and flows between them.
fn levelled(flows: Vec<FlowSpec>) -> PlanSpec {
    let at = |number: u8, level| PartitionSpec {
        level,
        ..partition(number)
    };
    spec(vec![at(0, Some(0)), at(1, Some(1)), at(2, None)], flows)
}

#[test]
fn a_plan_with_a_flow_that_levels_forbid_is_refused() {
    assert!(Plan::decode(&encode(&levelled(vec![flow(0, 1)]), CARD)).is_ok());
    for flows in [vec![flow(1, 0)], vec![flow(1, 2), flow(2, 0)]] {
        assert!(matches!(
            refused(&levelled(flows.clone())),
            Kind::FlowDownhill { .. }
        ));
        let reason = |flow| FlowSpec {
            downgrade: Some("reviewed".into()),
            ..flow
        };
        let reviewed = levelled(flows.into_iter().map(reason).collect());
        assert!(Plan::decode(&encode(&reviewed, CARD)).is_ok());
    }
    let mut meeting = levelled(vec![]);
    meeting.partitions[1].segments = meeting.partitions[0].segments.clone();
    assert!(matches!(refused(&meeting), Kind::LevelsMeet { .. }));
    let mut unknown = levelled(vec![]);
    unknown.partitions[0].level = Some(2);
    assert!(matches!(
        refused(&unknown),
        Kind::NoSuchLevel { level: 2, .. }
    ));
}

#[test]
fn a_plan_with_two_owners_of_an_address_is_refused() {
    let mut plan = levelled(vec![]);
    plan.levels.clear();
    plan.partitions
        .iter_mut()
        .for_each(|partition| partition.level = None);
    plan.partitions[1].macs = plan.partitions[0].macs.clone();
    assert!(
        Plan::decode(&encode(&plan, CARD)).is_ok(),
        "on two segments"
    );
    plan.partitions[1].segments.push(segment(1));
    assert!(matches!(refused(&plan), Kind::DuplicateMac { .. }));
}

#[test]
fn a_plan_for_more_than_the_card_has_is_refused() {
    let many = |count: u8| spec((0..count).map(partition).collect(), vec![]);
    assert!(Plan::decode(&encode(&many(8), CARD)).is_ok());
    assert!(matches!(
        refused(&many(9)),
        Kind::TooManyPartitions { limit: 8, .. }
    ));
    let mut beyond = many(2);
    beyond.partitions[1].pool = Some(PoolId::new(8));
    assert!(matches!(
        refused(&beyond),
        Kind::NoSuchPool { pools: 8, .. }
    ));
    beyond.partitions[1].pool = None;
    assert!(matches!(refused(&beyond), Kind::NoSuchPool { .. }));
    let mut wide = many(1);
    wide.partitions[0].queues = 3;
    assert!(matches!(
        refused(&wide),
        Kind::TooManyQueues { limit: 2, .. }
    ));
    let mut long = many(1);
    long.mtu = 9_707;
    assert!(matches!(refused(&long), Kind::MtuTooLarge { .. }));
    let mut full = many(1);
    full.partitions[0].macs = (0..25).map(|n| Mac::new([2, 0, 0, 0, 1, n])).collect();
    assert!(matches!(
        refused(&full),
        Kind::TooManyMacs { limit: 24, .. }
    ));
}

#[test]
fn a_plan_without_what_every_plan_has_is_refused() {
    let change = |change: &dyn Fn(&mut PlanSpec)| {
        let mut plan = spec(vec![partition(0), partition(1)], vec![]);
        change(&mut plan);
        refused(&plan)
    };
    assert!(matches!(change(&|p| p.workers.clear()), Kind::Empty { .. }));
    assert!(matches!(
        change(&|p| p.partitions.clear()),
        Kind::NoPartition
    ));
    assert!(matches!(
        change(&|p| p.partitions[0].cores.clear()),
        Kind::Empty { .. }
    ));
    assert!(matches!(
        change(&|p| p.partitions[0].segments.clear()),
        Kind::Empty { .. }
    ));
    assert!(matches!(
        change(&|p| p.partitions[0].queues = 0),
        Kind::OutOfRange { .. }
    ));
    assert!(matches!(
        change(&|p| p.partitions[0].weight = 0),
        Kind::OutOfRange { .. }
    ));
    assert!(matches!(
        change(&|p| p.partitions[1].id = id(0)),
        Kind::SharedNumber { .. }
    ));
    let same_pool = |p: &mut PlanSpec| p.partitions[1].pool = p.partitions[0].pool;
    assert!(matches!(change(&same_pool), Kind::SharedNumber { .. }));
    let stranger = |p: &mut PlanSpec| p.flows.push(flow(0, 9));
    assert!(matches!(
        change(&stranger),
        Kind::FlowOfNobody { number: 9 }
    ));
    let name = |p: &mut PlanSpec| p.partitions[0].name = "../x".into();
    assert!(matches!(change(&name), Kind::BadName { .. }));
    let group = |p: &mut PlanSpec| p.partitions[0].macs = vec![Mac::BROADCAST];
    assert!(matches!(change(&group), Kind::BadAddress { .. }));
    let tap = |p: &mut PlanSpec| {
        p.partitions[0].attachment.kind = AttachmentKind::Tap {
            name: "sixteen-letters-".into(),
            netns: None,
            owner: None,
        };
    };
    assert!(matches!(change(&tap), Kind::BadAttachment { .. }));
}

#[test]
fn other_versions_cards_and_limits_are_told_apart() {
    let plan = spec(vec![partition(0)], vec![]);
    let bytes = encode(&plan, CARD);
    let mut newer = bytes[..10].to_vec();
    newer[8] = 2;
    let error = Plan::decode(&newer).unwrap_err();
    assert_eq!(error, DecodeError::Version { found: 2 });
    let says = "the plan has version 2, and this program reads version 1";
    assert_eq!(std::format!("{error}"), says);
    let other = Capabilities {
        card: "82580",
        ..*CARD
    };
    let card = "82580".into();
    let unknown = Plan::decode(&encode(&plan, &other)).unwrap_err();
    assert_eq!(unknown, DecodeError::UnknownCard { card });
    let other = Capabilities { macs: 32, ..*CARD };
    let limits = Plan::decode(&encode(&plan, &other)).unwrap_err();
    assert_eq!(limits, DecodeError::OtherLimits { card: "82576" });
    assert_eq!(Plan::decode(b"[nic]").unwrap_err(), DecodeError::NotAPlan);
    let long = [&bytes[..], &vec![0; Plan::LONGEST_ENCODING]].concat();
    assert_eq!(Plan::decode(&long).unwrap_err(), DecodeError::TooLong);
}
