//! Transmit offloads: checksums put in, and one long packet cut into segments.
//!
//! A context says where the headers are, the first data descriptor of a frame what to
//! do with them; both come from the driver, and neither is believed: headers that the
//! frame does not have make the whole request a [`BadOffload`]. As on the cards, a sum
//! starts from what software left in its field: nothing in IPv4, the sum of the pseudo
//! header (without the length, if the card is to cut) in TCP and UDP.
//!
//! Not here: reading descriptors and frames, and tags (each card).

use lockgate_regs::descriptor::TxData;

/// POPTS: insert the checksum of the IPv4 header.
const IXSM: u8 = 1 << 0;
/// POPTS: insert the checksum of TCP, UDP or SCTP.
const TXSM: u8 = 1 << 1;

/// The most bytes of one packet that is to be cut: all that PAYLEN can say.
pub(crate) const LONGEST_UNCUT: usize = 1 << 18;

/// The smallest segments that the model cuts, in bytes. No host asks for less, and
/// a descriptor cannot make the model work for a frame per byte.
const SMALLEST_SEGMENT: usize = 32;

/// TCP flags: congestion window reduced, which the first segment says.
const CWR: u8 = 0x80;
/// TCP flags: push and finish, which the last segment says.
const PSH_FIN: u8 = 0x09;

/// A frame is not what its offload request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadOffload;

/// What a context says is above IP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Transport {
    #[default]
    Udp,
    Tcp,
    Sctp,
    Unknown,
}

/// What a card knows of the headers of the frames to come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    tag: u16,
    /// Where the IP header begins, in bytes (MACLEN).
    network: usize,
    /// Where what is above IP begins (MACLEN and IPLEN).
    transport: usize,
    /// Where the payload begins, if the packet is cut (with L4LEN).
    payload: usize,
    ipv4: bool,
    kind: Transport,
    /// Payload bytes of a segment (MSS).
    segment: usize,
}

impl Context {
    /// Reads both quadwords of a context descriptor (chapter 7 of the 82576 and 82599
    /// datasheets).
    pub(crate) fn new(first: u64, second: u64) -> Self {
        // IPLEN 8:0, MACLEN 15:9, VLAN 31:16; IPV4 10, L4T 12:11, L4LEN 47:40, MSS 63:48.
        let field = |word: u64, low: u32, bits: u32| ((word >> low) & ((1 << bits) - 1)) as usize;
        let network = field(first, 9, 7);
        let transport = network + field(first, 0, 9);
        Self {
            tag: (first >> 16) as u16,
            network,
            transport,
            payload: transport + field(second, 40, 8),
            ipv4: field(second, 10, 1) == 1,
            kind: match field(second, 11, 2) {
                0 => Transport::Udp,
                1 => Transport::Tcp,
                2 => Transport::Sctp,
                _ => Transport::Unknown,
            },
            segment: field(second, 48, 16),
        }
    }

    /// Reads both quadwords of a context descriptor of the older kind (82574 datasheet,
    /// chapter 7), which names the places of headers and sums instead of lengths.
    pub(crate) fn of_places(first: u64, second: u64) -> Self {
        // IPCSE 31:16, TUCSS 39:32, TUCSO 47:40; TCP 24, IP 25, TSE 26, HDRLEN 47:40,
        // MSS 63:48.
        let byte = |word: u64, low: u32| ((word >> low) & 0xFF) as usize;
        let bit = |low: u32| second >> low & 1 == 1;
        let after_ip = (first >> 16 & 0xFFFF) as usize + 1;
        let transport = match byte(first, 32) {
            0 => after_ip,
            place => place,
        };
        let kind = match byte(first, 40).checked_sub(transport) {
            Some(16) => Transport::Tcp,
            Some(6) => Transport::Udp,
            _ => Transport::Unknown,
        };
        Self {
            tag: 0,
            network: byte(first, 0),
            transport,
            payload: byte(second, 40),
            // Only whoever cuts needs to know; IPv6 has no sum to insert.
            ipv4: bit(25) || !bit(26),
            kind,
            segment: (second >> 48) as usize,
        }
    }

