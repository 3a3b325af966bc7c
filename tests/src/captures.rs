//! The captures that tests replay, and frames as the oracle has them.
//!
//! The project's own are enough for every test; more only find more.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapWriter};

use crate::capture::{self, Frame};
use crate::oracle::Delivery;

/// Names a folder of further captures.
pub const EXTRA: &str = "LOCKGATE_CAPTURES";

/// The project's own captures, `tests/captures`, then those of the folder that [`EXTRA`]
/// names, each in order of their names.
///
/// # Panics
/// When one of the folders cannot be read or has no captures.
pub fn collection() -> Vec<PathBuf> {
    let mut files = captures_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("captures"));
    if let Some(folder) = env::var_os(EXTRA) {
        files.extend(captures_in(Path::new(&folder)));
    }
    files
}

/// The captures of one folder.
fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("no folder of captures at {}: {error}", folder.display()));
    let mut files: Vec<_> = listing
        .map(|entry| entry.expect("a folder that can be listed").path())
        .filter(|path| {
            let ending = path.extension();
            ending.is_some_and(|ending| ending == "pcap" || ending == "pcapng")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no captures in {}", folder.display());
    files
}

/// The frames of a capture in order.
///
/// # Panics
/// When the file is no whole capture.
pub fn frames(path: &Path) -> Vec<Vec<u8>> {
    read(path).into_iter().map(|frame| frame.bytes).collect()
}

/// The frames of a capture with queue (0 where none is given) and Toeplitz hash.
///
/// # Panics
/// When the file is no whole capture, or a hash is not Toeplitz.
pub fn deliveries(path: &Path) -> Vec<Delivery> {
    let delivery = |frame: Frame| Delivery {
        queue: frame.queue.unwrap_or(0),
        hash: frame.hash.map(|hash| toeplitz(&hash)),
        bytes: frame.bytes,
    };
    read(path).into_iter().map(delivery).collect()
}

/// The value of an `epb_hash` whose algorithm is 5, Toeplitz.
fn toeplitz(hash: &[u8]) -> u32 {
    match hash {
        [5, value @ ..] => u32::from_be_bytes(value.try_into().expect("four bytes of hash")),
        _ => panic!("the hash {hash:02x?} is not Toeplitz"),
    }
}

fn read(path: &Path) -> Vec<Frame> {
    capture::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a capture for the program to replay.
///
/// # Panics
/// When the file cannot be written.
pub fn write_pcap(path: &Path, frames: &[Vec<u8>]) {
    let mut writer = PcapWriter::new(File::create(path).expect("a file")).expect("a header");
    for (i, frame) in frames.iter().enumerate() {
        let length = u32::try_from(frame.len()).expect("a short frame");
        let stamp = Duration::from_micros(i as u64);
        let packet = PcapPacket::new(stamp, length, frame);
        writer.write_packet(&packet).expect("a packet written");
    }
}
