//! Frames that the test itself sends and answers.

/// The sender of all of them.
pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x99];

/// A UDP datagram of flow `flow`: `length` bytes of frame, and a tag if there is one.
pub(crate) fn datagram(to: [u8; 6], vlan: Option<u16>, flow: u16, length: u16) -> Vec<u8> {
    let mut packet = ipv4([10, 1, 0, 1], [10, 1, 0, 2], 17, length - 14);
    packet.extend((1024 + flow).to_be_bytes());
    packet.extend([0x13, 0x88]);
    packet.extend((length - 34).to_be_bytes());
    // The checksum, 0 for none, and the payload.
    packet.resize(usize::from(length) - 14, 0);
    let mut frame = [to, PEER_MAC].concat();
    if let Some(vlan) = vlan {
        frame.extend([0x81, 0]);
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend([8, 0]);
    frame.extend(packet);
    frame
}

/// An ICMP echo request (RFC 792).
pub(crate) fn echo_request(mac: [u8; 6], from: [u8; 4], to: [u8; 4], number: u16) -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0, 0x4c, 0x47];
    message.extend(number.to_be_bytes());
    message.extend((0..64).map(|i: u8| i.wrapping_mul(7)));
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let length = 20 + message.len() as u16;
    let packet = [ipv4(from, to, 1, length), message].concat();
    [&mac[..], &PEER_MAC, &[8, 0], &packet].concat()
}

/// An IPv4 header (RFC 791) for a packet of `length` bytes.
fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut header = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
    header.extend([from, to].concat());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum = words.sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

/// The VLAN of a frame, and the frame without the tag.
pub(crate) fn tag(frame: &[u8]) -> (Option<u16>, Vec<u8>) {
    if frame.get(12..14) != Some(&[0x81, 0]) {
        return (None, frame.to_vec());
    }
    let id = u16::from_be_bytes([frame[14], frame[15]]) & 0xfff;
    (Some(id), [&frame[..12], &frame[16..]].concat())
}

/// Whether a frame is an ICMP echo request.
pub(crate) fn is_echo(frame: &[u8]) -> bool {
    frame.len() >= 42 && frame[12..14] == [8, 0] && frame[23] == 1 && frame[34] == 8
}

/// What a peer with the address `own` says to a frame: the answer to an ARP request for
/// it (RFC 826) or to an echo request.
pub(crate) fn answer_to(frame: &[u8], own: [u8; 4]) -> Option<Vec<u8>> {
    let mut answer = frame.to_vec();
    answer.get_mut(..6)?.copy_from_slice(frame.get(6..12)?);
    answer[6..12].copy_from_slice(&PEER_MAC);
    if is_echo(frame) && frame[30..34] == own {
        answer[26..30].copy_from_slice(&own);
        answer[30..34].copy_from_slice(&frame[26..30]);
        answer[34] = 0;
        answer[36..38].fill(0);
        // An odd last byte counts as if a zero followed.
        let mut message =
            answer[34..14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]))].to_vec();
        message.resize(message.len().next_multiple_of(2), 0);
        answer[36..38].copy_from_slice(&checksum(&message).to_be_bytes());
        return Some(answer);
    }
    let asks = frame.get(12..14)? == [8, 6] && frame.get(20..22)? == [0, 1];
    if asks && frame.get(38..42)? == own {
        answer[21] = 2;
        answer[32..42].copy_from_slice(&frame[22..32]);
        answer[22..28].copy_from_slice(&PEER_MAC);
        answer[28..32].copy_from_slice(&own);
        return Some(answer);
    }
    None
}