    /// The VLAN tag of the context.
    pub(crate) fn tag(&self) -> u16 {
        self.tag
    }

    /// Bytes of all headers of a packet that is cut, which PAYLEN does not count.
    pub(crate) fn headers(&self) -> usize {
        self.payload
    }
}

/// Makes of `frame` the frames that leave: with the checksums that `first` asks for,
/// and cut into segments if it says so.
///
/// # Errors
/// [`BadOffload`], when the frame has not the headers that `context` describes.
pub(crate) fn apply(
    frame: Vec<u8>,
    first: TxData,
    context: &Context,
) -> Result<Vec<Vec<u8>>, BadOffload> {
    let options = first.options();
    if options & !(IXSM | TXSM) != 0 {
        return Err(BadOffload);
    }
    if first.segment() {
        return cut(&frame, options, context);
    }
    let mut frame = frame;
    insert_checksums(&mut frame, options, context, 0)?;
    Ok(vec![frame])
}

/// One frame for each piece of the payload, all with headers of their own.
fn cut(frame: &[u8], options: u8, context: &Context) -> Result<Vec<Vec<u8>>, BadOffload> {
    let (headers, payload) = frame.split_at_checked(context.payload).ok_or(BadOffload)?;
    if payload.is_empty() || context.segment < SMALLEST_SEGMENT {
        return Err(BadOffload);
    }
    let count = payload.len().div_ceil(context.segment);
    let pieces = payload.chunks(context.segment).enumerate();
    let segments = pieces.map(|(number, piece)| {
        let mut segment = [headers, piece].concat();
        number_segment(&mut segment, number, number + 1 == count, context)?;
        let added = segment.len().saturating_sub(context.transport);
        insert_checksums(&mut segment, options, context, added)?;
        Ok(segment)
    });
    segments.collect()
}

/// Makes the headers that were copied those of segment `number`.
fn number_segment(
    segment: &mut [u8],
    number: usize,
    last: bool,
    context: &Context,
) -> Result<(), BadOffload> {
    let bytes = segment.len();
    let network = segment
        .get_mut(context.network..context.transport)
        .ok_or(BadOffload)?;
    match (context.ipv4, network.len()) {
        (true, 20..) => {
            put(network, 2, (bytes - context.network) as u16);
            let id = get(network, 4).wrapping_add(number as u16);
            put(network, 4, id);
        }
        (false, 40..) => put(network, 4, (bytes - context.network - 40) as u16),
        _ => return Err(BadOffload),
    }
    let headers = context
        .payload
        .checked_sub(context.transport)
        .ok_or(BadOffload)?;
    let transport = segment.get_mut(context.transport..).ok_or(BadOffload)?;
    match (context.kind, headers) {
        (Transport::Tcp, 20..) => number_tcp(transport, number, last, context.segment),
        (Transport::Udp, 8) => put(transport, 4, (bytes - context.transport) as u16),
        _ => return Err(BadOffload),
    }
    Ok(())
}

/// Sequence number and flags of TCP; the header is all there.
fn number_tcp(header: &mut [u8], number: usize, last: bool, segment: usize) {
    if let Some(sequence) = header.get_mut(4..).and_then(<[u8]>::first_chunk_mut::<4>) {
        let ahead = (number * segment) as u32;
        *sequence = u32::from_be_bytes(*sequence)
            .wrapping_add(ahead)
            .to_be_bytes();
    }
    if let Some(flags) = header.get_mut(13) {
        let cleared = if number > 0 { CWR } else { 0 } | if last { 0 } else { PSH_FIN };
        *flags &= !cleared;
    }
}

