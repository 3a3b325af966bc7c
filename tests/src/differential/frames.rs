//! Random frames: by hand, and out of captures with other addresses.

use super::program::{ADDRESSES, GROUPS, VLANS};
use crate::random::Random;

/// The longest frame, in bytes.
const LONGEST: u64 = 9_700;

/// `count` frames, a third of them out of `captured`.
pub fn frames(random: &mut Random, captured: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|_| {
            let mut frame = match captured.len() {
                0 => made(random),
                _ if random.below(3) > 0 => made(random),
                known => captured[random.below(known as u64) as usize].clone(),
            };
            if frame.len() >= 14 && !random.once_in(10) {
                frame[..6].copy_from_slice(&destination(random));
                frame[6..12].copy_from_slice(&octets(random.among(&ADDRESSES)));
            }
            if !random.once_in(3) && frame.len() >= 14 {
                retag(random, &mut frame);
            }
            frame
        })
        .collect()
}

fn octets(mac: u64) -> [u8; 6] {
    let [_, _, octets @ ..] = mac.to_be_bytes();
    octets
}

fn destination(random: &mut Random) -> [u8; 6] {
    match random.below(12) {
        0 | 1 => [0xff; 6],
        2..5 => octets(random.among(&GROUPS)),
        5..11 => octets(random.among(&ADDRESSES)),
        _ => octets(random.word() & 0xffff_ffff_ffff),
    }
}

/// Puts a tag in front of the type, or another one in the place of the first.
fn retag(random: &mut Random, frame: &mut Vec<u8>) {
    let vid = random.among(&VLANS) as u16 | (random.below(8) as u16) << 13;
    let [high, low] = vid.to_be_bytes();
    if frame[12..14] == [0x81, 0] && frame.len() > 18 && random.once_in(2) {
        (frame[14], frame[15]) = (high, low);
    } else {
        frame.splice(12..12, [0x81, 0, high, low]);
    }
}

/// A frame by hand: of IPv4 or IPv6 with TCP, UDP or something else, or of no known type.
fn made(random: &mut Random) -> Vec<u8> {
    let mut frame = vec![0; 12];
    match random.below(5) {
        0 | 1 => ipv4(random, &mut frame),
        2 | 3 => ipv6(random, &mut frame),
        _ => frame.extend((0x88b5 + random.below(3) as u16).to_be_bytes()),
    }
    let length = match random.below(8) {
        0 => 14 + random.below(60),
        1 => random.among(&[60, 64, 1514, 1515, 1518, 1519, 1522, 2048, 4096]),
        2 => 1500 + random.below(LONGEST - 1500),
        _ => 60 + random.below(1400),
    };
    let head = frame.len();
    frame.resize(head.max(length as usize), 0);
    frame[head..]
        .iter_mut()
        .for_each(|byte| *byte = random.word() as u8);
    frame
}

fn protocol(random: &mut Random) -> u8 {
    random.among(&[6, 6, 17, 17, 1, 253])
}

fn ipv4(random: &mut Random, frame: &mut Vec<u8>) {
    let protocol = protocol(random);
    let options = if random.once_in(5) {
        random.below(4) as u8
    } else {
        0
    };
    // No fragments: whether the first one's ports count differs (`known`).
    frame.extend([
        8,
        0,
        0x45 + options,
        0,
        0,
        40 + 4 * options,
        0,
        7,
        0x40,
        0,
        64,
        protocol,
        0,
        0,
    ]);
    (0..8).for_each(|_| frame.push(random.below(4) as u8));
    (0..4 * options).for_each(|_| frame.push(1));
    transport(random, frame, protocol);
}

fn ipv6(random: &mut Random, frame: &mut Vec<u8>) {
    let protocol = protocol(random);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, protocol, 64]);
    (0..32).for_each(|_| frame.push(random.below(4) as u8));
    transport(random, frame, protocol);
}

/// Ports, and the rest of a header of TCP or UDP.
fn transport(random: &mut Random, frame: &mut Vec<u8>, protocol: u8) {
    frame.extend((random.below(1 << 32) as u32).to_be_bytes());
    match protocol {
        17 => frame.extend([0, 20, 0, 0]),
        _ => frame.extend([0; 8]),
    }
    frame.extend([0x50, 0x10, 0, 9, 0, 0, 0, 0]);
}
