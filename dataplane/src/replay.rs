//! Captures as a source of frames: pcap and pcapng.
//!
//! [`Replay::open`] reads the whole file once and says what is wrong with it before
//! anything starts; [`Replay::next`] then streams it. Nothing in a file is trusted:
//! memory is bounded by the longest frame that a capture may hold, whatever its
//! lengths claim.
//!
//! Not here: pace and destination of the frames, and writing ([`crate::capture`]).

mod flaw;
mod input;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use self::flaw::Flaw;
use self::input::Input;
use crate::error::Failure;

/// The longest frame that a capture may hold, in bytes: the limit of libpcap
/// (`MAXIMUM_SNAPLEN`), above anything an Ethernet host captures.
pub const MAX_FRAME: usize = 256 * 1024;

/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;

/// One frame of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its bytes as captured, without the frame check sequence if the capture has it.
    pub bytes: &'a [u8],
    /// When, in nanoseconds since 1970; 0 where the capture does not say.
    pub stamp_ns: u64,
}

/// A capture that has been checked whole and is read from its start.
#[derive(Debug)]
pub struct Replay {
    scanner: Scanner<File>,
    path: PathBuf,
    frames: u64,
    shown: u64,
}

impl Replay {
    /// Opens the capture at `path` and checks all of it.
    ///
    /// # Errors
    /// A usage failure: no such file, no capture, truncated, not Ethernet, damaged.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (frames, result) = match open_file(path) {
            Ok(file) => count(file),
            Err(flaw) => (0, Err(flaw)),
        };
        result
            .map(|scanner| Self {
                scanner,
                path: path.to_owned(),
                frames,
                shown: 0,
            })
            .map_err(|flaw| flaw.refuse(path, frames))
    }

    /// How many frames the capture has.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The next frame, or `None` after the last.
    ///
    /// # Errors
    /// A running failure if the file changed since it was opened, or cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not lend its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Failure> {
        if self.shown == self.frames {
            return Ok(None);
        }
        self.shown += 1;
        match self.scanner.next() {
            Ok(Some(stamp_ns)) => Ok(Some(Frame {
                bytes: &self.scanner.frame,
                stamp_ns,
            })),
            Err(Flaw::Read(error)) => Err(Failure::running(
                format!("cannot read {}: {error}", self.path.display()),
                "copy the capture to a disk that can be read, and run again",
            )),
            _ => Err(Failure::running(
                format!("{} changed while it was replayed", self.path.display()),
                "run again once nothing writes to it",
            )),
        }
    }
}

/// A regular file; anything else could not be read twice.
fn open_file(path: &Path) -> Result<File, Flaw> {
    let metadata = std::fs::metadata(path).map_err(Flaw::Open)?;
    if !metadata.is_file() {
        return Err(Flaw::NotAFile);
    }
    File::open(path).map_err(Flaw::Open)
}

/// Reads `file` to its end: how many frames there are, and a scanner at the start.
fn count<R: Read + Seek>(file: R) -> (u64, Result<Scanner<R>, Flaw>) {
    let mut frames = 0;
    let result = Scanner::new(file).and_then(|mut scanner| {
        while scanner.next()?.is_some() {
            frames += 1;
        }
        Scanner::new(scanner.input.into_inner())
    });
    (frames, result)
}

/// Walks a capture from its first record to its last.
#[derive(Debug)]
struct Scanner<R> {
    input: Input<R>,
    format: Format,
    /// The frame last found.
    frame: Vec<u8>,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl<R: Read + Seek> Scanner<R> {
    fn new(mut file: R) -> Result<Self, Flaw> {
        let size = file.seek(SeekFrom::End(0)).map_err(Flaw::Read)?;
        file.rewind().map_err(Flaw::Read)?;
        let mut input = Input::new(file, size);
        let magic = input.peek_magic().map_err(Flaw::Read)?;
        let format = if magic == pcapng::MAGIC {
            Format::Pcapng(pcapng::Pcapng::default())
        } else if let Some(variant) = pcap::Variant::of(magic) {
            Format::Pcap(pcap::Pcap::new(variant, &mut input)?)
        } else {
            return Err(Flaw::of_unknown(magic, size));
        };
        Ok(Self {
            input,
            format,
            frame: Vec::new(),
        })
    }

    /// Puts the next frame into `self.frame` and returns its stamp.
    fn next(&mut self) -> Result<Option<u64>, Flaw> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input, &mut self.frame),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.input, &mut self.frame),
        }
    }
}

/// Reads a frame of `captured` bytes into `frame`, without its check sequence of
/// `check` bytes, which end the `original` bytes but may not have been captured.
fn keep_frame(
    frame: &mut Vec<u8>,
    (captured, original, check): (u32, u32, u32),
    read: impl FnOnce(&mut [u8]) -> Result<(), Flaw>,
    at: u64,
) -> Result<(), Flaw> {
    let captured = usize::try_from(captured)
        .ok()
        .filter(|length| *length <= MAX_FRAME)
        .ok_or(Flaw::Damaged {
            at,
            what: "a packet longer than 262,144 bytes",
        })?;
    frame.resize(captured, 0);
    read(frame)?;
    if check > 0 {
        frame.truncate(original.saturating_sub(check) as usize);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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

    fn read(file: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, Flaw> {
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
}
