//! `Nic::apply` on the models: the registers hold the new plan, and at no moment on the way does
//! a pool get what neither plan allows, or miss what both do.
//!
//! What a plan allows is not computed here: a card of its own is started by it and asked, frame
//! by frame.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use lockgate_drivers::device::{Bar, Card};
use lockgate_drivers::{Error, Nic, Queues, open};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_tests::frames::Frames;
use lockgate_tests::random::Random;
use lockgate_tests::subject::{Kind, Subject, frame};
use lockgate_vmdq::Plan;

const MODELS: [Kind; 3] = [Kind::Model82574, Kind::Model82576, Kind::Model82599];

/// Addresses and VLANs that policies choose from, so that plans have some in common.
const ADDRESSES: u64 = 5;
const VLANS: [u16; 4] = [0, 10, 20, 30];

const GROUPS: [[u8; 6]; 2] = [[1, 0, 0x5e, 0, 0, 0xfb], [1, 0, 0x5e, 0, 0, 0xfc]];

/// An address of a partition; a card keeps the first four octets and the last two apart, and no
/// two addresses have either in common.
fn address(partition: u64, n: u64) -> [u8; 6] {
    let [partition, n] = [partition as u8, n as u8];
    [2, 0, partition, n, partition, n]
}

/// As a policy writes it.
fn text_of(address: [u8; 6]) -> String {
    let octets = address.map(|octet| format!("{octet:02x}"));
    format!("'{}'", octets.join(":"))
}

/// Addresses that nobody has, and that a card takes if an entry counts while one of its halves
/// is empty or another's.
fn half_written() -> Vec<[u8; 6]> {
    let own: Vec<_> = (0..3)
        .flat_map(|p| (0..ADDRESSES).map(move |n| address(p, n)))
        .collect();
    let others = own.iter().cycle().skip(1);
    let empty = own.iter().map(|own| [0, 0, 0, 0, own[4], own[5]]);
    let mixed = own
        .iter()
        .zip(others)
        .map(|(low, high)| [low[0], low[1], low[2], low[3], high[4], high[5]]);
    empty.chain(mixed).collect()
}

/// Three partitions of one shape: what differs is all that may change while a card runs.
fn policy(random: &mut Random, kind: Kind) -> String {
    let mut text = "[nic]\ndevice = 'model:82576'\n".to_owned();
    for p in 0..3 {
        let mut macs = vec![text_of(address(p, 0))];
        for n in 1..ADDRESSES {
            if random.once_in(2) {
                macs.push(text_of(address(p, n)));
            }
        }
        let mut vlans: Vec<_> = VLANS.into_iter().filter(|_| random.once_in(2)).collect();
        if vlans.is_empty() {
            vlans.push(random.among(&VLANS));
        }
        let multicast = random.among(&["[]", "['01:00:5e:00:00:fb']", "['01:00:5e:00:00:fc']"]);
        let broadcast = random.once_in(2);
        write!(
            text,
            "[[partition]]\nname = 'p{p}'\nmacs = [{}]\nvlans = {vlans:?}\nwire = 'both'\n\
             broadcast = {broadcast}\nmulticast = {multicast}\n",
            macs.join(", "),
        )
        .unwrap();
        if kind.has_pools() {
            let (weight, rate) = (1 + random.below(9), 10 + random.below(900));
            writeln!(text, "tx = {{ weight = {weight}, rate = '{rate}Mbit/s' }}").unwrap();
        }
    }
    text
}

/// A frame to each address and group on each VLAN.
fn probes() -> Vec<Vec<u8>> {
    let unicast = (0..3).flat_map(|p| (0..ADDRESSES).map(move |n| address(p, n)));
    let all: Vec<_> = unicast
        .chain(half_written())
        .chain(GROUPS)
        .chain([[0xff; 6]])
        .collect();
    VLANS
        .into_iter()
        .flat_map(|vid| {
            let tag = Some(vid).filter(|&vid| vid != 0);
            all.iter().map(move |&to| frame(to, 0xee, tag, 64))
        })
        .collect()
}

/// The pools that a frame comes out of.
fn pools_of(model: &Model, queues: &mut Queues, frame: &[u8]) -> BTreeSet<u8> {
    model.receive(frame);
    let mut pools = BTreeSet::new();
    for queue in &mut queues.rx {
        let pool = queue.pool();
        if queue.frames(usize::MAX, |_, _| true) > 0 {
            pools.insert(pool);
        }
    }
    pools
}

/// What a card that was started by `plan` does with each probe.
fn allowed(kind: Kind, plan: &Plan) -> Vec<BTreeSet<u8>> {
    let subject = Subject::new(kind);
    let (mut nic, mut queues) = cards::started(subject.card(), plan, 64);
    cards::linked(&mut nic);
    let model = subject.model().unwrap();
    probes()
        .iter()
        .map(|frame| pools_of(model, &mut queues, frame))
        .collect()
}

/// What every probe may and must do while a card changes.
struct Bounds {
    at_most: Vec<BTreeSet<u8>>,
    at_least: Vec<BTreeSet<u8>>,
}

/// The registers of a model that is asked about every probe after each write.
struct Watched {
    model: Model,
    bar: Arc<dyn Bar>,
    queues: Mutex<Option<(Queues, Bounds)>>,
    /// A probe is on its way: what is written now is a doorbell.
    probing: AtomicBool,
    writes: AtomicU64,
}

