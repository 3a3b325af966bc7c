//! The igb driver on the model of an 82576: what QEMU's card cannot show, and what
//! happens when a card misbehaves or goes.

use lockgate_drivers::{BadDescriptor, Error, Nic, Queues, RingSizes, open};
use lockgate_nicmodel::{Model, Receive};
use lockgate_rss::{HashKinds, Table, Toeplitz, input};
use lockgate_tests::cards;
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
fn the_registers_hold_the_plan_right_after_the_start() {
    let model = Model::i82576();
    let plan = plan();
    let mut nic = open(model.card()).unwrap();
    let _queues = nic.start(&plan, SIZES).unwrap();
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    assert_eq!(model.misuse(), []);
}

#[test]
fn a_register_changed_behind_the_driver_is_seen() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, _queues) = started(&model, &plan);
    let bar = model.card().bar;
    // VT_CTL, RCTL, DTXSWC, VMOLR 0 and 7, VLVF 9, VFTA 0, RAH 5, MRQC, RETA 3, MTA 1,
    // VFRE, VFTE, VMVIR 0, VLVF 0, VFTA 31, RAL 7, UTA 9, QDE, RPLOLR, VT_CTL, RXCSUM,
    // RFCTL: each with one bit turned over.
    let changes = [
        (0x581C, 1 << 29),
        (0x0100, 1 << 3),
        (0x3500, 1 << 31),
        (0x3500, 1),
        (0x5AD0, 1 << 29),
        (0x5AD0, 1 << 28),
        (0x5AD0, 1 << 30),
        (0x5AEC, 1 << 27),
        (0x5D24, 1 << 31 | 1 << 12 | 30),
        (0x5600, 1 << 30),
        (0x5600, 1 << 10),
        (0x542C, 1 << 31),
        (0x5818, 1 << 19),
        (0x5C0C, 1),
        (0x5204, 1),
        (0x0C8C, 1 << 2),
        (0x0C90, 1 << 3),
        (0x3700, 1 << 30),
        (0x5D00, 1 << 20),
        (0x567C, 1),
        (0x5438, 1),
        (0xA024, 1),
        (0x2408, 1),
        (0x5AF0, 1 << 30),
        (0x581C, 1 << 28),
        (0x5000, 1 << 13),
        (0x5008, 1 << 16),
    ];
    for (register, bits) in changes {
        let before = bar.read(register);
        bar.write(register, before ^ bits);
        let differs = nic.read_back().unwrap() != *plan.hardware();
        assert!(differs, "{register:#x} bit {bits:#x}");
        bar.write(register, before);
    }
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
}

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
        assert_eq!(model.receive(&frame), Receive::Stored { copies: 1, missed: 0 });
        let mut got = Vec::new();
        for queue in &mut queues.rx {
            let shown = queue.poll(64);
            for index in 0..shown {
                let frame = queue.frame(index).unwrap();
                assert_eq!(frame.hash.map(|hash| hash.value), Some(hash));
                got.push((queue.pool(), queue.queue(), frame.bytes.to_vec()));
            }
            queue.rearm(shown);
        }
        assert_eq!(got, [(0, expected, frame)]);
        used[usize::from(expected)] += 1;
    }
    assert!(used.iter().all(|&frames| frames > 500), "{used:?}");
}

#[test]
fn a_partition_that_does_not_drain_loses_its_own_frames_and_nobody_elses() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    for _ in 0..100 {
        model.receive(&packet(RED, 10, 1));
    }
    for _ in 0..50 {
        model.receive(&packet(BLUE, 20, 1));
    }
    let shown: Vec<_> = queues.rx.iter_mut().map(|queue| queue.poll(64)).collect();
    let red: usize = shown[..2].iter().sum();
    assert_eq!((red, shown[2]), (63, 50));
    let counted = nic.statistics().unwrap();
    assert_eq!(counted.rx_no_descriptor[..2], [37, 0]);
}

#[test]
fn oversized_frames_are_filtered_and_counted_and_never_span_buffers() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    let mut frame = packet(BLUE, 20, 1);
    frame.resize(1518, 1);
    model.receive(&frame);
    frame.resize(1519, 1);
    model.receive(&frame);
    frame.resize(9000, 1);
    model.receive(&frame);
    let queue = &mut queues.rx[2];
    assert_eq!(queue.poll(64), 1);
    assert_eq!(queue.frame(0).unwrap().bytes, &frame[..1518]);
    assert_eq!(queue.frame(1), Err(BadDescriptor::NotShown));
    assert_eq!(nic.statistics().unwrap().rx_oversize, 2);
}

#[test]
fn the_card_refuses_to_send_for_another_partition() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    let own = |frame: &mut Vec<u8>| frame[6..12].copy_from_slice(&BLUE);
    let mut frames = [packet(RED, 20, 1), packet(RED, 20, 2), packet(RED, 10, 3)];
    own(&mut frames[1]);
    own(&mut frames[2]);
    let blue = queues.tx.iter_mut().find(|queue| queue.pool() == 1).unwrap();
    for frame in &frames {
        blue.buffer().unwrap()[..60].copy_from_slice(frame);
        assert!(blue.push(60));
    }
    blue.flush();
    assert_eq!(blue.free(), 63);
    assert_eq!(model.transmitted(), [frames[1].clone()]);
    assert_eq!(nic.statistics().unwrap().tx_spoofed, 2);
}

#[test]
fn a_stopped_card_reaches_no_memory_and_its_queues_are_harmless() {
    let model = Model::i82576();
    let plan = plan();
    let (mut nic, mut queues) = started(&model, &plan);
    nic.stop().unwrap();
    nic.stop().unwrap();
    assert_eq!(model.receive(&packet(BLUE, 20, 1)), Receive::NotReady);
    assert_eq!(queues.rx[2].poll(64), 0);
    assert!(queues.tx[0].push(60));
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
    assert!(matches!(nic.link(), Err(Error::Gone)));
    assert!(matches!(nic.read_back(), Err(Error::Gone)));
    assert!(matches!(nic.statistics(), Err(Error::Gone)));
    assert!(matches!(nic.stop(), Err(Error::Gone)));
    assert_eq!(queues.rx[0].poll(64), 0);
}

#[test]
fn without_a_cable_there_is_no_link_until_one_is_plugged_in() {
    let model = Model::i82576();
    model.set_link(false);
    let plan = plan();
    let mut nic = open(model.card()).unwrap();
    let _queues = nic.start(&plan, SIZES).unwrap();
    assert!((0..100).all(|_| !nic.link().unwrap().up));
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
