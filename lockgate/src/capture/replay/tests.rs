//! Captures made by hand, whole and damaged.

use super::*;
use proptest::prelude::*;
use std::io::Cursor;

fn u32s(big: bool, words: &[u32]) -> Vec<u8> {
    let bytes = |word: &u32| match big {
        true => word.to_be_bytes(),
        false => word.to_le_bytes(),
    };
    words.iter().flat_map(bytes).collect()
}

/// A pcap file; each frame's stamp is its number in seconds and units.
fn pcap(big: bool, magic: u32, network: u32, frames: &[&[u8]]) -> Vec<u8> {
    let version = if big { 0x0002_0004 } else { 0x0004_0002 };
    let mut file = u32s(big, &[magic, version, 0, 0, 65535, network]);
    for (n, frame) in (1..).zip(frames) {
        let length = frame.len() as u32;
        file.extend(u32s(big, &[n, n, length, length]));
        file.extend(*frame);
    }
    file
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let total = body.len() as u32 + 12;
    [&u32s(big, &[kind, total]), body, &u32s(big, &[total])].concat()
}

fn section(big: bool) -> Vec<u8> {
    let version = if big { 0x0001_0000 } else { 1 };
    let body = u32s(big, &[0x1a2b_3c4d, version, !0, !0]);
    block(big, 0x0a0d_0d0a, &body)
}

fn interface(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
    let link = u32::from(link) << if big { 16 } else { 0 };
    block(big, 1, &[&u32s(big, &[link, 0]), options].concat())
}

fn enhanced(big: bool, interface: u32, stamp: u32, frame: &[u8]) -> Vec<u8> {
    let length = frame.len() as u32;
    let mut body = u32s(big, &[interface, 0, stamp, length, length]);
    body.extend(frame);
    body.resize(body.len().next_multiple_of(4), 0);
    block(big, 6, &body)
}

fn read(file: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, CaptureError> {
    let mut scanner = count(Cursor::new(file)).1?;
    let mut frames = Vec::new();
    while let Some(stamp) = scanner.next()? {
        frames.push((stamp, scanner.frame.clone()));
    }
    Ok(frames)
}

fn refusal(file: &[u8]) -> String {
    let (frames, result) = count(Cursor::new(file));
    let flaw = result.expect_err("the capture is not right");
    flaw.refuse(Path::new("x"), frames).to_string()
}

#[test]
fn every_kind_of_pcap_gives_its_frames_and_stamps() {
    let (micro, nano) = (0xa1b2_c3d4, 0xa1b2_3c4d);
    for big in [false, true] {
        let file = pcap(big, micro, 1, &[b"first", b""]);
        let expected = [
            (1_000_001_000, b"first".to_vec()),
            (2_000_002_000, Vec::new()),
        ];
        assert_eq!(read(&file).unwrap(), expected);
        let file = pcap(big, nano, 1, &[b"first"]);
        assert_eq!(read(&file).unwrap(), [(1_000_000_001, b"first".to_vec())]);
    }
}

#[test]
fn a_check_sequence_is_not_part_of_the_frame() {
    // Two words of 16 bits.
    let with_check = 0x2400_0001;
    let file = pcap(false, 0xa1b2_c3d4, with_check, &[b"frame+FCS."]);
    assert_eq!(read(&file).unwrap()[0].1, b"frame+");
}

#[test]
fn every_kind_of_packet_block_gives_its_frame() {
    for big in [false, true] {
        let old = [&u32s(big, &[0, 0, 5, 4, 4]), &b"aged"[..]].concat();
        let simple = [&u32s(big, &[3]), &b"few\0"[..]].concat();
        let file = [
            section(big),
            interface(big, 1, &[]),
            block(big, 0x0bad, b"passed over."),
            enhanced(big, 0, 7, b"enhanced"),
            block(big, 2, &old),
            block(big, 3, &simple),
        ]
        .concat();
        let expected = [
            (7_000, b"enhanced".to_vec()),
            (5_000, b"aged".to_vec()),
            (0, b"few".to_vec()),
        ];
        assert_eq!(read(&file).unwrap(), expected);
    }
}

#[test]
fn interfaces_end_with_their_section() {
    let file = [
        section(false),
        interface(false, 1, &[]),
        interface(false, 1, &[]),
        enhanced(false, 1, 0, b"one"),
        section(true),
        interface(true, 1, &[]),
        enhanced(true, 1, 0, b"two"),
    ]
    .concat();
    let text = refusal(&file);
    assert!(text.contains("after 1 whole packet,"), "{text}");
    assert!(text.contains("unknown interface"), "{text}");
}

#[test]
fn another_link_type_is_named_once_a_packet_has_it() {
    let text = refusal(&pcap(false, 0xa1b2_c3d4, 113, &[]));
    assert!(text.contains("113 (Linux cooked)"), "{text}");
    let header = [section(false), interface(false, 276, &[])].concat();
    assert_eq!(read(&header).unwrap(), []);
    let file = [header, enhanced(false, 0, 0, b"x")].concat();
    let text = refusal(&file);
    assert!(text.contains("276 (Linux cooked v2)"), "{text}");
}

#[test]
fn a_cut_capture_is_refused_wherever_it_is_cut() {
    let frames: &[&[u8]] = &[b"first", b"second!"];
    let block_file = [
        section(false),
        interface(false, 1, &[]),
        enhanced(false, 0, 7, b"enhanced"),
    ]
    .concat();
    let whole_at = |cut: usize| [24, 45, 68].contains(&cut) || [28, 48, 88].contains(&cut);
    for file in [pcap(false, 0xa1b2_c3d4, 1, frames), block_file] {
        for cut in (4..file.len()).filter(|cut| !whole_at(*cut)) {
            let text = refusal(&file[..cut]);
            assert!(text.contains("is truncated: after"), "cut at {cut}: {text}");
            assert!(text.contains(&format!("at byte {cut}\n")), "{text}");
        }
    }
}

#[test]
fn a_cut_capture_says_how_many_packets_are_whole_and_where_the_next_began() {
    let file = pcap(false, 0xa1b2_c3d4, 1, &[b"first", b"second!"]);
    let text = refusal(&file[..66]);
    assert!(
        text.starts_with(
            "x is truncated: after 1 whole packet, what begins at byte 45 runs past \
             the end at byte 66\n"
        ),
        "{text}"
    );
}

#[test]
fn what_is_no_capture_says_so() {
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(b"\x1f\x8b\x08\0rest").contains("compressed"));
    for file in [&b"a"[..], b"[nic]\ndevice = 1", &[0; 100]] {
        assert!(refusal(file).contains("is not a capture"));
    }
}