impl Watched {
    fn probe(&self, offset: u32) {
        let mut queues = self.queues.lock().unwrap();
        let Some((queues, bounds)) = queues.as_mut() else {
            return;
        };
        for (n, frame) in probes().iter().enumerate() {
            let pools = pools_of(&self.model, queues, frame);
            let (most, least) = (&bounds.at_most[n], &bounds.at_least[n]);
            assert!(
                pools.is_subset(most) && pools.is_superset(least),
                "after {offset:#x}: {:02x?} to pools {pools:?}, not within {least:?} and {most:?}",
                &frame[..18]
            );
        }
    }
}

impl Bar for Watched {
    fn read(&self, offset: u32) -> u32 {
        self.bar.read(offset)
    }

    fn write(&self, offset: u32, value: u32) {
        self.bar.write(offset, value);
        if !self.probing.swap(true, Relaxed) {
            self.writes.fetch_add(1, Relaxed);
            self.probe(offset);
            self.probing.store(false, Relaxed);
        }
    }

    fn flush(&self) {
        self.bar.flush();
    }
}

/// A card of `kind`, started by `plan`, that can be watched.
fn watched(kind: Kind, plan: &Plan) -> (Subject, Arc<Watched>, Nic, Queues) {
    let subject = Subject::new(kind);
    let card = subject.card();
    let watched = Arc::new(Watched {
        model: subject.model().unwrap().clone(),
        bar: card.bar.clone(),
        queues: Mutex::default(),
        probing: AtomicBool::new(false),
        writes: AtomicU64::new(0),
    });
    let card = Card {
        bar: watched.clone(),
        ..card
    };
    let (mut nic, queues) = cards::started(card, plan, 64);
    cards::linked(&mut nic);
    (subject, watched, nic, queues)
}

#[test]
fn from_any_plan_to_any_other_the_registers_hold_the_other() {
    for kind in MODELS {
        let mut random = Random::new(Random::seed("LOCKGATE_SEED"));
        let first = kind.plan(&policy(&mut random, kind));
        let (subject, _, mut nic, _queues) = watched(kind, &first);
        for step in 0..40 {
            let text = policy(&mut random, kind);
            let plan = kind.plan(&text);
            nic.apply(&plan).unwrap();
            let held = nic.read_back().unwrap();
            assert!(held == *plan.hardware(), "{kind:?}, step {step}:\n{text}");
        }
        assert_eq!(subject.model().unwrap().misuse(), []);
    }
}

#[test]
fn at_no_moment_does_a_pool_get_what_neither_plan_allows_or_miss_what_both_do() {
    for kind in MODELS {
        let mut random = Random::new(Random::seed("LOCKGATE_SEED"));
        let mut asked = BTreeMap::new();
        for _ in 0..6 {
            let texts = [policy(&mut random, kind), policy(&mut random, kind)];
            let [old, new] = texts.each_ref().map(|text| kind.plan(text));
            let [before, after] = [&old, &new].map(|plan| allowed(kind, plan));
            let pairs = || before.iter().zip(&after);
            let bounds = Bounds {
                at_most: pairs().map(|(old, new)| old | new).collect(),
                at_least: pairs().map(|(old, new)| old & new).collect(),
            };
            let (subject, watched, mut nic, queues) = watched(kind, &old);
            *watched.queues.lock().unwrap() = Some((queues, bounds));
            watched.writes.store(0, Relaxed);
            nic.apply(&new).unwrap();
            *watched.queues.lock().unwrap() = None;
            asked.insert(texts, watched.writes.load(Relaxed));
            assert_eq!(subject.model().unwrap().misuse(), []);
        }
        assert!(asked.values().all(|&writes| writes > 5), "{kind:?}");
    }
}

#[test]
fn what_a_running_card_cannot_change_is_refused_before_anything_is_written() {
    let base = "[nic]\ndevice = 'model:82576'\nMTU\n\
                [[partition]]\nname = 'a'\nmacs = ['02:00:00:00:00:01']\nvlans = [10]\nRSS\n\
                [[partition]]\nname = 'b'\nmacs = ['02:00:00:00:00:02']\nvlans = [20]\n\
                wire = 'WIRE'\n";
    let text = |mtu: &str, wire: &str, rss: &str| {
        base.replace("MTU", mtu)
            .replace("WIRE", wire)
            .replace("RSS", rss)
    };
    let (two, symmetric) = ("queues = 2", "queues = 2\nrss = { key = 'symmetric' }");
    for kind in MODELS {
        let first = kind.plan(&text("", "both", two));
        let (_, watched, mut nic, _queues) = watched(kind, &first);
        watched.writes.store(0, Relaxed);
        let mut others = vec![(text("mtu = 9000", "both", two), "MTU")];
        if kind.has_pools() {
            others.push((text("", "out", two), "queues"));
            others.push((text("", "both", symmetric), "hash"));
        }
        for (other, word) in others {
            let refused = nic.apply(&kind.plan(&other)).unwrap_err();
            assert!(matches!(refused, Error::NeedsReset { .. }), "{refused}");
            let message = refused.to_string();
            assert!(message.contains(word), "{kind:?}: {message}");
        }
        assert_eq!(watched.writes.load(Relaxed), 0, "{kind:?}");
        assert!(nic.read_back().unwrap() == *first.hardware(), "{kind:?}");
    }
}

#[test]
fn a_card_that_is_not_started_has_nothing_to_change() {
    let kind = Kind::Model82576;
    let plan = kind.plan(&policy(&mut Random::new(1), kind));
    let subject = Subject::new(kind);
    let mut nic = open(subject.card()).unwrap();
    assert!(matches!(nic.apply(&plan), Err(Error::NotStarted)));
    let queues = nic.start(&plan, lockgate_drivers::RingSizes { rx: 64, tx: 64 });
    assert!(queues.is_ok() && nic.apply(&plan).is_ok());
    nic.stop().unwrap();
    assert!(matches!(nic.apply(&plan), Err(Error::NotStarted)));
}