/// Inserts what `options` asks for. `added` is what the sum of the pseudo header
/// still lacks: the length, when the card has cut.
fn insert_checksums(
    frame: &mut [u8],
    options: u8,
    context: &Context,
    added: usize,
) -> Result<(), BadOffload> {
    if options & IXSM != 0 {
        let header = frame.get_mut(context.network..context.transport);
        let header = header.filter(|header| context.ipv4 && header.len() >= 20);
        let header = header.ok_or(BadOffload)?;
        put(header, 10, !folded(sum(header)));
    }
    if options & TXSM == 0 {
        return Ok(());
    }
    let body = frame.get_mut(context.transport..).ok_or(BadOffload)?;
    let (at, header) = match context.kind {
        Transport::Tcp => (16, 20),
        Transport::Udp => (6, 8),
        Transport::Sctp => return insert_crc32c(body),
        Transport::Unknown => return Err(BadOffload),
    };
    if body.len() < header {
        return Err(BadOffload);
    }
    let value = !folded(sum(body) + added as u64);
    // In UDP, 0 says that there is no checksum.
    let none = value == 0 && context.kind == Transport::Udp;
    put(body, at, if none { u16::MAX } else { value });
    Ok(())
}

/// The checksum of SCTP, over the packet with zeros in its place (RFC 9260, appendix A).
fn insert_crc32c(packet: &mut [u8]) -> Result<(), BadOffload> {
    let field = packet
        .get_mut(8..)
        .and_then(<[u8]>::first_chunk_mut::<4>)
        .ok_or(BadOffload)?;
    *field = [0; 4];
    let mut crc = u32::MAX;
    for &byte in packet.iter() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    if let Some(field) = packet.get_mut(8..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *field = (!crc).to_le_bytes();
    }
    Ok(())
}

/// The sum of the bytes as big-endian 16-bit words (RFC 1071), not yet folded.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let sum: u64 = words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)))
        .sum();
    sum + rest.first().map_or(0, |&byte| u64::from(byte) << 8)
}

fn folded(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

/// The 16-bit word at byte `at`; 0 behind the end.
fn get(bytes: &[u8], at: usize) -> u16 {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>);
    word.map_or(0, |word| u16::from_be_bytes(*word))
}

