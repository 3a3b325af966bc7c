//! Capture files: what the program replays.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use lockgate::capture::replay::{MAX_FRAME, Replay};
use rustix::fs::MemfdFlags;

/// Reads `data` as a capture to its end. A capture that was accepted as a whole has as
/// many frames as it said, none longer than the limit.
///
/// # Panics
/// When it has not.
pub fn capture(data: &[u8]) {
    let file = File::from(
        rustix::fs::memfd_create("capture", MemfdFlags::CLOEXEC).expect("memory for a file"),
    );
    file.write_all_at(data, 0).expect("memory for a file");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let Ok(mut replay) = Replay::open(&path) else {
        return;
    };
    let mut seen = 0;
    while let Some(frame) = replay.next().expect("what was checked can be read") {
        assert!(frame.bytes.len() <= MAX_FRAME);
        seen += 1;
    }
    assert_eq!(seen, replay.frames(), "frames");
}
