//! The igb driver on QEMU's 82576, driven from outside: the registers hold the plan,
//! frames travel both ways, and a stopped card is quiet.
//!
//! What QEMU's card cannot show (RSS inside a pool, anti-spoof, drops for want of
//! descriptors) is tested on the model.

use std::time::{Duration, Instant};

use lockgate_drivers::{Nic, Queues, RingSizes};
use lockgate_tests::cards;
use lockgate_tests::qemu::Qemu;
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
"#;

const LIMIT: Duration = Duration::from_secs(10);

fn plan() -> Plan {
    cards::plan(POLICY)
}

fn started(qemu: &Qemu, plan: &Plan) -> (Nic, Queues) {
    cards::started(qemu.card(), plan, 64)
}

/// Ethernet to `dst` from `src`, tagged unless `vid` is 0, numbered in its payload.
fn frame(dst: u16, src: u16, vid: u16, number: u32) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, (dst >> 8) as u8, dst as u8];
    frame.extend([2, 0, 0, 0, (src >> 8) as u8, src as u8]);
    if vid != 0 {
        frame.extend([0x81, 0, (vid >> 8) as u8, vid as u8]);
    }
    frame.extend([0x88, 0xb5]);
    frame.extend(number.to_be_bytes());
    frame.resize(60 + number as usize % 1400, 0x5a);
    frame
}

/// What the queues of each pool hold, taken out.
fn receive(queues: &mut Queues) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    for queue in &mut queues.rx {
        let shown = queue.poll(64);
        for index in 0..shown {
            let frame = queue.frame(index).unwrap();
            frames.push((queue.pool(), frame.bytes.to_vec()));
        }
        queue.rearm(shown);
    }
    frames
}

fn link(nic: &mut Nic) {
    cards::linked(nic);
    assert_eq!(nic.link().unwrap().mbit, 1000);
}

#[test]
fn the_registers_hold_the_plan_after_every_start() {
    let qemu = Qemu::igb();
    let plan = plan();
    let (mut nic, queues) = started(&qemu, &plan);
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    drop(queues);
    let queues = nic.start(&plan, RingSizes::default()).unwrap();
    link(&mut nic);
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    assert_eq!(queues.rx.len(), 3);
    // FCRTL, FCRTH, RFCE and TFCE: negotiation must not bring pause frames back.
    assert_eq!((qemu.read(0x2160), qemu.read(0x2168)), (0, 0));
    assert_eq!(qemu.read(0) >> 27 & 3, 0);
}

#[test]
fn frames_reach_the_pool_of_their_address_and_vlan_and_no_other() {
    let qemu = Qemu::igb();
    let plan = plan();
    let (mut nic, mut queues) = started(&qemu, &plan);
    link(&mut nic);
    let mut expected = Vec::new();
    for number in 0..400 {
        let (dst, vid, pool) = match number % 8 {
            0 => (1, 10, Some(0)),
            1 => (0x101, 10, Some(0)),
            2 => (2, 20, Some(1)),
            3 => (2, 0, Some(1)),
            4 => (1, 20, None),
            5 => (1, 0, None),
            6 => (3, 10, None),
            _ => (9, 10, None),
        };
        let frame = frame(dst, 7, vid, number);
        qemu.send(&frame).unwrap();
        expected.extend(pool.map(|pool| (pool, frame)));
        if number % 16 == 15 {
            qemu.settle().unwrap();
            let mut got = receive(&mut queues);
            got.sort();
            expected.sort();
            assert_eq!(got, expected);
            expected.clear();
        }
    }
    let counted = nic.statistics().unwrap();
    assert_eq!(counted.rx_good, 200);
    assert_eq!(nic.statistics().unwrap().rx_good, 0, "a difference, not a sum");
}

#[test]
fn frames_leave_in_order_and_their_buffers_come_back() {
    let qemu = Qemu::igb();
    let plan = plan();
    let (mut nic, mut queues) = started(&qemu, &plan);
    link(&mut nic);
    let queue = &mut queues.tx[0];
    let mut number = 0;
    for burst in [1, 7, 32, 63, 2, 63, 40] {
        for _ in 0..burst {
            let frame = frame(9, 1, 10, number);
            queue.buffer().unwrap()[..frame.len()].copy_from_slice(&frame);
            assert!(queue.push(frame.len()));
            number += 1;
        }
        queue.flush();
        let deadline = Instant::now() + LIMIT;
        while queue.free() < 63 {
            assert!(Instant::now() < deadline);
        }
        for sent in number - burst..number {
            let left = qemu.receive(LIMIT).unwrap();
            assert_eq!(left, Some(frame(9, 1, 10, sent)));
        }
    }
}

#[test]
fn a_stopped_card_is_quiet_and_starts_again() {
    let qemu = Qemu::igb();
    let plan = plan();
    let (mut nic, queues) = started(&qemu, &plan);
    link(&mut nic);
    nic.stop().unwrap();
    nic.stop().unwrap();
    for queue in 0..16 {
        assert_eq!(qemu.read(0xC028 + 0x40 * queue) >> 25 & 1, 0, "RXDCTL");
        assert_eq!(qemu.read(0xE028 + 0x40 * queue) >> 25 & 1, 0, "TXDCTL");
    }
    assert_eq!(qemu.config(4).unwrap() & 0b100, 0, "bus master");
    let again = nic.start(&plan, RingSizes::default());
    assert!(again.is_err(), "the old queues are still there");
    drop(queues);
    let mut queues = nic.start(&plan, RingSizes::default()).unwrap();
    link(&mut nic);
    let frame = frame(2, 7, 0, 1);
    qemu.send(&frame).unwrap();
    qemu.settle().unwrap();
    assert_eq!(receive(&mut queues), [(1, frame)]);
    drop(nic);
    assert_eq!(qemu.config(4).unwrap() & 0b100, 0, "bus master, after drop");
}

#[test]
fn a_card_that_dies_is_reported_as_gone() {
    let qemu = Qemu::igb();
    let plan = plan();
    let (mut nic, mut queues) = started(&qemu, &plan);
    qemu.kill();
    assert!(matches!(nic.link(), Err(lockgate_drivers::Error::Gone)));
    assert!(matches!(nic.stop(), Err(lockgate_drivers::Error::Gone)));
    assert_eq!(queues.rx[0].poll(64), 0);
    assert!(queues.tx[0].push(60));
    queues.tx[0].flush();
}
