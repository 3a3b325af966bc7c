//! RSS: hash value and queue of every kind of packet, against the published vectors.
//!
//! Source: "Verifying the RSS Hash Calculation", Windows driver documentation.

use std::net::IpAddr;

use lockgate_rss::HashKind;
use lockgate_tests::subject::{Bench, Kind};

use super::{Feature, everywhere};

pub(crate) fn features() -> Vec<Feature> {
    vec![everywhere("RSS hash and queue of every kind", vectors)]
}

/// Destination, source, hash of addresses alone, hash with ports.
type Vector = (&'static str, u16, &'static str, u16, u32, u32);

const VECTORS: [Vector; 8] = [
    (
        "161.142.100.80",
        1766,
        "66.9.149.187",
        2794,
        0x323e_8fc2,
        0x51cc_c178,
    ),
    (
        "65.69.140.83",
        4739,
        "199.92.111.2",
        14230,
        0xd718_262a,
        0xc626_b0ea,
    ),
    (
        "12.22.207.184",
        38024,
        "24.19.198.95",
        12898,
        0xd2d0_a5de,
        0x5c2b_394a,
    ),
    (
        "209.142.163.6",
        2217,
        "38.27.205.30",
        48228,
        0x8298_9176,
        0xafc7_327f,
    ),
    (
        "202.188.127.2",
        1303,
        "153.39.163.191",
        44251,
        0x5d18_09c5,
        0x10e8_28a2,
    ),
    (
        "3ffe:2501:200:3::1",
        1766,
        "3ffe:2501:200:1fff::7",
        2794,
        0x2cc1_8cd5,
        0x4020_7d3d,
    ),
    (
        "ff02::1",
        4739,
        "3ffe:501:8::260:97ff:fe40:efab",
        14230,
        0x0f0c_461c,
        0xdde5_1bbf,
    ),
    (
        "fe80::200:f8ff:fe21:67cf",
        38024,
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
        44251,
        0x4b61_e985,
        0x02d1_feef,
    ),
];

/// TCP, UDP, and a protocol without ports (IANA: 253, experiments).
const PROTOCOLS: [u8; 3] = [6, 17, 253];

/// MRQC and RSS over all queues, without pools (82576 datasheet, chapter 8).
const MRQC: u32 = 0x5818;
const MRQC_RSS: u32 = 2;

const POLICY: &str = r#"
[nic]
device = "model:82576"
workers = [0, 1]
[[partition]]
name = "red"
macs = ["02:00:00:00:00:01"]
queues = 2
wire = "in"
"#;

/// A packet of `protocol` to `dst` and its port from `src` and its port.
fn packet(protocol: u8, (dst, dst_port, src, src_port): (&str, u16, &str, u16)) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9];
    let payload = 20_u16;
    match (dst.parse().unwrap(), src.parse().unwrap()) {
        (IpAddr::V4(dst), IpAddr::V4(src)) => {
            frame.extend([8, 0, 0x45, 0]);
            frame.extend((20 + payload).to_be_bytes());
            frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
            frame.extend([src.octets(), dst.octets()].concat());
        }
        (IpAddr::V6(dst), IpAddr::V6(src)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(payload.to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend([src.octets(), dst.octets()].concat());
        }
        _ => panic!("both ends speak the same protocol"),
    }
    frame.extend([src_port.to_be_bytes(), dst_port.to_be_bytes()].concat());
    // Data offset of TCP and length of UDP; nobody looks at checksums.
    let rest: &[u8] = if protocol == 17 {
        &[0, 20, 0, 0]
    } else {
        &[0; 8]
    };
    frame.extend(rest);
    frame.extend([0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    frame.resize(frame.len().max(74), 0);
    frame
}

/// What the card hashes of `protocol` over IPv4 or IPv6.
fn hashed(kind: Kind, v6: bool, protocol: u8) -> HashKind {
    match (v6, protocol) {
        (false, 6) => HashKind::Ipv4Tcp,
        (true, 6) => HashKind::Ipv6Tcp,
        (false, 17) if kind.has_pools() => HashKind::Ipv4Udp,
        (true, 17) if kind.has_pools() => HashKind::Ipv6Udp,
        (false, _) => HashKind::Ipv4,
        (true, _) => HashKind::Ipv6,
    }
}

fn vectors(kind: Kind) {
    let mut bench = Bench::start(kind, POLICY, 64);
    if kind == Kind::QemuIgb {
        // It never hashes while pools are on. Without them it judges the key, the table
        // and the kinds that the driver has programmed: the pool's second queue, 8, is
        // what entries with bit 3 name.
        let bar = bench.subject.card().bar;
        bar.write(MRQC, bar.read(MRQC) & !7 | MRQC_RSS);
        bar.flush();
    }
    let table = &bench.plan.hardware().rss.as_ref().unwrap().table.clone();
    let mut queues = [0; 2];
    for (dst, dst_port, src, src_port, addresses, ports) in VECTORS {
        for protocol in PROTOCOLS {
            let frame = packet(protocol, (dst, dst_port, src, src_port));
            let arrivals = bench.exchange([&frame]);
            assert_eq!(arrivals.len(), 1);
            let what = hashed(kind, dst.contains(':'), protocol);
            let plain = matches!(what, HashKind::Ipv4 | HashKind::Ipv6);
            let hash = if plain { addresses } else { ports };
            assert_eq!(arrivals[0].hash, Some(hash), "{dst} {protocol}");
            assert_eq!(
                arrivals[0].queue,
                table[hash as usize % table.len()],
                "{dst} {protocol}"
            );
            queues[usize::from(arrivals[0].queue)] += 1;
        }
    }
    assert!(
        queues.iter().all(|&frames| frames > 4),
        "both queues are used: {queues:?}"
    );
    let mut arp = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6];
    arp.resize(60, 0);
    let arrivals = bench.exchange([&arp]);
    assert_eq!(
        (arrivals[0].queue, arrivals[0].hash),
        (0, None),
        "what is no IP is not hashed"
    );
}
