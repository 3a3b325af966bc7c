//! The frames that are tried, each with a name that says why.

use crate::oracle::{Groups, Scene, Tenant};

/// The address of partition a.
pub const A: [u8; 6] = [0x02, 0x4c, 0x47, 0, 0, 0x0a];
/// The address of partition b.
pub const B: [u8; 6] = [0x02, 0x4c, 0x47, 0, 0, 0x0b];
/// Those of machines outside, one of which there is not.
const OUTSIDE: [u8; 6] = [0x02, 0, 0, 0, 0, 0x77];
const NOBODY: [u8; 6] = [0x02, 0, 0, 0, 0, 0x99];
const BROADCAST: [u8; 6] = [0xff; 6];
const GROUP: [u8; 6] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];
const OTHER_GROUP: [u8; 6] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x09];
const BRIDGES: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];

/// Configuration testing of Ethernet 2. QEMU loses what calls itself IP and is not.
const TEST: u16 = 0x9000;
const MAC_CONTROL: u16 = 0x8808;

/// Who sends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A machine outside.
    Wire,
    /// The partition with this index, on command.
    Partition(usize),
}

/// One frame to try.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it tries.
    pub name: &'static str,
    /// Who sends it.
    pub from: Origin,
    /// The frame.
    pub frame: Vec<u8>,
}

/// `examples/bare/policy.toml` in the oracle's words.
pub fn scene() -> Scene {
    let mut tenants = vec![
        Tenant::new("a", vec![A], vec![0, 10]),
        Tenant::new("b", vec![B], vec![10, 20]),
    ];
    tenants[1].groups = Groups::These(vec![GROUP]);
    Scene {
        mtu: 1500,
        tenants,
        flows: vec![(0, 1)],
    }
}

/// A frame with `bytes` bytes of payload; VID 0 is no tag.
fn frame(dst: [u8; 6], src: [u8; 6], vid: u16, ethertype: u16, bytes: usize) -> Vec<u8> {
    let mut frame = [dst, src].concat();
    if vid != 0 {
        frame.extend([0x81, 0x00]);
        frame.extend(vid.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    // No two payloads are alike by accident, and none is zero, as padding is.
    frame.extend((0..bytes).map(|at| (at as u8 ^ src[5]) | 1));
    frame
}

/// Everything that is tried, in order.
pub fn steps() -> Vec<Step> {
    let mut steps = from_wire();
    steps.extend(from_a());
    steps.extend(from_b());
    steps
}

fn from_wire() -> Vec<Step> {
    let from = |name, frame| Step {
        name,
        from: Origin::Wire,
        frame,
    };
    let plain = |dst, vid| frame(dst, OUTSIDE, vid, TEST, 100);
    vec![
        from("to a, untagged", plain(A, 0)),
        from("to a, VLAN 10", plain(A, 10)),
        from("to b, VLAN 10", plain(B, 10)),
        from("to b, VLAN 20", plain(B, 20)),
        from("to a, as long as may be", frame(A, OUTSIDE, 0, TEST, 1500)),
        from("to a, a byte too long", frame(A, OUTSIDE, 0, TEST, 1501)),
        from("to a, shorter than 60", frame(A, OUTSIDE, 0, TEST, 6)),
        from("to all, VLAN 10", plain(BROADCAST, 10)),
        from("to all, untagged", plain(BROADCAST, 0)),
        from("to b's group, VLAN 20", plain(GROUP, 20)),
        from("to a group of nobody's", plain(OTHER_GROUP, 10)),
        from("to b, untagged", plain(B, 0)),
        from("to a, VLAN 20", plain(A, 20)),
        from("to nobody, VLAN 10", plain(NOBODY, 10)),
        from("to a, VLAN 30", plain(A, 30)),
        from("to a, MAC control", frame(A, OUTSIDE, 0, MAC_CONTROL, 46)),
    ]
}

fn from_a() -> Vec<Step> {
    let from = |name, frame| Step {
        name,
        from: Origin::Partition(0),
        frame,
    };
    let plain = |dst, vid| frame(dst, A, vid, TEST, 100);
    vec![
        from("to outside, untagged", plain(OUTSIDE, 0)),
        from("to outside, VLAN 10", plain(OUTSIDE, 10)),
        from("to outside, shorter than 60", frame(OUTSIDE, A, 0, TEST, 3)),
        from("to b by the flow", plain(B, 10)),
        from("to all, VLAN 10", plain(BROADCAST, 10)),
        from("to b's group, VLAN 10", plain(GROUP, 10)),
        from("to b, untagged", plain(B, 0)),
        from("to b, VLAN 20, not its own", plain(B, 20)),
        from("as b, to outside", frame(OUTSIDE, B, 10, TEST, 100)),
        from("to bridges", plain(BRIDGES, 10)),
        from("MAC control", frame(OUTSIDE, A, 0, MAC_CONTROL, 46)),
        from("a runt", plain(OUTSIDE, 0)[..13].to_vec()),
    ]
}

fn from_b() -> Vec<Step> {
    let from = |name, frame| Step {
        name,
        from: Origin::Partition(1),
        frame,
    };
    let plain = |dst, vid| frame(dst, B, vid, TEST, 100);
    vec![
        from("to outside, VLAN 20", plain(OUTSIDE, 20)),
        from("to a, against the flow", plain(A, 10)),
        from("to all, VLAN 10", plain(BROADCAST, 10)),
        from("as a, to outside", frame(OUTSIDE, A, 10, TEST, 100)),
    ]
}