#[test]
fn lengths_that_cannot_be_are_damage() {
    let mut file = pcap(false, 0xa1b2_c3d4, 1, &[&[0; 100]]);
    file[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(refusal(&file).contains("longer than 262,144"));

    let mut file = [section(false), interface(false, 1, &[])].concat();
    file[4] = 8;
    assert!(refusal(&file).contains("impossible length"));

    let mut file = section(false);
    let last = file.len() - 4;
    file[last] += 4;
    assert!(refusal(&file).contains("two lengths"));

    let mut body = u32s(false, &[0, 0, 0, 5, 5]);
    body.extend(b"four");
    let file = [
        section(false),
        interface(false, 1, &[]),
        block(false, 6, &body),
    ]
    .concat();
    assert!(refusal(&file).contains("runs past its block"));
}

#[test]
fn a_folder_or_a_device_is_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path(),
        Path::new("/dev/zero"),
        &folder.path().join("no"),
    ] {
        assert_eq!(Replay::open(path).unwrap_err().status(), 2);
    }
}

#[test]
fn a_capture_cut_after_it_was_opened_fails_and_never_ends_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let more_than_a_buffer = [&[0; 1000][..]; 200];
    std::fs::write(&path, pcap(false, 0xa1b2_c3d4, 1, &more_than_a_buffer)).unwrap();
    let mut replay = Replay::open(&path).unwrap();
    assert_eq!(replay.frames(), 200);
    std::fs::write(&path, "").unwrap();

    let failure = loop {
        match replay.next() {
            Ok(frame) => assert!(frame.is_some(), "ended early"),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.status(), 1);
}

proptest! {
    #[test]
    fn no_bytes_can_panic_a_replay(
        big: bool,
        blocks: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = if blocks {
            let options = [14, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 0x89, 0, 0, 0];
            [section(big), interface(big, 1, &options), enhanced(big, 0, 9, b"enhanced")]
                .concat()
        } else {
            pcap(big, 0xa1b2_c3d4, 1, &[b"first", b"second!"])
        };
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        file.truncate(cut.index(file.len()) + 1);
        if let Ok(frames) = read(&file) {
            prop_assert!(frames.iter().all(|(_, bytes)| bytes.len() <= file.len()));
        }
    }
}
