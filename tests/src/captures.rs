//! Captures as the tests read and write them: through the `pcap-file` crate, which
//! shares nothing with the program's own reader and writer.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::oracle::Delivery;

/// The captures beside the project, in order of their names.
///
/// # Panics
/// When the folder `shared/pcaps` beside the repository is missing or empty.
pub fn collection() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| {
            panic!(
                "the captures for tests belong in {}: {error}",
                folder.display()
            )
        })
        .map(|entry| entry.expect("a folder that can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|e| e == "pcap" || e == "pcapng")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no captures in {}", folder.display());
    files
}

/// The frames of a capture in order.
///
/// # Panics
/// When the file is no capture.
pub fn frames(path: &Path) -> Vec<Vec<u8>> {
    if path.extension().is_some_and(|e| e == "pcapng") {
        return deliveries(path).into_iter().map(|d| d.bytes).collect();
    }
    let mut reader = PcapReader::new(open(path)).expect("a pcap file");
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.expect("a whole packet").data.into_owned());
    }
    frames
}

/// The frames of a pcapng file with queue (0 where none is given) and Toeplitz hash.
///
/// # Panics
/// When the file is no pcapng file.
pub fn deliveries(path: &Path) -> Vec<Delivery> {
    let mut reader = PcapNgReader::new(open(path)).expect("a pcapng file");
    let mut deliveries = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.expect("a whole block") {
            let mut delivery = Delivery {
                queue: 0,
                hash: None,
                bytes: packet.data.to_vec(),
            };
            for option in &packet.options {
                note(&mut delivery, option);
            }
            deliveries.push(delivery);
        }
    }
    deliveries
}

/// epb_queue is option 6 with 32 bits, epb_hash option 3 with algorithm 5 (Toeplitz).
fn note(delivery: &mut Delivery, option: &EnhancedPacketOption<'_>) {
    match option {
        EnhancedPacketOption::Unknown(option) if option.code == 6 => {
            let value = option
                .value
                .as_ref()
                .try_into()
                .expect("four bytes of queue");
            delivery.queue = u32::from_le_bytes(value);
        }
        EnhancedPacketOption::Hash(value) => {
            assert_eq!(value[0], 5, "the hash is Toeplitz");
            delivery.hash = Some(u32::from_be_bytes(
                value[1..5].try_into().expect("four bytes"),
            ));
        }
        _ => {}
    }
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

fn open(path: &Path) -> BufReader<File> {
    BufReader::new(File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