/// Puts a 16-bit word at byte `at`, unless that is behind the end.
fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(word) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *word = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetHeaders, PacketBuilder, PacketHeaders, TransportHeader};
    use etherparse::{SlicedPacket, TransportSlice};

    /// A TCP packet over `ip`, its sums correct, and the context that describes it.
    fn tcp(v6: bool, vlan: bool, payload: &[u8]) -> (Vec<u8>, Context) {
        let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let network = match (vlan, v6) {
            (false, false) => link.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            (false, true) => link.ipv6([0xFD; 16], [0xFC; 16], 64),
            (true, false) => link
                .vlan(etherparse::VlanHeader::Single(
                    etherparse::SingleVlanHeader {
                        vlan_id: 7.try_into().unwrap(),
                        ..Default::default()
                    },
                ))
                .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            (true, true) => unreachable!("not used"),
        };
        let packet = network
            .tcp(1000, 2000, 0xFFFF_FFF0, 512)
            .ack(7)
            .psh()
            .fin()
            .cwr();
        let mut frame = Vec::new();
        packet.write(&mut frame, payload).unwrap();
        let network = if vlan { 18 } else { 14 };
        let ip = if v6 { 40 } else { 20 };
        (frame, described(network, ip, !v6, 1, 20, 1000))
    }

    fn described(network: u64, ip: u64, v4: bool, kind: u64, l4: u64, mss: u64) -> Context {
        let second = u64::from(v4) << 10 | kind << 11 | l4 << 40 | mss << 48;
        Context::new(ip | network << 9 | 0x6014 << 16, second)
    }

    /// What software leaves in the fields: nothing, and the pseudo header's sum.
    fn prepared(frame: &[u8], context: &Context, cut: bool) -> Vec<u8> {
        let mut frame = frame.to_vec();
        let (at, transport) = (context.network, context.transport);
        let addresses = match context.ipv4 {
            true => &frame[at + 12..at + 20],
            false => &frame[at + 8..at + 40],
        };
        let length = if cut { 0 } else { frame.len() - transport };
        let (protocol, field) = match context.kind {
            Transport::Tcp => (6, 16),
            _ => (17, 6),
        };
        let seed = folded(sum(addresses) + protocol + length as u64);
        put(&mut frame, transport + field, seed);
        if context.ipv4 {
            put(&mut frame, at + 10, 0);
        }
        frame
    }

    fn both() -> TxData {
        TxData::new().with_options(IXSM | TXSM)
    }

    /// Asserts that etherparse computes the sums that are in the frame.
    fn assert_sums(frame: &[u8]) {
        let packet = PacketHeaders::from_ethernet_slice(frame).unwrap();
        let (net, payload) = (packet.net.unwrap(), packet.payload.slice());
        if let NetHeaders::Ipv4(header, _) = &net {
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len) + 14, frame.len());
        }
        let (found, computed) = match (packet.transport.unwrap(), &net) {
            (TransportHeader::Tcp(tcp), NetHeaders::Ipv4(header, _)) => {
                (tcp.checksum, tcp.calc_checksum_ipv4(header, payload))
            }
            (TransportHeader::Tcp(tcp), NetHeaders::Ipv6(header, _)) => {
                (tcp.checksum, tcp.calc_checksum_ipv6(header, payload))
            }
            (TransportHeader::Udp(udp), NetHeaders::Ipv4(header, _)) => {
                (udp.checksum, udp.calc_checksum_ipv4(header, payload))
            }
            other => panic!("{other:?}"),
        };
        let computed = computed.unwrap();
        assert_eq!(found, computed);
    }

    #[test]
    fn checksums_come_out_as_another_implementation_has_them() {
        for payload in [&b""[..], b"x", b"some bytes", &[0xFF; 1200]] {
            for (v6, vlan) in [(false, false), (true, false), (false, true)] {
                let (frame, context) = tcp(v6, vlan, payload);
                let asked = TxData::new().with_options(if v6 { TXSM } else { IXSM | TXSM });
                let given = prepared(&frame, &context, false);
                assert_eq!(apply(given, asked, &context).unwrap(), [frame]);
            }
        }
        assert_eq!(described(14, 20, true, 1, 20, 0).tag(), 0x6014);
    }

    #[test]
    fn a_udp_sum_of_zero_is_sent_as_all_ones() {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [9; 4], 64);
        let mut frame = Vec::new();
        builder.udp(1, 2).write(&mut frame, &[0; 2]).unwrap();
        let context = described(14, 20, true, 0, 8, 0);
        // The payload that brings the sum to 0.
        let sum = get(&frame, 40);
        put(&mut frame, 42, sum);
        let sent = apply(prepared(&frame, &context, false), both(), &context).unwrap();
        assert_eq!(sent[0][40..44], [[0xFF; 2], sum.to_be_bytes()].concat());
    }

    #[test]
    fn a_long_packet_leaves_in_segments_that_are_whole_packets() {
        for v6 in [false, true] {
            let payload: Vec<u8> = (0..2500_u32).map(|n| (n % 251) as u8).collect();
            let (frame, context) = tcp(v6, false, &payload);
            let asked = both()
                .with_options(if v6 { TXSM } else { 3 })
                .with_segment(true);
            let sent = apply(prepared(&frame, &context, true), asked, &context).unwrap();
            let mut joined = Vec::new();
            for (number, segment) in sent.iter().enumerate() {
                assert_sums(segment);
                let packet = SlicedPacket::from_ethernet(segment).unwrap();
                let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
                    panic!()
                };
                let ahead = 1000 * number as u32;
                assert_eq!(tcp.sequence_number(), 0xFFFF_FFF0_u32.wrapping_add(ahead));
                assert_eq!(
                    [tcp.psh(), tcp.fin(), tcp.cwr()],
                    [number == 2, number == 2, number == 0]
                );
                assert!(tcp.ack());
                joined.extend(tcp.payload());
                let id = get(&frame, 18).wrapping_add(number as u16);
                assert!(v6 || get(segment, 18) == id);
            }
            assert_eq!((sent.len(), joined), (3, payload));
            assert_eq!(context.headers(), if v6 { 74 } else { 54 });
        }
    }

    #[test]
    fn a_context_of_places_means_the_same_as_one_of_lengths() {
        let (frame, context) = tcp(false, false, &[3; 2500]);
        // IPCSS 14, IPCSO 24, IPCSE 33, TUCSS 34, TUCSO 50; TCP, IP, TSE, HDRLEN 54, MSS 1000.
        let places = 14 | 24 << 8 | 33 << 16 | 34 << 32 | 50 << 40;
        let older = Context::of_places(places, 7 << 24 | 54 << 40 | 1000 << 48);
        for segment in [false, true] {
            let given = prepared(&frame, &context, segment);
            let asked = both().with_segment(segment);
            let expected = apply(given.clone(), asked, &context).unwrap();
            assert_eq!(apply(given, asked, &older).unwrap(), expected);
        }
        let given = prepared(&frame, &context, false);
        let asked = both().with_options(IXSM);
        let expected = apply(given.clone(), asked, &context);
        assert_eq!(
            apply(given, asked, &Context::of_places(14 | 33 << 16, 0)),
            expected
        );
    }

    #[test]
    fn udp_is_cut_into_datagrams() {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [9; 4], 64);
        let mut frame = Vec::new();
        builder.udp(1, 2).write(&mut frame, &[7; 250]).unwrap();
        let context = described(14, 20, true, 0, 8, 100);
        let given = prepared(&frame, &context, true);
        let sent = apply(given, both().with_segment(true), &context).unwrap();
        sent.iter().for_each(|datagram| assert_sums(datagram));
        let lengths: Vec<u16> = sent.iter().map(|datagram| get(datagram, 38)).collect();
        assert_eq!(lengths, [108, 108, 58]);
    }

    #[test]
    fn the_sum_of_sctp_is_crc_32c() {
        let mut packet = *b"12345678\xAA\xAA\xAA\xAA";
        insert_crc32c(&mut packet).unwrap();
        // RFC 3720 publishes the sum of 32 zeros.
        let mut zeros = [0; 32];
        insert_crc32c(&mut zeros).unwrap();
        assert_eq!(zeros[8..12], [0xAA, 0x36, 0x91, 0x8A]);
        assert_ne!(packet[8..], [0xAA; 4]);
        assert_eq!(insert_crc32c(&mut [0; 11]), Err(BadOffload));
    }

    #[test]
    fn a_request_that_the_frame_does_not_meet_is_refused() {
        let (frame, good) = tcp(false, false, &[1; 3000]);
        let tso = both().with_segment(true);
        let bad = |asked: TxData, context: Context| {
            assert_eq!(apply(frame.clone(), asked, &context), Err(BadOffload));
        };
        bad(both().with_options(4), good);
        bad(both(), described(14, 19, true, 1, 20, 100));
        bad(both(), described(14, 20, false, 1, 20, 100));
        bad(both(), described(14, 20, true, 3, 20, 100));
        bad(tso, described(14, 20, true, 1, 20, 0));
        bad(tso, described(14, 20, true, 1, 19, 100));
        bad(tso, described(14, 39, false, 1, 20, 100));
        bad(tso, described(14, 20, true, 2, 20, 100));
        bad(tso, described(14, 20, true, 0, 20, 100));
        let short = frame[..54].to_vec();
        assert_eq!(apply(short, tso, &good), Err(BadOffload), "no payload");
        assert_eq!(apply(frame[..40].to_vec(), both(), &good), Err(BadOffload));
        assert_eq!(apply(Vec::new(), both(), &good), Err(BadOffload));
    }

    #[test]
    fn nothing_that_is_asked_makes_it_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut next = || random.u64(..);
        for _ in 0..20_000 {
            let frame = vec![next() as u8; next() as usize % 600];
            let context = Context::new(next() & 0x3FF | (next() & 31) << 9, next());
            let _ = apply(frame.clone(), TxData::from(next()), &context);
            let older = Context::of_places(next() & 0xFFFF_FFFF_FFFF, next());
            let _ = apply(frame, TxData::from(next()), &older);
        }
    }
}
