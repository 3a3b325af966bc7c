//! The igb driver on the model of an 82576: what QEMU's card cannot show, and what
//! happens when a card misbehaves or goes.

use lockgate_drivers::{Error, Nic, Queues, RingSizes, open};
use lockgate_nicmodel::{Model, Receive};
use lockgate_rss::{HashKinds, Table, Toeplitz, input};
use lockgate_tests::cards;
use lockgate_tests::frames::Frames;
use lockgate_vmdq::Plan;

const POLICY: &str = r#"
[nic]
device = "model:82576"

[[partition]]
name = "red"
macs = ["02:00:00:00:00:01", "02:00:00:00:01:01"]
vlans = [10]
queues = 2
wire = "both"
multicast = ["01:00:5e:00:00:fb"]
rss = { key = "symmetric" }

[[partition]]
name = "blue"
macs = ["02:00:00:00:00:02"]
vlans = [0, 20]
wire = "both"
tx = { rate = "200Mbit/s" }

[[partition]]
name = "deaf"
macs = ["02:00:00:00:00:03"]
vlans = [10]
wire = "out"

[[partition]]
name = "all"
macs = ["02:00:00:00:00:04"]
vlans = [20]
wire = "in"
multicast = "all"
broadcast = false
"#;

const SIZES: RingSizes = RingSizes { rx: 64, tx: 64 };

fn plan() -> Plan {
    cards::plan(POLICY)
}

/// A started card with its link up.
fn started(model: &Model, plan: &Plan) -> (Nic, Queues) {
    let (mut nic, queues) = cards::started(model.card(), plan, SIZES.rx);
    cards::linked(&mut nic);
    (nic, queues)
}

/// A UDP packet to `dst` from station 7, tagged unless `vid` is 0, of flow `flow`.
fn packet(dst: [u8; 6], vid: u16, flow: u16) -> Vec<u8> {
    let mut frame = dst.to_vec();
    frame.extend([2, 0, 0, 0, 0, 7]);
    if vid != 0 {
        frame.extend([0x81, 0, (vid >> 8) as u8, vid as u8]);
    }
    frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(flow.to_be_bytes());
    frame.extend([0, 53, 0, 8, 0, 0]);
    frame.resize(60, 0);
    frame
}

const RED: [u8; 6] = [2, 0, 0, 0, 0, 1];
const BLUE: [u8; 6] = [2, 0, 0, 0, 0, 2];

#[test]
fn flows_spread_over_both_queues_of_a_pool_as_their_hash_says() {
    let model = Model::i82576();
    let plan = plan();
    let (_nic, mut queues) = started(&model, &plan);
    let rss = plan.hardware().rss.as_ref().unwrap();
    let toeplitz = Toeplitz::new(&rss.key);
    let table = Table::round_robin(128, 2);
    let mut used = [0; 2];
    for flow in 0..2000 {
        let frame = packet(RED, 10, flow);
        let hashed = input(&frame, HashKinds::ALL).unwrap();
        let hash = toeplitz.hash(hashed.bytes());
        let expected = table.queue(hash);
        assert_eq!(
            model.receive(&frame),
            Receive::Stored {
                copies: 1,
                missed: 0
            }
        );
        let mut got = Vec::new();
        for queue in &mut queues.rx {
            let (pool, number) = (queue.pool(), queue.queue());
            queue.frames(64, |frame, found| {
                assert_eq!(found.map(|(value, _)| value), Some(hash));
                got.push((pool, number, frame.to_vec()));
                true
            });
        }
        assert_eq!(got, [(0, expected, frame)]);
        used[usize::from(expected)] += 1;
    }
    assert!(used.iter().all(|&frames| frames > 500), "{used:?}");
}

#[test]
fn a_stopped_card_reaches_no_memory_and_its_queues_are_harmless() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    nic.stop().unwrap();
    nic.stop().unwrap();
    assert_eq!(model.receive(&packet(BLUE, 20, 1)), Receive::NotReady);
    assert_eq!(queues.rx[2].frames(64, |_, _| true), 0);
    assert!(queues.tx[0].push(&[0; 60]));
    queues.tx[0].flush();
    assert!(model.transmitted().is_empty());
    let again = nic.start(&plan, SIZES);
    assert!(matches!(again, Err(Error::QueuesInUse)));
    drop(queues);
    let _queues = nic.start(&plan, SIZES).unwrap();
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    assert_eq!((model.fault_count(), model.misuse()), (0, vec![]));
}

#[test]
fn dropping_the_queues_of_a_running_card_leaves_faults_and_no_access() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, queues) = started(&model, &plan);
    drop(queues);
    model.receive(&packet(BLUE, 20, 1));
    assert_ne!(model.fault_count(), 0);
    nic.stop().unwrap();
}

#[test]
fn a_card_that_is_pulled_out_is_gone_and_stopping_it_ends() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    model.unplug();
    assert!(matches!(nic.poll_link(), Err(Error::Gone)));
    assert!(matches!(nic.read_back(), Err(Error::Gone)));
    assert!(matches!(nic.statistics(), Err(Error::Gone)));
    assert!(matches!(nic.stop(), Err(Error::Gone)));
    assert_eq!(queues.rx[0].frames(64, |_, _| true), 0);
}

#[test]
fn without_a_cable_there_is_no_link_until_one_is_plugged_in() {
    let model = Model::i82576();
    model.set_link(false);
    let plan = plan();
    let mut nic = open(model.card()).unwrap();
    let _queues = nic.start(&plan, SIZES).unwrap();
    assert!((0..100).all(|_| !nic.poll_link().unwrap().up));
    model.set_link(true);
    cards::linked(&mut nic);
}

#[test]
fn ring_sizes_that_no_card_has_are_refused_and_leave_it_quiet() {
    let model = Model::i82576();
    let plan = plan();
    let mut nic = open(model.card()).unwrap();
    for rx in [0, 32, 100, 8192] {
        let started = nic.start(&plan, RingSizes { rx, tx: 64 });
        assert!(matches!(started, Err(Error::RingSize { .. })), "{rx}");
    }
    assert_eq!(model.receive(&packet(BLUE, 20, 1)), Receive::NotReady);
}
