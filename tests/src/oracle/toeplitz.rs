//! The hash, bit by bit, from Microsoft's "RSS hashing functions".

/// The bytes that RSS hashes of `frame` when `kinds` are enabled.
pub(super) fn input(frame: &[u8], kinds: &[&str]) -> Option<Vec<u8>> {
    let on = |kind: &str| kinds.contains(&kind);
    let tagged = frame.get(12..14) == Some(&[0x81, 0x00]);
    let (ethertype, packet) = match tagged {
        true => (frame.get(16..18)?, frame.get(18..)?),
        false => (frame.get(12..14)?, frame.get(14..)?),
    };
    match ethertype {
        [0x08, 0x00] => {
            let first = *packet.first()?;
            let header = usize::from(first & 0xf) * 4;
            if first >> 4 != 4 || header < 20 || packet.len() < header {
                return None;
            }
            let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
            let transport = match packet[9] {
                6 if on("ipv4-tcp") && !fragment => packet.get(header..header + 4),
                17 if on("ipv4-udp") && !fragment => packet.get(header..header + 4),
                _ => None,
            };
            assemble(&packet[12..20], transport, on("ipv4"))
        }
        [0x86, 0xdd] => {
            if packet.len() < 40 || packet[0] >> 4 != 6 {
                return None;
            }
            let transport = match packet[6] {
                6 if on("ipv6-tcp") => packet.get(40..44),
                17 if on("ipv6-udp") => packet.get(40..44),
                _ => None,
            };
            assemble(&packet[8..40], transport, on("ipv6"))
        }
        _ => None,
    }
}

fn assemble(addresses: &[u8], ports: Option<&[u8]>, alone: bool) -> Option<Vec<u8>> {
    match ports {
        Some(ports) => Some([addresses, ports].concat()),
        None => alone.then(|| addresses.to_vec()),
    }
}

/// For each set bit of the input, the 32 bits of the key that begin there.
pub(super) fn hash(key: &[u8; 40], input: &[u8]) -> u32 {
    let key_bit = |i: usize| u32::from(key[i / 8] >> (7 - i % 8) & 1);
    let mut result = 0;
    for (i, byte) in input.iter().enumerate() {
        for bit in 0..8 {
            if byte >> (7 - bit) & 1 == 1 {
                let start = i * 8 + bit;
                let window = (start..start + 32).fold(0, |window, k| window << 1 | key_bit(k));
                result ^= window;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_the_published_example_is_right() {
        // Microsoft, "Verifying the RSS hash calculation", first IPv4 row.
        let key = *b"\x6d\x5a\x56\xda\x25\x5b\x0e\xc2\x41\x67\x25\x3d\x43\xa3\x8f\xb0\xd0\xca\x2b\xcb\xae\x7b\x30\xb4\x77\xcb\x2d\xa3\x80\x30\xf2\x0c\x6a\x42\xb7\x3b\xbe\xac\x01\xfa";
        let input = [66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6];
        assert_eq!(hash(&key, &input), 0x51cc_c178);
        assert_eq!(hash(&key, &input[..8]), 0x323e_8fc2);
    }
}
