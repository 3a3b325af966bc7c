//! Captures as a source of frames: pcap and pcapng.
//!
//! [`Replay::open`] reads the whole file once and says what is wrong with it before
//! anything starts; [`Replay::next`] then streams it. Nothing in a file is trusted:
//! memory is bounded by the longest frame that a capture may hold, whatever its
//! lengths claim.
//!
//! Not here: pace and destination of the frames, and writing ([`crate::capture`]).

mod error;
mod input;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use self::error::CaptureError;
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

    /// Whether every frame has been shown.
    pub fn is_at_end(&self) -> bool {
        self.shown == self.frames
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
        if self.is_at_end() {
            return Ok(None);
        }
        self.shown += 1;
        match self.scanner.next() {
            Ok(Some(stamp_ns)) => Ok(Some(Frame {
                bytes: &self.scanner.frame,
                stamp_ns,
            })),
            Err(CaptureError::Read(error)) => Err(Failure::running(
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
fn open_file(path: &Path) -> Result<File, CaptureError> {
    let metadata = std::fs::metadata(path).map_err(CaptureError::Open)?;
    if !metadata.is_file() {
        return Err(CaptureError::NotAFile);
    }
    File::open(path).map_err(CaptureError::Open)
}

/// Reads `file` to its end: how many frames there are, and a scanner at the start.
fn count<R: Read + Seek>(file: R) -> (u64, Result<Scanner<R>, CaptureError>) {
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
    fn new(mut file: R) -> Result<Self, CaptureError> {
        let size = file.seek(SeekFrom::End(0)).map_err(CaptureError::Read)?;
        file.rewind().map_err(CaptureError::Read)?;
        let mut input = Input::new(file, size);
        let magic = input.peek_magic().map_err(CaptureError::Read)?;
        let format = if magic == pcapng::MAGIC {
            Format::Pcapng(pcapng::Pcapng::default())
        } else if let Some(variant) = pcap::Variant::of(magic) {
            Format::Pcap(pcap::Pcap::new(variant, &mut input)?)
        } else {
            return Err(CaptureError::of_unknown(magic, size));
        };
        Ok(Self {
            input,
            format,
            frame: Vec::new(),
        })
    }

    /// Puts the next frame into `self.frame` and returns its stamp.
    fn next(&mut self) -> Result<Option<u64>, CaptureError> {
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
    read: impl FnOnce(&mut [u8]) -> Result<(), CaptureError>,
    at: u64,
) -> Result<(), CaptureError> {
    let captured = usize::try_from(captured)
        .ok()
        .filter(|length| *length <= MAX_FRAME)
        .ok_or(CaptureError::Damaged {
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
mod tests;
